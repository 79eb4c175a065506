"""X, formerly Twitter: the archive that people request in their settings."""
