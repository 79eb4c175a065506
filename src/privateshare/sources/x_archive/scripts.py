"""The files of an archive, which are JavaScript: JSON that is assigned to a variable."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import IO

from privateshare.sources.archive import Opener, UploadedFile

START_BYTES = 4096
SKIPPED_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".mp4", ".mov", ".svg", ".woff2", ".css"})
PROGRAM_FOLDERS = frozenset({"assets", "lib", "font", "img", "css"})  # Of the page that shows the archive.
_ASSIGNMENT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:var\s+)?[A-Za-z_$][\w.$\[\]\"']*\s*=\s*(?=[\[{])")


def is_skipped(path: str) -> bool:
    """Return whether a file of an archive has no data: pictures, and the page that shows the archive."""
    place = PurePosixPath(path.replace("\\", "/"))
    return place.suffix.lower() in SKIPPED_ENDINGS or bool(PROGRAM_FOLDERS & set(place.parts[:-1]))


def as_json(file: UploadedFile) -> UploadedFile:
    """Return a file without the assignment at its beginning."""
    with file.open() as stream:
        found = _ASSIGNMENT.match(stream.read(START_BYTES))
    if found is None:
        return file
    return UploadedFile(file.path, partial(_opened, file.open, found.end()), file.size - found.end())


@contextmanager
def _opened(opener: Opener, skipped: int) -> Iterator[IO[bytes]]:
    with opener() as stream:
        stream.read(skipped)
        yield stream
