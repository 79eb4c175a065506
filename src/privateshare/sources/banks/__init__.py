"""The sources for bank statements that people download as files."""
