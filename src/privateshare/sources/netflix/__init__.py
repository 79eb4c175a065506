"""Netflix: the viewing activity that people download or request."""
