"""The PostgreSQL database: connections, tables and migrations."""
