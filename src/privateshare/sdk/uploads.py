"""What can be sent: bytes, a path, an open file, or an iterator of pieces; read piece by piece."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, cast

from privateshare.errors import ConfigurationError

PIECE_BYTES = 256 * 1024


class Readable(Protocol):
    """An open binary file, or what reads like one. If it can `seek`, it can be sent again after a passing failure."""

    def read(self, size: int, /) -> bytes:
        """The next bytes; none at the end."""


Content = bytes | bytearray | memoryview | str | os.PathLike[str] | Readable | Iterable[bytes]
AsyncContent = Content | AsyncIterable[bytes]
"""What the asyncio client can send."""

Pieces = Iterator[bytes] | AsyncIterator[bytes]


def pieces_of(content: AsyncContent) -> tuple[Callable[[], Pieces], bool]:
    """A maker of the pieces, and whether it can be called again: an iterator, or a pipe, gives its bytes once."""
    if isinstance(content, AsyncIterable):
        return lambda: _async_pieces(content), False
    if isinstance(content, bytes | bytearray | memoryview):
        return lambda: iter([bytes(content)]), True
    if isinstance(content, str | os.PathLike):
        return lambda: _file_pieces(Path(content)), True
    if hasattr(content, "read"):
        return _stream_pieces(cast(Readable, content))
    return lambda: map(_checked, content), isinstance(content, list | tuple)


async def _async_pieces(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for piece in content:
        yield _checked(piece)


def _file_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _read(file)


def _stream_pieces(stream: Readable) -> tuple[Callable[[], Iterator[bytes]], bool]:
    seekable = getattr(stream, "seekable", None)
    if seekable is None or not seekable():
        return lambda: _read(stream), False
    again = cast("_Seekable", stream)
    start = again.tell()

    def pieces() -> Iterator[bytes]:
        again.seek(start)
        yield from _read(stream)

    return pieces, True


class _Seekable(Protocol):
    def seek(self, offset: int, /) -> object: ...

    def tell(self) -> int: ...


def _read(stream: Readable) -> Iterator[bytes]:
    return iter(lambda: _checked(stream.read(PIECE_BYTES)), b"")


def _checked(piece: object) -> bytes:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise ConfigurationError(
            f"what is sent must be bytes, and this gives {type(piece).__name__}", hint="Open files in binary mode"
        )
    return bytes(piece)
