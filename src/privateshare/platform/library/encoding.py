"""The encoding of mapped files: a JSON array, compressed with zstd before encryption, and recompressed for readers."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Protocol

import brotli
from isal import isal_zlib

from privateshare.protocol import zstd
from privateshare.protocol.messages import Compression

ZSTD_LEVEL = 3
GZIP_LEVEL = 2
GZIP_WINDOW_BITS = 16 + 15  # Adding 16 to the number of window bits makes zlib write a gzip header.
BROTLI_QUALITY = 4


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _BrotliCompressor:
    """Brotli with the interface of zlib's compressors."""

    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=BROTLI_QUALITY)

    def compress(self, data: bytes, /) -> bytes:
        return bytes(self._compressor.process(data))

    def flush(self) -> bytes:
        return bytes(self._compressor.finish())


class _NoCompressor:
    """A compressor that leaves the data as it is."""

    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def json_array(objects: Iterable[bytes]) -> bytes:
    """Join serialised objects, each on one line, into a JSON array."""
    return b"[" + b",\n".join(objects) + b"]"


def split_json_array(data: bytes) -> list[bytes]:
    """Split an array that `json_array` made into its serialised objects, without parsing them."""
    return data[1:-1].split(b",\n") if len(data) > len(b"[]") else []


def compress_stored(data: bytes) -> bytes:
    """Compress a file's content for storage."""
    return zstd.compress(data, ZSTD_LEVEL)


def decompress_stored(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress stored content, chunk by chunk."""
    decompressor = zstd.ZstdDecompressor()
    for chunk in chunks:
        if data := decompressor.decompress(chunk):
            yield data


def recompress(stored: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """Convert stored content to the compression that the reader asked for; zstd is passed on as it is. Protocol 5.1."""
    if compression is Compression.ZSTD:
        return iter(stored)
    return compress(decompress_stored(stored), compression)


def compress(chunks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """Compress plain bytes, chunk by chunk, as the reader asked for."""
    compressor = _compressor(compression)
    for chunk in chunks:
        if data := compressor.compress(chunk):
            yield data
    yield compressor.flush()


def _compressor(compression: Compression) -> _Compressor:
    if compression is Compression.GZIP:
        return isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW_BITS)
    if compression is Compression.BROTLI:
        return _BrotliCompressor()
    if compression is Compression.ZSTD:
        return zstd.ZstdCompressor(level=ZSTD_LEVEL)
    return _NoCompressor()


def sha256_hex(data: bytes) -> str:
    """Hash bytes with SHA-256, in hexadecimal."""
    return sha256(data).hexdigest()
