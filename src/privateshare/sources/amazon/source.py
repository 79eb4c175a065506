"""The sources Amazon: samples, or the tables of the data request.

There are two, since purchases belong to another group of data than what was watched and searched.
"""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.amazon.reader import AmazonReader
from privateshare.sources.amazon.sample import sample_files
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare

_COLOUR, _ACCEPT = "#232f3e", ".zip,.csv"
_STEPS_END = "You receive a message when it is ready. Download the file and choose it here."
_SKIPPED = (".pdf", ".txt", ".jpg", ".png", ".json", ".xml", ".wav", ".eml")

SOURCES = (
    ReadExportSource(
        declare(
            9043,
            ServiceGroup.FINANCE,
            (ObjectType.PURCHASE,),
            _COLOUR,
            _ACCEPT,
            (
                FileMark(r"(?i)\A[^\n]*\border ?(id|date)\b[^\n]*\b(asin|product ?name)\b"),
                FileMark(r"(?i)\A[^\n]*\basin\b[^\n]*\border ?(id|date)\b"),
                FileMark(path=r"Retail\.OrderHistory|Digital[ -]Items|Digital-Ordering"),
            ),
            (
                "Open amazon.com/gp/privacycentral/dsar/preview.html, or the same page of your country.",
                "Choose “Your Orders”, submit the request, and confirm it in the message that you receive.",
                _STEPS_END,
            ),
        ),
        "Amazon",
        AmazonReader,
        sample_files,
        _SKIPPED,
    ),
    ReadExportSource(
        declare(
            9044,
            ServiceGroup.ENTERTAINMENT,
            (ObjectType.WATCH, ObjectType.SEARCH),
            _COLOUR,
            _ACCEPT,
            (
                FileMark(r"(?i)\A[^\n]*playback start|\A[^\n]*\bseconds (viewed|streamed)\b"),
                FileMark(r"(?i)\A[^\n]*\bsearch time( \(GMT\))?\b[^\n]*\b(keywords|query)\b"),
                FileMark(path=r"PrimeVideo\.Viewing|Search-Data\."),
            ),
            (
                "Open amazon.com/gp/privacycentral/dsar/preview.html, or the same page of your country.",
                "Choose “Prime Video” and “Search history”, submit the request, and confirm it in the message.",
                _STEPS_END,
            ),
        ),
        "Amazon",
        AmazonReader,
        sample_files,
        _SKIPPED,
    ),
)
