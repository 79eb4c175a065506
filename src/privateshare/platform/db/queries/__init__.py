"""The SQL statements of the calls that apps make most often, one in each file."""
