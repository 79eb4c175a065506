"""Reddit: the copy of their data that people request."""
