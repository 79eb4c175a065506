"""What the SDK unpacks, it unpacks piece by piece."""

import gzip

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privateshare.errors import FileIntegrityError
from privateshare.protocol import zstd
from privateshare.sdk.http.decompression import PIECE_BYTES, decompressor

PACK = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "brotli": brotli.compress,
    "zstd": zstd.compress,
    "none": bytes,
}


@pytest.mark.parametrize("compression", PACK)
@given(data=st.binary(max_size=3000), cut=st.integers(1, 500))
def test_any_data_in_any_chunks_is_decompressed(compression: str, data: bytes, cut: int) -> None:
    """The compressed bytes may be split anywhere."""
    packed = PACK[compression](data)
    plain: list[bytes] = []
    unpack = decompressor(compression, plain.append)
    for start in range(0, len(packed), cut):
        unpack.write(packed[start : start + cut])
    unpack.finish()
    assert b"".join(plain) == data


@pytest.mark.parametrize("compression", ["gzip", "brotli", "zstd"])
def test_a_small_input_with_a_large_output_is_passed_on_in_pieces(compression: str) -> None:
    """50 MB of zeros from a few bytes are never in memory at once."""
    packed = PACK[compression](bytes(50 * 1024 * 1024))
    sizes: list[int] = []
    decompressor(compression, lambda plain: sizes.append(len(plain))).write(packed)
    assert sum(sizes) == 50 * 1024 * 1024
    assert max(sizes) <= 2 * PIECE_BYTES


@pytest.mark.parametrize("compression", ["gzip", "brotli", "zstd"])
def test_damaged_data_raises_file_integrity_error(compression: str) -> None:
    """The error is the same for every compression library."""
    unpack = decompressor(compression, lambda _: None)
    with pytest.raises(FileIntegrityError):
        unpack.write(b"\x00" + b"\xff" * 64)


def test_an_unknown_compression_is_named_in_the_error() -> None:
    """A newer platform may use one."""
    with pytest.raises(FileIntegrityError, match="lzma"):
        decompressor("lzma", print)
