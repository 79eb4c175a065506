"""HTTP: requests and responses, transports that send them, and the limits that keep a response from doing harm."""
