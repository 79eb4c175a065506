"""The source Reddit: a sample, or the copy of their data that people request."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark, Source
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.reddit.reader import RedditReader
from privateshare.sources.reddit.sample import sample_files

if TYPE_CHECKING:
    from privateshare.sources.reddit.configuration import Settings

SOURCES = (
    ReadExportSource(
        declare(
            9031,
            ServiceGroup.SOCIAL,
            (
                ObjectType.POST,
                ObjectType.COMMENT,
                ObjectType.LIKE,
                ObjectType.SOCIAL_NETWORK_USER,
                ObjectType.MESSAGE,
            ),
            "#ff4500",
            ".zip,.csv",
            (
                FileMark(r"\A\W*id\W+permalink\W"),
                FileMark(r"\A\W*message_id\W+created_at\W.*channel_url"),
                FileMark(r"\A\W*statistic\W+value\b"),
            ),
            (
                "Open reddit.com/settings/data-request in a browser.",
                "Choose what applies to you and the time that you want, and request the data.",
                "You receive a message when it is ready. Download the file and choose it here.",
            ),
        ),
        "Reddit",
        RedditReader,
        sample_files,
    ),
)


def configured(settings: "Settings") -> Sequence[Source]:
    """Return the source with a sign-in too, by the operator's app."""
    # The process that reads an archive imports this module, and does without the clients of the API.
    from privateshare.sources.reddit.live import LiveReddit
    from privateshare.sources.routes import UploadOrSignIn

    return (UploadOrSignIn(SOURCES[0], LiveReddit(settings)),)
