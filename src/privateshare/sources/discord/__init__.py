"""Discord: the package of the data that people request."""
