"""The source GitHub."""
