"""The source Telegram: a sample, or an export of Telegram Desktop."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.telegram.reader import TelegramReader
from privateshare.sources.telegram.sample import sample_files

SOURCES = (
    ReadExportSource(
        declare(
            9034,
            ServiceGroup.SOCIAL,
            (ObjectType.MESSAGE, ObjectType.SOCIAL_NETWORK_USER),
            "#229ed9",
            ".zip,.json,.html",
            (
                FileMark(r'"date_unixtime"|"from_id"\s*:\s*("(user|channel)|\d)'),
                FileMark(r'<div class="message default'),
            ),
            (
                "Install Telegram Desktop, sign in, and open Settings, Advanced, and “Export Telegram data”.",
                "Choose JSON as the format, and what to share. For one chat, use “Export chat history” in its menu.",
                "Put the folder that it made into a zip file, or choose its result.json here.",
            ),
        ),
        "Telegram",
        TelegramReader,
        sample_files,
        (
            *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".mp4", ".mov", ".ogg", ".mp3", ".pdf", ".tgs", ".webm"),
            *(".css", ".js", ".zip", ".docx", ".txt"),
        ),
    ),
)
