"""The settings of Last.fm."""

from pydantic import Field, field_validator

from privateshare.sources.configuration import ClientSettings
from privateshare.sources.web import is_safe


class Settings(ClientSettings):
    """The settings `[sources.lastfm]`: the API key is the client id, and the shared secret the client secret."""

    origin: str | None = Field(
        default=None, description="The origin of another server with Last.fm's API, in place of Last.fm's own."
    )

    @field_validator("origin")
    @classmethod
    def _is_safe(cls, value: str | None) -> str | None:
        if value is not None and not is_safe(value):
            raise ValueError("must be an address with https")
        return value.rstrip("/") if value is not None else None
