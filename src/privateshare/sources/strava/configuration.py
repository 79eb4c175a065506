"""The settings of Strava."""

from privateshare.sources.configuration import ClientSettings


class Settings(ClientSettings):
    """The settings `[sources.strava]`: those of an API application."""
