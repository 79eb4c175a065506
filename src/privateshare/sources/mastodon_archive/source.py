"""The source Mastodon: a sample, or the archive that people request at their server."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.mastodon_archive.reader import MastodonReader
from privateshare.sources.mastodon_archive.sample import sample_files

SOURCES = (
    ReadExportSource(
        declare(
            9035,
            ServiceGroup.SOCIAL,
            (
                ObjectType.POST,
                ObjectType.MEDIA,
                ObjectType.LIKE,
                ObjectType.SOCIAL_NETWORK_USER,
                ObjectType.PROFILE,
                ObjectType.MESSAGE,
            ),
            "#563acc",
            ".zip,.tar,.gz,.json,.csv",
            (
                FileMark(r'"(outbox|likes)\.json"|"orderedItems"|"preferredUsername"'),
                FileMark(r"\A\W*Account address\W+Show boosts\b"),
            ),
            (
                "Open your server, then Preferences, and “Import and export”, “Data export”.",
                "Choose “Request your archive”. For those whom you follow, download the CSV file beside “Follows”.",
                "You receive a message when it is ready. Download the file and choose it here.",
            ),
        ),
        "Mastodon",
        MastodonReader,
        sample_files,
        (".jpg", ".jpeg", ".png", ".gif", ".webp", ".mp4", ".webm", ".mov", ".mp3", ".ogg", ".m4a", ".wav", ".avif"),
    ),
)
