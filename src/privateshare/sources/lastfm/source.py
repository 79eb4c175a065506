"""The source Last.fm: a sample, the plays that people exported, or those of the person who signs in.

ListenBrainz uses its reader too.
"""

from collections.abc import Sequence

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark, Source
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.lastfm.reader import ScrobbleReader
from privateshare.sources.lastfm.sample import lastfm_sample

EXPORT = ReadExportSource(
    declare(
        9045,
        ServiceGroup.ENTERTAINMENT,
        (ObjectType.PLAY_HISTORY,),
        "#d51007",
        ".csv,.json,.zip",
        (
            FileMark(r"(?i)\A\W*(uts|utc_time|artist)\b[^\n]*\btrack\b"),
            FileMark(r'"scrobbles"\s*:|"recenttracks"\s*:|"date"\s*:\s*\{\s*"uts"'),
            FileMark(r"\A[^\n]*,\"?\d{1,2} [A-Z][a-z]{2} \d{4},? \d\d:\d\d\"?\r?\n", is_weak=True),
        ),
        (
            "Last.fm has no export. Open a program that makes one, such as lastfmstats.com, with your user name.",
            "Download the plays as CSV or JSON, and choose the file here.",
        ),
    ),
    "Last.fm",
    ScrobbleReader,
    lastfm_sample,
)


SOURCES: Sequence[Source] = (EXPORT,)
