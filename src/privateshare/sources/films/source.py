"""The sources Letterboxd, Trakt and IMDb: samples, or the exports of what people watched and rated."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import DeclaredReader, ReadExportSource, declare
from privateshare.sources.films.sample import imdb_sample, letterboxd_sample, trakt_sample
from privateshare.sources.films.tables import ImdbReader, LetterboxdReader
from privateshare.sources.films.trakt import TraktReader

END = "Wait for the link to your export. Download the file and choose it here."


def source(
    source_id: int,
    name: str,
    colour: str,
    mark: FileMark,
    steps: Sequence[str],
    reader: type[DeclaredReader],
    sample_files: Callable[[datetime], Iterable[UploadedFile]],
) -> ReadExportSource:
    """Return one of the sources."""
    info = declare(
        source_id, ServiceGroup.ENTERTAINMENT, (ObjectType.WATCH,), colour, ".zip,.csv,.json", (mark,), steps
    )
    return ReadExportSource(info, name, reader, sample_files)


SOURCES = (
    source(
        9038,
        "Letterboxd",
        "#00707a",
        FileMark(r"\A[^\n]*\bLetterboxd URI\b"),
        (
            "Open letterboxd.com/settings/data in a browser, and choose “Export your data”.",
            "Download the file and choose it here.",
        ),
        LetterboxdReader,
        letterboxd_sample,
    ),
    source(
        9039,
        "Trakt",
        "#9f1f1a",
        FileMark(r'"(watched_at|rated_at)"\s*:'),
        ("Open trakt.tv/settings/data in a browser, and request the export of your data.", END),
        TraktReader,
        trakt_sample,
    ),
    source(
        9040,
        "IMDb",
        "#deb522",
        FileMark(r"\A[^\n]*\bConst\b[^\n]*\b(Your Rating|Date Rated)\b"),
        ("Open “Your ratings” at imdb.com in a browser, and choose Export in its menu.", END),
        ImdbReader,
        imdb_sample,
    ),
)
