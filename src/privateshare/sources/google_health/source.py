"""Google Health: a sign-in beside the exports of the source Fitbit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from privateshare.sources.contract import Source

if TYPE_CHECKING:
    from privateshare.sources.google_health.configuration import Settings

ID = 15


def configured(settings: "Settings") -> Sequence[Source]:
    """Return the source of Fitbit's exports with a sign-in at Google too, by the operator's project."""
    # The process that reads an archive imports this module, and does without the clients of the API.
    from privateshare.sources.google_fitness.source import SOURCES as EXPORTS
    from privateshare.sources.google_health.live import LiveGoogleHealth
    from privateshare.sources.routes import UploadOrSignIn

    return [UploadOrSignIn(source, LiveGoogleHealth(settings)) for source in EXPORTS if source.info.id == ID]


SOURCES: Sequence[Source] = ()
