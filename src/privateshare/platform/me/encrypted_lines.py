"""Temporary files in which an export keeps what it needs a second time, so that no stored file is read twice.

They are compressed, encrypted with a key that exists only in memory, and gone when the export ends.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.protocol.zstd import ZstdCompressor, ZstdDecompressor

COMPRESSION_LEVEL = 1
PIECE_BYTES = 256 * 1024


class EncryptedLines:
    """Lines of bytes that are written once, and then read any number of times. None of them contains a newline."""

    def __init__(self, folder: Path) -> None:
        self._file = SealedTemporary(folder)
        self._compressed = ZstdCompressor(level=COMPRESSION_LEVEL)

    def __enter__(self) -> "EncryptedLines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, line: bytes) -> None:
        """Add a line."""
        if piece := self._compressed.compress(line + b"\n"):
            self._file.write(piece)

    def finish(self) -> None:
        """End writing."""
        self._file.write(self._compressed.flush())

    def lines(self) -> Iterator[bytes]:
        """Yield every line, in the order in which they were written."""
        rest = b""
        for piece in self._pieces():
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole

    def _pieces(self) -> Iterator[bytes]:
        expand = ZstdDecompressor()
        self._file.seek(0)
        while piece := self._file.read(PIECE_BYTES):
            yield expand.decompress(piece)
