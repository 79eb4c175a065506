"""The built-in PostgreSQL server in the data folder, for platforms without DATABASE_URL."""
