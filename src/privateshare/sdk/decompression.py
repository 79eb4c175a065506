"""Decompression as a stream: however much a piece unpacks to, no more than a little of it is in memory at once."""

import zlib
from collections.abc import Callable
from io import RawIOBase
from typing import IO, Any, cast

from privateshare.errors import FileIntegrityError

PIECE_BYTES = 256 * 1024
GZIP_WINDOW = 31  # 15 bits, and 16 for gzip's own header

Take = Callable[[bytes], None]


def decompressor(compression: str, take: Take) -> Take:
    """What takes packed bytes and hands on plain ones: gzip, brotli, zstd or none (protocol 5.1).

    Raises FileIntegrityError for another compression, and, when called, for data that does not unpack.
    """
    makers: dict[str, Callable[[Take], Take]] = {"gzip": _gzip, "brotli": _brotli, "zstd": _zstd, "none": _none}
    if compression not in makers:
        raise FileIntegrityError(f"the file is compressed with {compression}, which is not known here")
    return makers[compression](take)


def _none(take: Take) -> Take:
    return take


def _gzip(take: Take) -> Take:
    unpacker = zlib.decompressobj(GZIP_WINDOW)

    def unpack(data: bytes) -> None:
        try:
            while data:
                take(unpacker.decompress(data, PIECE_BYTES))
                data = unpacker.unconsumed_tail
        except zlib.error as error:
            raise _damaged() from error

    return unpack


def _brotli(take: Take) -> Take:
    import brotli

    unpacker = brotli.Decompressor()

    def unpack(data: bytes) -> None:
        try:
            plain = unpacker.process(data, output_buffer_limit=PIECE_BYTES)
            while plain:
                take(bytes(plain))
                plain = b"" if unpacker.is_finished() else unpacker.process(b"", output_buffer_limit=PIECE_BYTES)
        except brotli.error as error:
            raise _damaged() from error

    return unpack


def _zstd(take: Take) -> Take:
    import zstandard

    writer = zstandard.ZstdDecompressor().stream_writer(cast(IO[bytes], _Taker(take)), write_size=PIECE_BYTES)

    def unpack(data: bytes) -> None:
        try:
            writer.write(data)
        except zstandard.ZstdError as error:
            raise _damaged() from error

    return unpack


class _Taker(RawIOBase):
    """A function as a file to write to."""

    def __init__(self, take: Take) -> None:
        self._take = take

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any, /) -> int:
        """Hands bytes on."""
        self._take(bytes(data))
        return len(data)


def _damaged() -> FileIntegrityError:
    return FileIntegrityError("the file does not decompress: it was changed or cut on the way")
