"""Mastodon: the archive that people request at their server, and its tables."""
