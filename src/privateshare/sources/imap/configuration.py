"""The settings of mail servers. They work without any."""

from pydantic import Field

from privateshare.sources.configuration import SourceSettings


class Settings(SourceSettings):
    """The settings `[sources.imap]`."""

    private_addresses: bool = Field(
        default=False,
        description="Whether people may name servers of this machine and of private networks, and without TLS: "
        "only for development.",
    )
