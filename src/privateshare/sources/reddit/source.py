"""The source Reddit: a sample, or the copy of their data that people request."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.reddit.reader import RedditReader
from privateshare.sources.reddit.sample import sample_files

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
