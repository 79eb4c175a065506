"""The settings of Google Health."""

from privateshare.sources.configuration import ClientSettings


class Settings(ClientSettings):
    """The settings `[sources.google_health]`: those of an OAuth client of a project with the Google Health API."""
