"""Tests of the encrypted temporary file, which reads like any other file."""

import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privateshare.platform.blobs.temporary import SealedTemporary

CANARY = b"a very private line\n"


def filled(folder: Path, pieces: list[bytes]) -> SealedTemporary:
    temporary = SealedTemporary(folder)
    for piece in pieces:
        temporary.write(piece)
    return temporary


@given(
    pieces=st.lists(st.binary(max_size=100), max_size=8),
    moves=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 100)), max_size=8),
)
@settings(max_examples=60)
def test_reads_like_a_file(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], moves: list[tuple[int, int]]
) -> None:
    """Data that was written in any chunks is read at any position as from plain bytes."""
    plain = io.BytesIO(b"".join(pieces))
    with filled(tmp_path_factory.getbasetemp(), pieces) as temporary:
        for offset, length in moves:
            temporary.seek(offset)
            plain.seek(offset)
            assert temporary.read(length) == plain.read(length)
            assert temporary.tell() == plain.tell() if offset <= len(plain.getvalue()) else True
        assert temporary.seek(0, io.SEEK_END) == len(plain.getvalue())


def test_writing_after_reading_appends(tmp_path: Path) -> None:
    """Writing always appends, so no part of the key stream is used twice."""
    with filled(tmp_path, [b"first "]) as temporary:
        temporary.seek(0)
        assert temporary.read(3) == b"fir"
        temporary.write(b"second")
        temporary.seek(0)
        assert temporary.read() == b"first second"


def test_a_zip_opens_from_it(tmp_path: Path) -> None:
    """A zip reader, which seeks often, can read it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.json", CANARY * 1000)
    with filled(tmp_path, [packed.getvalue()]) as temporary, zipfile.ZipFile(temporary) as archive:
        assert archive.read("one.json") == CANARY * 1000


def test_disk_holds_nothing_readable(tmp_path: Path) -> None:
    """The file has no name, and its bytes on disk are encrypted."""
    with filled(tmp_path, [CANARY * 1000]) as temporary:
        assert list(tmp_path.iterdir()) == []
        size = len(CANARY) * 1000
        on_disk = os.pread(temporary._file.fileno(), size, 0)
        assert len(on_disk) == size
        assert CANARY not in on_disk


def test_seeking_before_the_start_fails(tmp_path: Path) -> None:
    """A negative position is an error."""
    with filled(tmp_path, [b"x"]) as temporary, pytest.raises(ValueError, match="must not be negative"):
        temporary.seek(-2, io.SEEK_END)
