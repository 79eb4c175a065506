"""Zip archives inside of uploads, which are opened only if the source says so, and within the limits of the whole."""

import io
import os
import zipfile

import pytest
from tests.archives import zipped

from privateshare.sources.archive import MAX_IN_MEMORY_BYTES, uploaded_files
from privateshare.sources.failures import Broken, LeftOut


def read(data: bytes, left_out: LeftOut | None = None) -> dict[str, bytes]:
    """The files of an upload in which archives with the ending .inner are opened."""
    found = {}
    for file in uploaded_files(
        io.BytesIO(data), left_out if left_out is not None else LeftOut(), None, lambda path: path.endswith(".inner")
    ):
        with file.open() as first, file.open() as second:
            found[file.path] = first.read()
            assert second.read() == found[file.path]
    return found


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_of_an_inner_archive_are_read_like_others(compression: int) -> None:
    """Also large ones, compressed ones, and those whose order in the directory is another than in the archive."""
    large = os.urandom(2 * MAX_IN_MEMORY_BYTES)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in (("b/1.txt", b"one"), ("large.bin", large), ("a.txt", b"two")):
            archive.writestr(name, content)
        archive.filelist.reverse()
    outer = zipped({"x.txt": b"outside", "parts.inner": packed.getvalue(), "y.txt": b"after"}, compression)
    assert read(outer) == {
        "x.txt": b"outside",
        "b/1.txt": b"one",
        "large.bin": large,
        "a.txt": b"two",
        "y.txt": b"after",
    }


def test_what_is_wrong_with_an_inner_archive_does_not_take_the_rest_with_it() -> None:
    """It is named, as is an archive that is not to be opened, and one in an inner one."""
    good = zipped({"good.txt": b"good"})
    deeper = zipped({"deeper.inner": good, "beside.txt": b"beside"})
    left_out = LeftOut()
    outer = {
        "cut.inner": good[: len(good) // 2],
        "other.zip": good,
        "deep.inner": deeper,
        "plain.inner": b"not a zip at all",
        "fine.txt": b"fine",
    }
    assert read(zipped(outer), left_out) == {
        "beside.txt": b"beside",
        "plain.inner": b"not a zip at all",
        "fine.txt": b"fine",
    }
    assert sorted(left_out.damaged) == ["cut.inner", "deeper.inner", "other.zip"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_parts_that_were_zipped_again_are_the_upload(compression: int) -> None:
    """Also beside what an operating system adds. An archive in one of them is not opened."""
    parts = {
        "Downloads/takeout-001.zip": zipped({"a.txt": b"one", "b/c.txt": b"two"}),
        "Downloads/takeout-002.ZIP": zipped({"d.txt": b"three", "deeper.zip": zipped({"e.txt": b"four"})}),
        "Downloads/.DS_Store": b"\0",
    }
    left_out = LeftOut()
    assert read(zipped(parts, compression), left_out) == {"a.txt": b"one", "b/c.txt": b"two", "d.txt": b"three"}
    assert list(left_out.damaged) == ["deeper.zip"]


def test_an_archive_beside_other_files_stays_closed() -> None:
    left_out = LeftOut()
    assert read(zipped({"a.txt": b"one", "b.zip": zipped({"c.txt": b"two"})}), left_out) == {"a.txt": b"one"}
    assert list(left_out.damaged) == ["b.zip"]


def test_one_damaged_part_does_not_take_the_others_with_it() -> None:
    good, left_out = zipped({"a.txt": b"one"}), LeftOut()
    cut = zipped({"b.txt": b"two" * 1000})
    assert read(zipped({"1.zip": good, "2.zip": cut[: len(cut) // 2]}), left_out) == {"a.txt": b"one"}
    assert list(left_out.damaged) == ["2.zip"]


def test_a_bomb_in_an_inner_archive_is_refused() -> None:
    """What is decompressed counts together, whatever the level."""
    inner = zipped({f"{number}.txt": bytes(30_000_000) for number in range(4)})
    with pytest.raises(Broken, match="far more than an export"):
        read(zipped({"bomb.inner": inner}))
    with pytest.raises(Broken, match="far more than an export"):
        read(zipped({"bomb.zip": inner}))
    halves = {f"{number}.inner": zipped({"half.txt": bytes(30_000_000)}) for number in range(3)}
    with pytest.raises(Broken, match="far more than an export"):
        read(zipped(halves))
