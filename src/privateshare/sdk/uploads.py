"""Content that can be sent: bytes, a path, an open file, or an iterator of pieces. It is read piece by piece."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, cast

from privateshare.errors import ConfigurationError
from privateshare.sdk.arguments import path_of, wrong_argument

PIECE_BYTES = 256 * 1024


class Readable(Protocol):
    """An open binary file, or an object that is read like one. If it can `seek`, sending it can be retried."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, which are empty at the end."""


Content = bytes | bytearray | memoryview | str | os.PathLike[str] | Readable | Iterable[bytes]
AsyncContent = Content | AsyncIterable[bytes]
"""Content that the asyncio client can send."""

Pieces = Iterator[bytes] | AsyncIterator[bytes]


def pieces_of(content: AsyncContent) -> tuple[Callable[[], Pieces], bool]:
    """Return a function that reads the pieces, and whether it can be called again. An iterator is read only once."""
    if isinstance(content, Mapping) or not _is_content(content):
        raise wrong_argument("file_data", "bytes, a path, an open binary file, or an iterator of bytes", content)
    if isinstance(content, AsyncIterable):
        return lambda: _async_pieces(content), False
    if isinstance(content, bytes | bytearray | memoryview):
        return lambda: iter([bytes(content)]), True
    if isinstance(content, str | os.PathLike):
        path = path_of("file_data", content)
        return lambda: _file_pieces(path), True
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
    file = cast("_Seekable", stream)
    start = file.tell()

    def pieces() -> Iterator[bytes]:
        file.seek(start)
        yield from _read(stream)

    return pieces, True


def _is_content(content: object) -> bool:
    return isinstance(content, bytes | bytearray | memoryview | os.PathLike | Iterable | AsyncIterable) or hasattr(
        content, "read"
    )


class _Seekable(Protocol):
    def seek(self, offset: int, /) -> object: ...

    def tell(self) -> int: ...


def _read(stream: Readable) -> Iterator[bytes]:
    return iter(lambda: _checked(stream.read(PIECE_BYTES)), b"")


def _checked(piece: object) -> bytes:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise ConfigurationError(
            f"The content must be bytes, not {type(piece).__name__}", hint="Open files in binary mode"
        )
    return bytes(piece)
