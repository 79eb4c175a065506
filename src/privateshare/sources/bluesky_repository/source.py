"""The source Bluesky: a sample, or the repository that people download in the settings."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.bluesky_repository.reader import BlueskyReader
from privateshare.sources.bluesky_repository.sample import sample_files
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare

SOURCES = (
    ReadExportSource(
        declare(
            9036,
            ServiceGroup.SOCIAL,
            (ObjectType.POST, ObjectType.LIKE, ObjectType.SOCIAL_NETWORK_USER, ObjectType.PROFILE),
            "#1185fe",
            ".car,.zip",
            (FileMark(r"\A.{0,4}(?s:.{0,8})roots(?s:.{0,80})version"),),
            (
                "Open bsky.app in a browser, then Settings, Account, and “Export my data”.",
                "Choose “Download CAR file”, and choose the file here.",
            ),
        ),
        "Bluesky",
        BlueskyReader,
        sample_files,
    ),
)
