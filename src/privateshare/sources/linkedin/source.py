"""The source LinkedIn: a sample, or the copy of their data that members request."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.linkedin.reader import LinkedInReader
from privateshare.sources.linkedin.sample import sample_files

SOURCES = (
    ReadExportSource(
        declare(
            9030,
            ServiceGroup.SOCIAL,
            (
                ObjectType.POST,
                ObjectType.COMMENT,
                ObjectType.LIKE,
                ObjectType.SOCIAL_NETWORK_USER,
                ObjectType.PROFILE,
                ObjectType.MESSAGE,
            ),
            "#0a66c2",
            ".zip,.csv",
            (
                FileMark(r"(?im)^\W*First Name\W+Last Name\W.*\bConnected On\b"),
                FileMark(r"(?i)\A\W*CONVERSATION ID\W|\A\W*Date\W+ShareLink\W"),
                FileMark(r"\A\W*Date\W+Link\W+Message\b|\A\W*Date\W+Type\W+Link\b"),
            ),
            (
                "Open LinkedIn, then “Settings & Privacy”, “Data privacy”, and “Get a copy of your data”.",
                "Choose the larger archive, or what you want to share, and request it.",
                "You receive a message when it is ready. Download the file and choose it here.",
            ),
        ),
        "LinkedIn",
        LinkedInReader,
        sample_files,
        (".html", ".pdf", ".jpg", ".jpeg", ".png", ".gif"),
    ),
)
