"""The settings of Oura."""

from pydantic import Field, field_validator

from privateshare.sources.configuration import ClientSettings
from privateshare.sources.web import is_safe


class Settings(ClientSettings):
    """The settings `[sources.oura]`: those of an API application. New ones have other addresses than older ones."""

    authorization_endpoint: str = Field(
        default="https://cloud.ouraring.com/oauth/authorize", description="The address at which people sign in."
    )
    token_endpoint: str = Field(
        default="https://api.ouraring.com/oauth/token", description="The address that issues tokens."
    )

    @field_validator("authorization_endpoint", "token_endpoint")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        if not is_safe(value):
            raise ValueError("must be an https address")
        return value
