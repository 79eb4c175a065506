"""Receives the body of a file: decrypted, decompressed and checked as it arrives, into memory or onto disk."""

import hashlib
import os
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path
from typing import IO, cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from privateshare.errors import ConfigurationError, FileIntegrityError, InvalidAnswer
from privateshare.protocol.envelope import EnvelopeReader, decode_metadata
from privateshare.protocol.messages import FileHeader
from privateshare.sdk.files.file import File
from privateshare.sdk.http.decompression import decompressor
from privateshare.sdk.http.responses import read_as
from privateshare.sdk.local_files.safe_files import partial_path

OnProgress = Callable[[int, int | None], object]
"""A callback that gets how many bytes of the encrypted file have arrived, and its size in bytes if that is known."""

MAX_UNDECLARED_BYTES = 1 << 34
"""The limit of a file whose header does not declare its size."""
MAX_IN_MEMORY_BYTES = 1 << 29
OVERHEAD_BYTES = 64 * 1024
"""The envelope takes a few bytes, and compression can make data a little larger."""
MAX_LENGTH_DIGITS = 18

# Decompressed data may have this many bytes whatever the size of the compressed data, and beyond that MAX_RATIO times
# it. JSON of objects grows tenfold to a hundredfold. Data that grows much more was made to fill a memory or a disk.
FREE_IN_MEMORY_BYTES = 1 << 25
FREE_ON_DISK_BYTES = 1 << 28
MAX_RATIO = 300


class FileReceiver:
    """Makes a `File` of a response. A file on disk is written under another name and renamed once it is checked.

    Args:
        name: The name of the file.
        key: The private key that decrypts it.
        to: Where the file is written. By default it stays in memory.
        legacy: Whether the envelope has a SHA-512 before the data (protocol 14 (b)).
        on_progress: Is called with the number of bytes that have arrived.
    """

    def __init__(
        self,
        name: str,
        key: RSAPrivateKey,
        to: Path | None = None,
        *,
        legacy: bool = False,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._name, self._key, self._to, self._legacy = name, key, to, legacy
        self._on_progress, self._arrived = on_progress, 0
        self._length: int | None = None
        self._partial = partial_path(to) if to else None
        self._out: IO[bytes] | None = None
        self._file: File | None = None

    def received_file(self) -> File:
        """Return the file that was received, once. Raise InvalidAnswer if the response was not a file.

        The receiver keeps no reference to it: its decompressor refers to the receiver, so both live until the garbage
        collector finds them, and with them the content of every file would.
        """
        file, self._file = self._file, None
        if file is None:
            raise InvalidAnswer(f"The platform's response is not the file {self._name}")
        return file

    def begin(self, headers: Mapping[str, str]) -> None:
        """Read the headers. Raise FileIntegrityError, InvalidAnswer or ConfigurationError if the file is not usable."""
        self.abort()
        raw = decode_metadata(headers["x-metadata"]) if "x-metadata" in headers else {}
        self._header = read_as(FileHeader, raw)
        self._updated = _milliseconds(headers.get("last-modified"))
        self._envelope = EnvelopeReader(self._key, legacy=self._legacy)
        self._decompressor = decompressor(self._header.compression or "none", self._take)
        self._hash = hashlib.sha256()
        self._size = self._arrived = 0
        self._length = _number(headers.get("content-length"))
        self._limit = MAX_UNDECLARED_BYTES if self._header.size is None else self._header.size
        if self._limit < 0:
            raise FileIntegrityError(f"The header of {self._name} declares a size of {self._limit} bytes")
        if self._partial is None and self._header.size is not None and self._limit > MAX_IN_MEMORY_BYTES:
            raise self._too_large()
        self._out = self._partial.open("xb") if self._partial else BytesIO()

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raise FileDecryptionError or FileIntegrityError."""
        self._arrived += len(data)
        if self._arrived > self._limit + self._limit // 64 + OVERHEAD_BYTES:
            raise FileIntegrityError(f"{self._name} is larger than the {self._limit} bytes it should have")
        self._decompressor.write(self._envelope.update(data))
        if self._on_progress is not None:
            self._on_progress(self._arrived, self._length)

    def finish(self) -> None:
        """Check the whole file and keep it. Raise FileDecryptionError or FileIntegrityError."""
        self._decompressor.write(self._envelope.finish())
        self._decompressor.finish()
        if self._header.size is not None and self._size != self._header.size:
            raise FileIntegrityError(f"{self._name} has {self._size} bytes instead of {self._header.size}")
        if self._header.sha256 is not None and self._hash.hexdigest() != self._header.sha256:
            raise FileIntegrityError(f"{self._name} is not what the platform stored: its SHA-256 differs")
        self._file = File(self._name, self._header.metadata, self._size, self._updated, *self._keep())

    def abort(self) -> None:
        """Remove what is incomplete."""
        if self._out is not None:
            self._out.close()
            self._out = None
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)

    def _take(self, plain: bytes) -> None:
        self._size += len(plain)
        if self._size > self._limit:
            raise FileIntegrityError(f"{self._name} decompresses to more than the {self._limit} bytes it should have")
        if self._partial is None and self._size > MAX_IN_MEMORY_BYTES:
            raise self._too_large()
        free = FREE_IN_MEMORY_BYTES if self._partial is None else FREE_ON_DISK_BYTES
        if self._size > max(free, MAX_RATIO * self._arrived):
            raise FileIntegrityError(
                f"{self._name} grows more than {MAX_RATIO}-fold when it is decompressed, which can fill the memory",
                hint="If you trust it, read it in a session with Accept(compression=Compression.NONE)",
            )
        self._hash.update(plain)
        assert self._out is not None
        self._out.write(plain)

    def _too_large(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self._name} has more than {MAX_IN_MEMORY_BYTES >> 20} MB, which is too much for the memory",
            hint="Read it to disk: give to= or into=",
        )

    def _keep(self) -> tuple[bytes | None, Path | None]:
        """Return the content, or the path where it now is."""
        out, self._out = self._out, None
        assert out is not None
        if self._partial is None or self._to is None:
            return cast(BytesIO, out).getvalue(), None
        out.flush()
        os.fsync(out.fileno())
        out.close()
        self._partial.replace(self._to)
        return None, self._to


def declared_bytes(headers: Mapping[str, str]) -> int:
    """Return how many bytes of a file will be in memory, as far as the headers of its response tell."""
    raw = decode_metadata(headers["x-metadata"]) if "x-metadata" in headers else {}
    size = raw.get("size")
    return max(size if isinstance(size, int) else 0, _number(headers.get("content-length")) or 0)


def _number(text: str | None) -> int | None:
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) <= MAX_LENGTH_DIGITS
    return int(text) if is_number and text is not None else None


def _milliseconds(date: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp() * 1000) if date else None
    except (ValueError, TypeError, OverflowError, OSError):  # It is not a date, or outside of what the system knows.
        return None
