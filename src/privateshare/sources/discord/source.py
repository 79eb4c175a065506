"""The source Discord: a sample, or the package of the data that people request."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark
from privateshare.sources.discord.reader import DiscordReader
from privateshare.sources.discord.sample import sample_files
from privateshare.sources.export_reader import ReadExportSource, declare

SOURCES = (
    ReadExportSource(
        declare(
            9047,
            ServiceGroup.SOCIAL,
            (ObjectType.MESSAGE,),
            "#5865f2",
            ".zip,.csv,.json",
            (
                FileMark(r"\A\W*ID\W+Timestamp\W+Contents\b"),
                FileMark(r'"Timestamp"\s*:\s*"[^"]{0,40}"\s*,\s*"Contents"\s*:'),
            ),
            (
                "Open Discord, then User Settings, “Data & Privacy”, and “Request all of my data”.",
                "Choose Messages and Account, and request the data.",
                "You receive a message when it is ready. Download the file and choose it here.",
            ),
        ),
        "Discord",
        DiscordReader,
        sample_files,
        (".png", ".jpg", ".jpeg", ".gif", ".webp", ".txt", ".mp4"),
    ),
)
