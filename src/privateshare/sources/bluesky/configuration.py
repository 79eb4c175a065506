"""The settings of Bluesky. It works without any."""

from pydantic import Field

from privateshare.sources.configuration import SourceSettings


class Settings(SourceSettings):
    """The settings `[sources.bluesky]`."""

    private_addresses: bool = Field(
        default=False,
        description="Whether people may name servers of this machine and of private networks, and without TLS: "
        "only for development.",
    )
