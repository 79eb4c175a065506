"""The sources Goodreads and StoryGraph: samples, or the libraries that readers export."""

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.books.reader import GoodreadsReader, StoryGraphReader
from privateshare.sources.books.sample import goodreads_sample, storygraph_sample
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare

SOURCES = (
    ReadExportSource(
        declare(
            9041,
            ServiceGroup.ENTERTAINMENT,
            (ObjectType.BOOK,),
            "#553b08",
            ".csv,.zip",
            (FileMark(r"\A[^\n]*\bTitle\b[^\n]*\bAuthor\b[^\n]*\bExclusive Shelf\b"),),
            (
                "Open goodreads.com/review/import in a browser, and choose “Export Library”.",
                "Wait for the link to your export. Download the file and choose it here.",
            ),
        ),
        "Goodreads",
        GoodreadsReader,
        goodreads_sample,
    ),
    ReadExportSource(
        declare(
            9042,
            ServiceGroup.ENTERTAINMENT,
            (ObjectType.BOOK,),
            "#0f6b6b",
            ".csv,.zip",
            (FileMark(r"\A[^\n]*\bTitle\b[^\n]*\bAuthors\b[^\n]*\bRead Status\b"),),
            (
                "Open app.thestorygraph.com, then Manage Account, and “Manage your data”, “Export StoryGraph library”.",
                "Wait for the link to your export. Download the file and choose it here.",
            ),
        ),
        "StoryGraph",
        StoryGraphReader,
        storygraph_sample,
    ),
)
