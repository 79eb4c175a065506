"""The settings of Mastodon. It works without any."""

from pydantic import Field

from privateshare.sources.configuration import SourceSettings


class Settings(SourceSettings):
    """The settings `[sources.mastodon]`."""

    private_addresses: bool = Field(
        default=False,
        description="Whether people may name servers of this machine and of private networks, and without TLS: "
        "only for development.",
    )
