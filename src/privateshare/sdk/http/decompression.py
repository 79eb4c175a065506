"""Streaming decompression that keeps little data in memory, however much a piece decompresses to."""

import zlib
from collections.abc import Callable
from typing import Protocol

import brotli

from privateshare.errors import FileIntegrityError
from privateshare.protocol import zstd

PIECE_BYTES = 256 * 1024
GZIP_WINDOW_BITS = 31
"""15 bits, and 16 for the header of gzip."""
INPUT_BYTES = 16 * 1024
MAX_ZSTD_WINDOW_BITS = 23
"""A window of 8 MB, which RFC 8878 requires of every decoder. A frame may ask for 3.75 TB."""

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
        self._take = take
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
        except brotli.error as error:
            raise _damaged() from error

    def finish(self) -> None:
        if self._began and not self._decompressor.is_finished():
            raise _damaged()


class _Zstd:
    """Reads one zstd frame after another."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._frame = self._next_frame()
        self._began = False

    def write(self, data: bytes, /) -> None:
        # The bytes after the end of a frame are copied, so short pieces keep many short frames from costing much.
        for start in range(0, len(data), INPUT_BYTES):
            piece = data[start : start + INPUT_BYTES]
            try:
                while piece:
                    piece = self._decompress(piece)
            except zstd.ZstdError as error:
                raise _damaged() from error

    def finish(self) -> None:
        if self._began and not self._frame.eof:
            raise _damaged()

    def _next_frame(self) -> zstd.ZstdDecompressor:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW_BITS})

    def _decompress(self, data: bytes) -> bytes:
        """Decompress up to the end of the frame, and return the bytes after it."""
        if self._frame.eof:
            self._frame = self._next_frame()
        self._began = True
        self._pass_on(self._frame.decompress(data, PIECE_BYTES))
        while not (self._frame.eof or self._frame.needs_input):
            self._pass_on(self._frame.decompress(b"", PIECE_BYTES))
        return self._frame.unused_data

    def _pass_on(self, plain: bytes) -> None:
        if plain:
            self._take(plain)


def _damaged() -> FileIntegrityError:
    return FileIntegrityError("The data cannot be decompressed: it was changed or cut on its way")
