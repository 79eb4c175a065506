"""The settings of GitHub."""

from privateshare.sources.configuration import ClientSettings


class Settings(ClientSettings):
    """The settings `[sources.github]`: those of an OAuth app."""
