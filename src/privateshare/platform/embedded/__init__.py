"""A PostgreSQL of our own, in the data folder, for those who bring none."""
