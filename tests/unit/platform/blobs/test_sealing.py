"""Tests of sealing: data that was changed, truncated, reordered or belongs to another blob does not decrypt."""

import io
import os
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privateshare.platform.blobs.cloud import CloudBlobs
from privateshare.platform.blobs.sealed import SealedReader, UnreadableBlob, check_ends, put_sealed, read_sealed
from privateshare.platform.blobs.sealing import (
    CHUNK_BYTES,
    HEADER_BYTES,
    KEY_BYTES,
    SEALED_CHUNK_BYTES,
    TAG_BYTES,
    Opener,
    SealBroken,
    seal,
    seal_stream,
    sealed_offset,
    sealed_size,
    unseal,
    unseal_stream,
)
from privateshare.platform.blobs.store import put

KEY = bytes(range(32))
CONTEXT = b"file of a library"
CHUNKS = 3

# These sizes are near the boundaries of chunks.
sizes = st.builds(lambda chunks, more: max(0, chunks * CHUNK_BYTES + more), st.integers(0, 3), st.integers(-3, 3))


@cache
def plain(size: int) -> bytes:
    return os.urandom(size)


@cache
def sealed(size: int) -> bytes:
    return b"".join(seal_stream(KEY, CONTEXT, [plain(size)]))


def opened(data: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    return b"".join(unseal_stream(key, context, [data]))


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    """Return the data in pieces, cut at these places."""
    places = [0, *sorted(min(place, len(data)) for place in at), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


# --- streams ---


@given(size=sizes, cuts=st.lists(st.integers(0, 4 * SEALED_CHUNK_BYTES), max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_stream_is_decrypted_unchanged(size: int, cuts: list[int]) -> None:
    """A stream of any size, in any chunks, is restored, and its encrypted size is as predicted."""
    data = b"".join(seal_stream(KEY, CONTEXT, cut(plain(size), cuts)))
    assert len(data) == sealed_size(size)
    assert b"".join(unseal_stream(KEY, CONTEXT, cut(data, cuts))) == plain(size)


def test_no_two_seals_are_alike() -> None:
    """The same data encrypted twice shares only the version byte."""
    one, other = (b"".join(seal_stream(KEY, CONTEXT, [bytes(1000)])) for _ in range(2))
    assert one[1:17] != other[1:17]
    assert one[HEADER_BYTES : HEADER_BYTES + 16] != other[HEADER_BYTES : HEADER_BYTES + 16]


@pytest.mark.parametrize("chunks", range(CHUNKS + 1))
@pytest.mark.parametrize("last", [0, 1, CHUNK_BYTES - 1])
def test_a_truncated_stream_is_detected(chunks: int, last: int) -> None:
    """A truncated stream does not decrypt, even if it ends where a chunk ends."""
    data = sealed(CHUNKS * CHUNK_BYTES + last)
    boundary = sealed_offset(chunks)
    ends = {boundary - 1, boundary, boundary + 1, len(data) - TAG_BYTES, len(data) - 1}
    for end in (end for end in ends if end < len(data)):
        with pytest.raises(SealBroken):
            opened(data[:end])


@given(size=sizes, more=st.binary(min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_added_bytes_are_detected(size: int, more: bytes) -> None:
    """Nothing can be appended to the last chunk."""
    with pytest.raises(SealBroken):
        opened(sealed(size) + more)


@given(size=sizes, data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_bit_is_detected(size: int, data: st.DataObject) -> None:
    """No change of a bit in header, data or tag goes undetected."""
    changed = bytearray(sealed(size))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        opened(bytes(changed))


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (0, 1, 1, 2), (0, 2), (1, 2), (0, 1, 2, 2)])
def test_reordered_chunks_are_detected(order: tuple[int, ...]) -> None:
    """Chunks that are swapped, doubled or left out do not decrypt."""
    data = sealed(CHUNKS * CHUNK_BYTES)
    chunks = [data[sealed_offset(number) : sealed_offset(number + 1)] for number in range(CHUNKS)]
    with pytest.raises(SealBroken):
        opened(data[:HEADER_BYTES] + b"".join(chunks[number] for number in order))


def test_a_foreign_chunk_is_detected() -> None:
    """Of two streams under one key, neither accepts the other's chunk at the same position."""
    one, other = (b"".join(seal_stream(KEY, CONTEXT, [bytes(2 * CHUNK_BYTES)])) for _ in range(2))
    with pytest.raises(SealBroken):
        opened(one[: sealed_offset(1)] + other[sealed_offset(1) :])


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES + 1])
def test_another_key_or_context_does_not_open(size: int) -> None:
    """Data decrypts only with its own key and for its own purpose."""
    for key, context in ((bytes(KEY_BYTES), CONTEXT), (KEY, CONTEXT + b"!"), (KEY, b"")):
        with pytest.raises(SealBroken):
            opened(sealed(size), key, context)


@given(st.binary(max_size=200))
def test_random_bytes_do_not_open(data: bytes) -> None:
    """Random bytes raise SealBroken and no other error."""
    with pytest.raises(SealBroken):
        opened(data)
    with pytest.raises(SealBroken):
        opened(b"\x01" + data)


def test_decryption_is_streamed() -> None:
    """Memory is constant: a chunk is returned as soon as the next one begins."""
    data = sealed(CHUNKS * CHUNK_BYTES)
    opener = Opener(KEY, CONTEXT)
    assert opener.update(data[: sealed_offset(1) + 1]) == plain(CHUNKS * CHUNK_BYTES)[:CHUNK_BYTES]


# --- small values ---


@given(value=st.binary(max_size=300), data=st.data())
def test_small_values(value: bytes, data: st.DataObject) -> None:
    """A value decrypts unchanged, but not with another key or context, and not if changed or truncated."""
    box = seal(KEY, CONTEXT, value)
    assert unseal(KEY, CONTEXT, box) == value
    changed = bytearray(box)
    changed[data.draw(st.integers(0, len(box) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    others = [bytes(changed), box[: data.draw(st.integers(0, len(box) - 1))], box + b"\0"]
    for key, context, bad in [(KEY, CONTEXT, other) for other in others] + [
        (bytes(KEY_BYTES), CONTEXT, box),
        (KEY, b"another", box),
    ]:
        with pytest.raises(SealBroken):
            unseal(key, context, bad)


# --- sealed blobs ---


def reader(size: int) -> SealedReader:
    store = CloudBlobs("memory:///")
    put(store, "blob", [sealed(size)])
    return SealedReader(store, "blob", KEY, CONTEXT)


@given(
    size=sizes,
    moves=st.lists(st.tuples(st.integers(0, 3 * CHUNK_BYTES + 9), st.integers(0, CHUNK_BYTES + 5)), max_size=5),
)
@settings(max_examples=80, deadline=None)
def test_a_sealed_blob_reads_like_a_file(size: int, moves: list[tuple[int, int]]) -> None:
    """Reads at any position, in any order, buffered or not, return what the plain bytes would."""
    raw, buffered, known = reader(size), io.BufferedReader(reader(size), 1000), io.BytesIO(plain(size))
    assert raw.size == size
    for offset, length in moves:
        known.seek(offset)
        buffered.seek(offset)
        raw.seek(offset)
        expected = known.read(length)
        assert buffered.read(length) == expected
        got = raw.read(length)
        assert got is not None
        assert expected.startswith(got)
        assert bool(got) == bool(expected)
    for file in (raw, buffered):
        assert file.seek(0, io.SEEK_END) == size
        assert file.seek(0) == 0
        assert file.read() == plain(size)


@pytest.mark.parametrize("end", [0, HEADER_BYTES, HEADER_BYTES + TAG_BYTES - 1, *map(sealed_offset, (1, 2)), -1])
def test_a_truncated_blob_is_detected_at_its_end(end: int) -> None:
    """A truncated blob is not mistaken for a shorter one."""
    store = CloudBlobs("memory:///")
    put(store, "blob", [sealed(3 * CHUNK_BYTES)[:end]])
    with pytest.raises(UnreadableBlob, match="blob: "):
        SealedReader(store, "blob", KEY, CONTEXT).read()
    with pytest.raises(UnreadableBlob, match="blob: "):
        check_ends(store, "blob", KEY, CONTEXT)


def test_blobs_are_stored_encrypted() -> None:
    """A stored blob decrypts only with its key and context, and contains no plain text."""
    store = CloudBlobs("memory:///")
    data = b"a very private line\n" * 10_000
    assert put_sealed(store, "blob", KEY, CONTEXT, [data]) == sealed_size(len(data)) == store.size("blob")
    assert b"".join(read_sealed(store, "blob", KEY, CONTEXT)) == data
    assert b"private" not in b"".join(store.read("blob"))
    check_ends(store, "blob", KEY, CONTEXT)
    with pytest.raises(UnreadableBlob):
        b"".join(read_sealed(store, "blob", KEY, b"another blob"))
    with pytest.raises(UnreadableBlob, match="missing"):
        read_sealed(store, "another", KEY, CONTEXT)
