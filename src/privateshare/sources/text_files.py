"""Opening files of an upload as text."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader, TextIOWrapper
from typing import cast

from privateshare.sources.archive import UploadedFile


@contextmanager
def opened_text(file: UploadedFile) -> Iterator[TextIOWrapper]:
    """Open a file as text, in UTF-8 or UTF-16. Invalid bytes become U+FFFD."""
    with file.open() as stream:
        start = stream.read(len(codecs.BOM_UTF16_LE))
    encoding = "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    with file.open() as stream:
        buffered = stream if isinstance(stream, BufferedIOBase) else BufferedReader(stream)  # type: ignore[type-var]
        text = TextIOWrapper(cast(BufferedReader, buffered), encoding, errors="replace", newline="\n")
        try:
            yield text
        finally:
            text.detach()
