"""The sources TikTok: samples, or the data that people download in the app.

There are two, since what was watched and searched belongs to another group of data than what was published.
"""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.tiktok.reader import TikTokReader
from privateshare.sources.tiktok.sample import sample_files

_COLOUR = "#fe2c55"
_ACCEPT = ".zip,.json,.txt"
_MARKS = (
    FileMark(
        # People may choose which parts they download.
        r'"(Your Activity|Activity|Likes and Favou?rites|Profile And Settings|Profile|Post|Comment|Direct Messages?'
        r'|Tiktok Live|TikTok Shopping)"\s*:\s*\{'
        r'(?s:.*)"(VideoList|\w*FavoriteList|Favorite\w+List|FansList|SearchList|CommentsList|ProfileMap|ChatHistory'
        r'|EffectLink)"'
    ),
    FileMark(
        r"\A>*\s*(Date: \d{4}-\d\d-\d\d[^\n]*\n(Video )?Link: https?://www\.tiktok|Chat History with )",
        path=r"\.txt$|^$",
    ),
    FileMark(path=r"user_data(_tiktok)?\.json$"),
)
_STEPS = (
    "Open TikTok, then your profile, the menu, “Settings and privacy”, “Account”, and “Download your data”.",
    "Choose all data and JSON as the file format, and request the data.",
    "It is ready in “Download data” within a few days. Download the file there and choose it here.",
)
_SKIPPED = (".mp4", ".jpg", ".jpeg", ".png", ".webp", ".pdf", ".html")

SOURCES = (
    ReadExportSource(
        declare(
            9032,
            ServiceGroup.SOCIAL,
            (
                ObjectType.POST,
                ObjectType.MEDIA,
                ObjectType.COMMENT,
                ObjectType.LIKE,
                ObjectType.SOCIAL_NETWORK_USER,
                ObjectType.PROFILE,
                ObjectType.MESSAGE,
            ),
            _COLOUR,
            _ACCEPT,
            _MARKS,
            _STEPS,
        ),
        "TikTok",
        TikTokReader,
        sample_files,
        _SKIPPED,
    ),
    ReadExportSource(
        declare(
            9033,
            ServiceGroup.ENTERTAINMENT,
            (ObjectType.WATCH, ObjectType.SEARCH),
            _COLOUR,
            _ACCEPT,
            _MARKS,
            _STEPS,
        ),
        "TikTok",
        TikTokReader,
        sample_files,
        _SKIPPED,
    ),
)
