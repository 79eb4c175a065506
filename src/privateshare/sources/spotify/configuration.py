"""The settings of Spotify."""

from privateshare.sources.configuration import ClientSettings


class Settings(ClientSettings):
    """The settings `[sources.spotify]`: those of an app in Spotify's dashboard."""
