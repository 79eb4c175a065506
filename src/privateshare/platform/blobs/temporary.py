"""Encrypted temporary files, for uploads that may be larger than memory and must never be readable on disk."""

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

BLOCK_BYTES = 16
PIECE_BYTES = 256 * 1024


class SealedTemporary(io.RawIOBase):
    """A seekable temporary file without a name, encrypted with a key that exists only in memory.

    It is written once from start to end, then read in any order. Closing it, or the end of the process, removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - The method `close` closes it.
        self._key = os.urandom(32)
        self._size = self._position = self._cipher_position = 0
        self._cipher: CipherContext | None = None

    def __repr__(self) -> str:
        return f"<SealedTemporary of {self._size} bytes>"

    @property
    def size(self) -> int:
        """The number of its bytes."""
        return self._size

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True: the file can be appended to."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def pieces(self) -> Iterator[bytes]:
        """Yield all bytes from the start."""
        self.seek(0)
        while piece := self.read(PIECE_BYTES):
            yield piece

    def write(self, data: "ReadableBuffer", /) -> int:
        """Append, wherever the position is, so that no byte of the key stream is used twice."""
        self._position = self._size
        plain = memoryview(data).cast("B")
        sealed = memoryview(self._key_stream().update(plain))
        self._file.seek(self._position)
        while sealed:
            sealed = sealed[self._file.write(sealed) :]
        self._advance(len(plain))
        self._size += len(plain)
        return len(plain)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read into the buffer from the position on. Return the number of bytes read."""
        target = memoryview(buffer).cast("B")
        self._file.seek(self._position)
        sealed = self._file.read(len(target))
        target[: len(sealed)] = self._key_stream().update(sealed)
        self._advance(len(sealed))
        return len(sealed)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"the position must not be negative: {start + offset}")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def close(self) -> None:
        """Close the file, which frees its space on disk."""
        if not self.closed:
            self._file.close()
        super().close()

    def _key_stream(self) -> CipherContext:
        if self._cipher is None or self._cipher_position != self._position:
            block, within = divmod(self._position, BLOCK_BYTES)
            self._cipher = Cipher(AES(self._key), CTR(block.to_bytes(BLOCK_BYTES, "big"))).encryptor()
            self._cipher.update(bytes(within))
            self._cipher_position = self._position
        return self._cipher

    def _advance(self, count: int) -> None:
        self._position += count
        self._cipher_position = self._position
