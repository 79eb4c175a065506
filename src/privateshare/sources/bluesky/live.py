"""The source Bluesky with the operator's settings: by a sign-in if they have a key, else by an app password."""

from collections.abc import Sequence

from privateshare.sources.bluesky.configuration import Settings
from privateshare.sources.bluesky.signing_in import SignedInBluesky
from privateshare.sources.bluesky.source import EXPORT, LiveBluesky
from privateshare.sources.contract import Source
from privateshare.sources.routes import UploadOrAnswers, UploadOrSignInAtServer
from privateshare.sources.typed_servers import TypedServers


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source with these settings."""
    servers = TypedServers(private=settings.private_addresses)
    if settings.key is None:
        return (UploadOrAnswers(EXPORT, LiveBluesky(servers)),)
    return (UploadOrSignInAtServer(EXPORT, SignedInBluesky(settings.key, servers)),)
