"""The settings of Withings."""

from privateshare.sources.configuration import ClientSettings


class Settings(ClientSettings):
    """The settings `[sources.withings]`: those of a public API application."""
