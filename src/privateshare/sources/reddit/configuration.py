"""The settings of Reddit."""

from privateshare.sources.configuration import ClientSettings


class Settings(ClientSettings):
    """The settings `[sources.reddit]`: those of an app that Reddit has approved."""
