"""The background jobs that fetch data into libraries, and the reading sessions that wait for them."""
