"""The files of an archive, which are JavaScript: JSON that is assigned to a variable."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import IO

from privateshare.sources.archive import Opener, UploadedFile
from privateshare.sources.text_files import encoding_of

START_BYTES = 4096
SKIPPED_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".mp4", ".mov", ".svg", ".woff2", ".css"})
PROGRAM_FOLDERS = frozenset({"assets", "lib", "font", "img", "css"})  # These belong to the page that shows the archive.
_ASSIGNMENT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:var\s+)?[A-Za-z_$][\w.$\[\]\"']*\s*=\s*(?=[\[{])")


def is_skipped(path: str) -> bool:
    """Return whether a file of an archive has no data: pictures, and the page that shows the archive."""
    place = PurePosixPath(path.replace("\\", "/"))
    return place.suffix.lower() in SKIPPED_ENDINGS or bool(PROGRAM_FOLDERS & set(place.parts[:-1]))


def as_json(file: UploadedFile) -> UploadedFile:
    """Return a file without the assignment at its beginning."""
    with file.open() as stream:
        length = _assignment_bytes(stream.read(START_BYTES))
    return UploadedFile(file.path, partial(_opened, file.open, length), file.size - length) if length else file


def _assignment_bytes(start: bytes) -> int:
    """Return the length of the assignment at the beginning of a file; 0 if there is none."""
    if not encoding_of(start).startswith("utf-16"):
        found = _ASSIGNMENT.match(start)
        return found.end() if found is not None else 0
    mark = len(BOM_UTF16_LE) if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else 0
    found = _ASSIGNMENT.match(start[mark:].replace(b"\0", b""))
    return mark + 2 * found.end() if found is not None else 0


@contextmanager
def _opened(opener: Opener, skipped: int) -> Iterator[IO[bytes]]:
    with opener() as stream:
        stream.read(skipped)
        yield stream
