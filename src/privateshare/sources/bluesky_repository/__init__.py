"""Bluesky: the repository of a person's public records, as a CAR file."""
