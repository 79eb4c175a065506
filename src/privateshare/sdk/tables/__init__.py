"""Files as tables, one for each object type."""
