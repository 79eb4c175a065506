"""PostgreSQL: engine, tables and migrations."""
