"""What can be sent: bytes, a path, an open file, or an iterator of pieces; read piece by piece."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

PIECE_BYTES = 256 * 1024

Content = bytes | str | os.PathLike[str] | BinaryIO | Iterable[bytes]


def pieces_of(content: Content) -> tuple[Callable[[], Iterator[bytes]], bool]:
    """A maker of the pieces, and whether it can be called again: an iterator, or a pipe, gives its bytes once."""
    if isinstance(content, bytes):
        return lambda: iter([content]), True
    if isinstance(content, str | os.PathLike):
        return lambda: _file_pieces(Path(content)), True
    if hasattr(content, "read"):
        return _stream_pieces(cast(BinaryIO, content))
    return lambda: iter(content), False


def _file_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(PIECE_BYTES), b"")


def _stream_pieces(stream: BinaryIO) -> tuple[Callable[[], Iterator[bytes]], bool]:
    if not stream.seekable():
        return lambda: iter(lambda: stream.read(PIECE_BYTES), b""), False
    start = stream.tell()

    def pieces() -> Iterator[bytes]:
        stream.seek(start)
        yield from iter(lambda: stream.read(PIECE_BYTES), b"")

    return pieces, True
