"""Streaming decompression that keeps little data in memory, however much a piece decompresses to."""

import zlib
from collections.abc import Callable
from io import RawIOBase
from typing import IO, Any, Protocol, cast

from privateshare.errors import FileIntegrityError

PIECE_BYTES = 256 * 1024
GZIP_WINDOW_BITS = 31
"""15 bits, and 16 for the header of gzip."""
MAX_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
"""RFC 8878 requires this of every decoder. A frame may ask for 3.75 TB."""
END_FRAME = b"\x28\xb5\x2f\xfd\x20\x03\x19\x00\x00end"
"""A complete zstd frame with the content "end"."""

Take = Callable[[bytes], None]


class Decompressor(Protocol):
    """Decompresses bytes and passes them on. Both methods raise FileIntegrityError for damaged data."""

    def write(self, data: bytes, /) -> None:
        """Decompress the next bytes."""

    def finish(self) -> None:
        """Check that the data was complete. Empty data counts as complete."""


def decompressor(compression: str, take: Take) -> Decompressor:
    """Return a decompressor for gzip, brotli, zstd or none (protocol 5.1).

    Args:
        compression: The name of the compression.
        take: Is called with each piece of decompressed data.

    Raises:
        FileIntegrityError: The compression is unknown.
    """
    makers: dict[str, Callable[[Take], Decompressor]] = {"gzip": _Gzip, "brotli": _Brotli, "zstd": _Zstd, "none": _None}
    if compression not in makers:
        raise FileIntegrityError(f"The file is compressed with {compression!r:.40}, which the SDK does not know")
    return makers[compression](take)


class _None:
    def __init__(self, take: Take) -> None:
        self._take = take

    def write(self, data: bytes, /) -> None:
        self._take(data)

    def finish(self) -> None:
        pass


class _Gzip:
    """Reads one gzip member after another, as gzip does."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._member = zlib.decompressobj(GZIP_WINDOW_BITS)
        self._began = False

    def write(self, data: bytes, /) -> None:
        try:
            while data:
                if self._member.eof:
                    self._member = zlib.decompressobj(GZIP_WINDOW_BITS)
                self._began = True
                self._take(self._member.decompress(data, PIECE_BYTES))
                data = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error as error:
            raise _damaged() from error

    def finish(self) -> None:
        if self._began and not self._member.eof:
            raise _damaged()


class _Brotli:
    def __init__(self, take: Take) -> None:
        import brotli

        self._take, self._error = take, brotli.error
        self._decompressor = brotli.Decompressor()
        self._began = False

    def write(self, data: bytes, /) -> None:
        if not data:
            return
        self._began = True
        try:
            plain = self._decompressor.process(data, output_buffer_limit=PIECE_BYTES)
            while plain:
                self._take(bytes(plain))
                if self._decompressor.is_finished():
                    return
                plain = self._decompressor.process(b"", output_buffer_limit=PIECE_BYTES)
        except self._error as error:
            raise _damaged() from error

    def finish(self) -> None:
        if self._began and not self._decompressor.is_finished():
            raise _damaged()


class _Zstd:
    """Reads one frame after another.

    Only the library's writer limits its output, and it does not tell where a frame ends.
    """

    def __init__(self, take: Take) -> None:
        import zstandard

        self._take, self._error = take, zstandard.ZstdError
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
        self._writer = decompressor.stream_writer(cast(IO[bytes], _Writable(self._pass_on)), write_size=PIECE_BYTES)
        self._began = False

    def write(self, data: bytes, /) -> None:
        self._began = self._began or bool(data)
        try:
            self._writer.write(data)
        except self._error as error:
            raise _damaged() from error

    def finish(self) -> None:
        if not self._began:
            return
        # The content of another frame arrives unchanged only if the frame before it was complete.
        last: list[bytes] = []
        self._take = last.append
        self.write(END_FRAME)
        if b"".join(last) != b"end":
            raise _damaged()

    def _pass_on(self, data: bytes) -> None:
        self._take(data)


class _Writable(RawIOBase):
    """A file that calls a function with what is written to it."""

    def __init__(self, take: Take) -> None:
        self._take = take

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._take(bytes(data))
        return len(data)


def _damaged() -> FileIntegrityError:
    return FileIntegrityError("The data cannot be decompressed: it was changed or cut on its way")
