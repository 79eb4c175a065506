"""The sources Last.fm and ListenBrainz: samples, or the plays that people exported."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.scrobbles.reader import ScrobbleReader
from privateshare.sources.scrobbles.sample import lastfm_sample, listenbrainz_sample

SOURCES = (
    ReadExportSource(
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
    ),
    ReadExportSource(
        declare(
            9046,
            ServiceGroup.ENTERTAINMENT,
            (ObjectType.PLAY_HISTORY,),
            "#353070",
            ".zip,.json,.jsonl",
            (FileMark(r'"track_metadata"\s*:'),),
            (
                "Open listenbrainz.org/settings/export in a browser, and choose to export your data.",
                "Wait for the link to your export. Download the file and choose it here.",
            ),
        ),
        "ListenBrainz",
        ScrobbleReader,
        listenbrainz_sample,
    ),
)
