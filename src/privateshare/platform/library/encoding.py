"""How mapped files are kept: a JSON array, zstd inside its seal; and how they are compressed on the way out."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Protocol

import brotli
import zstandard
from isal import isal_zlib

from privateshare.protocol.messages import Compression

ZSTD_LEVEL = 3
GZIP_LEVEL = 2
GZIP_WINDOW = 31  # 15 bits, and 16 for gzip's own header
BROTLI_QUALITY = 4
PIECE_BYTES = 256 * 1024


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Brotli:
    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=BROTLI_QUALITY)

    def compress(self, data: bytes, /) -> bytes:
        return bytes(self._compressor.process(data))

    def flush(self) -> bytes:
        return bytes(self._compressor.finish())


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def json_array(objects: Iterable[bytes]) -> bytes:
    """Serialised objects, each in one line, as one JSON array."""
    return b"[" + b",\n".join(objects) + b"]"


def array_texts(data: bytes) -> list[bytes]:
    """The serialised objects that `json_array` made an array of. Each is in one line."""
    return data[1:-1].split(b",\n") if len(data) > len(b"[]") else []


def at_rest(data: bytes) -> bytes:
    """A file's plain bytes as they are kept, before sealing."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(data)


def plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The plain bytes of what is kept."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    for chunk in chunks:
        if data := decompressor.decompress(chunk):
            yield data


def delivered(kept: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """What is kept, compressed as the reader wants it; as it is where that is zstd. Protocol 5.1."""
    if compression is Compression.ZSTD:
        return iter(kept)
    return compressed(plain(kept), compression)


def compressed(chunks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """Plain bytes, compressed as the reader wants them."""
    compressor = _compressor(compression)
    for chunk in chunks:
        if data := compressor.compress(chunk):
            yield data
    yield compressor.flush()


def _compressor(compression: Compression) -> _Compressor:
    if compression is Compression.GZIP:
        return isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)
    if compression is Compression.BROTLI:
        return _Brotli()
    if compression is Compression.ZSTD:
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()
    return _Plain()


def fingerprint(data: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(data).hexdigest()
