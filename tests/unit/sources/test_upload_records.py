"""The records of uploads of every form, and what is said of those that cannot be read."""

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.archives import zipped

from privateshare.sources import archive as archives
from privateshare.sources.failures import DAMAGED, Broken, LeftOut, shown_name
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.upload_records import read_records


def shape_of(thing: dict[str, Any], key: str) -> ObjectRole:
    return ObjectRole.RECORD if "number" in thing else ObjectRole.UNKNOWN


def read(data: bytes, skip: Callable[[str], bool] | None = None) -> tuple[list[FoundRecord], LeftOut]:
    """The records of an upload, counted as sources do."""
    found, left_out = [], LeftOut()
    for one in read_records(io.BytesIO(data), shape_of, left_out, skip):
        left_out.read += 1
        found.append(one)
    return found, left_out


def numbers(data: bytes) -> list[int]:
    return [one.thing["number"] for one in read(data)[0]]


def records(*given: int) -> bytes:
    return json.dumps([{"number": number, "text": "Größe 🎸"} for number in given], ensure_ascii=False).encode()


def described(entries: Mapping[str, bytes]) -> bytes:
    """A zip as programs write it that cannot go back: sizes come after each file, in a data descriptor."""

    class OneWay(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    packed = OneWay()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return packed.getvalue()


def large(entries: Mapping[str, bytes]) -> bytes:
    """A zip with the fields of zip64."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
    return packed.getvalue()


TWO_LINES = b'{"number": 1}\n{"number": 2}\n'
FORMS: dict[str, bytes] = (
    {
        "as it is": records(1, 2),
        "marked": b"\xef\xbb\xbf" + records(1, 2),
        "lines": TWO_LINES,
        "gzip": gzip.compress(records(1, 2)),
        "gzip in two parts": gzip.compress(TWO_LINES[:20]) + gzip.compress(TWO_LINES[20:]),
        "zip": zipped({"a.json": records(1), "b/c.json": records(2)}),
        "any names": zipped({"a": records(1), "b.JSON.bak": records(2)}),
        "backslashes": zipped({"a\\b.json": records(1), "a\\c.json": records(2)}),
        "climbing names": zipped({"../../a.json": records(1), "/etc/b.json": records(2)}),
        "copied names": zipped({"a (1).json": records(1), "a copy.json": records(2)}),
        "names that differ in case": zipped({"A.json": records(1), "a.json": records(2)}),
        "gzip in zip": zipped({"a.ndjson.gz": gzip.compress(TWO_LINES)}),
        "gzip in zip by content": zipped({"a.json": gzip.compress(TWO_LINES)}),
        "stored": zipped({"a.json": records(1, 2)}, zipfile.ZIP_STORED),
        "bzip2": zipped({"a.json": records(1, 2)}, zipfile.ZIP_BZIP2),
        "lzma": zipped({"a.json": records(1, 2)}, zipfile.ZIP_LZMA),
        "data descriptors": described({"a.json": records(1, 2)}),
        "zip64": large({"a.json": records(1, 2)}),
        "large in a zip": zipped({"a.json": records(1) + b" " * 2_000_000, "b.json": records(2)}),
        "large gzip in a zip": zipped({"a.json": gzip.compress(b" " * 2_000_000 + records(1, 2))}, zipfile.ZIP_STORED),
        "forks of macOS": zipped(
            {"__MACOSX/._a.json": b"\0\5\x16\7", "._a.json": b"\0", "x/.DS_Store": b"\0", "a.json": records(1, 2)}
        ),
        "folders": zipped({"a/": b"", "a/b/": b"", "a/b/c.json": records(1, 2), "a/empty.json": b""}),
    }
    | {
        f"{encoding}{' with a mark' if mark else ''}": mark + records(1, 2).decode().encode(encoding)
        for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
        for mark in (b"", "\ufeff".encode(encoding))
    }
    | {
        f"{encoding} with space before it": ("\r\n " + records(1, 2).decode()).encode(encoding)
        for encoding in ("utf-8", "utf-16-le", "utf-16-be")
    }
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_recognised_by_its_content(form: str) -> None:
    """Whatever the name and packaging of a file, its records are read, and there is nothing to report."""
    found, left_out = read(FORMS[form])
    assert [one.thing["number"] for one in found] == [1, 2]
    assert not left_out.is_partial
    assert not left_out.unused


def test_text_in_other_encodings_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Characters across two chunks are complete, and halves of characters are replaced as in UTF-8."""
    text = json.dumps([{"number": 1, "text": "🎸é" * 500}, {"number": 2, "text": "\ud83d"}], ensure_ascii=False)
    for encoding in ("utf-8", "utf-16", "utf-32-be"):
        data = text.encode(encoding, "surrogatepass")
        first, second = read(data)[0]
        assert (first.thing["text"], second.thing["text"]) == ("🎸é" * 500, "\ufffd")


def test_records_have_the_path_of_their_file() -> None:
    """As it is in the archive."""
    found, _ = read(zipped({"a\\b.json": records(1), "c.json": records(2)}))
    assert [one.file for one in found] == ["a/b.json", "c.json"]
    assert read(records(1))[0][0].file == ""


def marked(data: bytes, *, method: int | None = None, flags: int = 0, name: str = "b.json") -> bytes:
    """The zip, with another way of compressing, or with these flags, at one of its files."""
    changed = bytearray(data)
    for magic, flag_at, method_at, name_at in ((b"PK\x03\x04", 6, 8, 30), (b"PK\x01\x02", 8, 10, 46)):
        at = changed.find(magic)
        while at >= 0:
            if changed[at + name_at :].startswith(name.encode()):
                changed[at + flag_at] |= flags
                if method is not None:
                    changed[at + method_at : at + method_at + 2] = struct.pack("<H", method)
            at = changed.find(magic, at + 1)
    return bytes(changed)


def with_damage(data: bytes) -> bytes:
    """The zip with a wrong checksum at its second file."""
    at = data.rfind(b"PK\x01\x02")
    return data[: at + 16] + b"\0\0\0\0" + data[at + 20 :]


PAIR = zipped({"a.json": records(*range(5)), "b.json": records(*range(5, 10))})
NOT_OPENED: dict[str, tuple[bytes, str]] = {
    "deflate64": (marked(PAIR, method=9), r"b\.json is compressed with Deflate64, which cannot be read here\. Unpack"),
    "an unknown method": (marked(PAIR, method=77), r"b\.json is compressed with 77, which"),
    "encrypted": (marked(PAIR, flags=1), r"b\.json is protected with a password\. Unpack"),
    "a wrong checksum": (with_damage(PAIR), r"b\.json is damaged in the zip archive\. Download"),
    "a zip in it": (
        zipped({"a.json": records(*range(5)), "b.json": zipped({"c.json": records(6)})}),
        r"holds another zip, b\.json\. Unpack",
    ),
    "a damaged gzip": (
        zipped({"a.json": records(*range(5)), "b.json": gzip.compress(records(6))[:-9]}),
        r"b\.json is damaged",
    ),
    "a text with a name of JSON": (
        zipped({"a.json": records(*range(5)), "b.json": b"not json at all"}),
        r"b\.json is not JSON\. Download",
    ),
    "JSON that is cut": (
        zipped({"a.json": records(*range(5)), "b.json": records(5, 6)[:-20]}),
        r"b\.json can be read only in part",
    ),
}


@pytest.mark.parametrize("kind", NOT_OPENED)
def test_a_file_that_cannot_be_opened_is_named(kind: str) -> None:
    """The others are read, and the report says what is wrong and what to do."""
    data, words = NOT_OPENED[kind]
    found, left_out = read(data)
    assert [one.thing["number"] for one in found][:5] == [0, 1, 2, 3, 4]
    ((name, problem),) = left_out.damaged.items()
    assert name == "b.json"
    with pytest.raises(Broken, match=words):
        raise problem
    assert left_out.is_partial


def test_other_files_are_reported_and_do_not_count_as_lost() -> None:
    """Documents, pictures and other JSON are named, except for those that the source does not need."""
    entries = {
        "a.json": records(1),
        "letter.pdf": b"%PDF-1.7",
        "export.xml": b"<?xml version='1.0'?><a/>",
        "about.json": b'{"version": 1}',
        "readme.txt": b"",
        "movie.json": b"[]",
    }
    _, left_out = read(zipped(entries), lambda path: path == "movie.json")
    assert set(left_out.unused) == {"letter.pdf", "export.xml", "about.json"}
    assert not left_out.is_partial


def test_thousands_of_other_files_are_counted() -> None:
    """Twenty are named, and the number of the others is given."""
    data = zipped({"a.json": records(1)} | {f"{number}.txt": b"x" for number in range(500)})
    _, left_out = read(data)
    assert (len(left_out.unused), left_out.more_unused) == (20, 480)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b/c.json", "c.json"),
        ("a\\b.json", "b.json"),
        ("a/", "a"),
        ("\u202ecod.json", "cod.json"),
        ("a\nb\x00.json", "ab.json"),
        ("x" * 300 + ".json", "x" * 99 + "…"),
        ("", "The file"),
    ],
)
def test_names_are_displayed_safely(path: str, name: str) -> None:
    """A name is short, in one line, and cannot reverse the text after it."""
    assert shown_name(path) == name


WHOLLY_BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "cut zip": (PAIR[:-30], "damaged or was not downloaded"),
    "cut gzip": (gzip.compress(records(1, 2))[:-9], "damaged or was not downloaded"),
    "changed gzip": (gzip.compress(records(1, 2))[:-6] + b"\0\0" + gzip.compress(records(1, 2))[-4:], "damaged or was"),
    "bomb": (gzip.compress(bytes(60_000_000)), "far more than an export"),
    "bomb in zip": (zipped({"a.gz": gzip.compress(bytes(60_000_000))}), "far more than an export"),
    "bombs in zip": (
        zipped({f"{number}.json": gzip.compress(b" " * 30_000_000) for number in range(2)}),
        "far more than an export",
    ),
    "XML": (b"\xef\xbb\xbf <a/>", "The file is XML"),
    "web page": (b"\n<!DOCTYPE html><html>Please sign in</html>", "The file is a web page"),
    "picture": (b"\x89PNG\r\n\x1a\n", "not a zip archive, and not JSON"),
    "zip without files": (zipped({}), "zip archive is empty"),
}


@pytest.mark.parametrize("kind", WHOLLY_BROKEN)
def test_a_completely_broken_upload_is_rejected(kind: str) -> None:
    """Nothing of it is read."""
    data, words = WHOLLY_BROKEN[kind]
    with pytest.raises(Broken, match=words):
        read(data)


def test_too_many_files_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip with more files than any export has is not searched."""
    monkeypatch.setattr(archives, "MAX_ENTRIES", 100)
    with pytest.raises(Broken, match="holds 101 files"):
        read(zipped({str(number): b"" for number in range(101)}))


@pytest.mark.slow
def test_a_hundred_thousand_files_are_read() -> None:
    """Phones export every record as a separate file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(f"{number}.json"), b'{"number": %d}' % number)
    assert numbers(packed.getvalue()) == list(range(100_000))


HALVES: dict[str, tuple[bytes, bool]] = {
    "one of two": (b'{"number": 1}\n{"number": \n', True),
    "one of three": (b'{"number": 1}\n{"number": \n{"number"\n', False),
    "most of a cut file": (records(*range(10))[:-30], True),
    "little of a damaged file": (b'[{"number": 1}, {"number": 2} {{' + b"x" * 1000, False),
    "a small file of two": (zipped({"a.json": records(1), "b.json": records(2, 3, 4, 5)}), True),
    "a small file, the large one encrypted": (
        marked(zipped({"a.json": records(1), "b.json": records(2, 3, 4, 5)}), flags=1),
        False,
    ),
    "a large file, the small one encrypted": (
        marked(zipped({"a.json": records(1, 2, 3, 4, 5), "b.json": records(6)}), flags=1),
        True,
    ),
}


@pytest.mark.parametrize("kind", HALVES)
def test_an_upload_of_which_less_than_half_is_readable_is_rejected(kind: str) -> None:
    """A file that cannot be opened counts by its bytes."""
    data, accepted = HALVES[kind]
    _, left_out = read(data)
    nothing = Broken("Nothing. At all.")
    if accepted:
        left_out.check(nothing)
        return
    with pytest.raises(Broken, match="Less than half") as told:
        left_out.check(nothing)
    assert told.value.left_out is left_out


def test_an_empty_upload_is_explained() -> None:
    """With the reason why nothing can be read, or with the text of the source."""
    nothing = Broken("Nothing. At all.")
    for data, words in (
        (b"[]", "Nothing"),
        (zipped({"b.json": b'{"a": 1}', "c.pdf": b"%PDF"}), "Nothing"),
        (marked(zipped({"b.json": records(1)}), method=9), "Deflate64"),
        (b'[{"number": NaN}]', "not JSON"),
    ):
        with pytest.raises(Broken, match=words):
            read(data)[1].check(nothing)


def test_reasons_are_counted() -> None:
    """How many of how many, by reason."""
    _, left_out = read(b'[{"number": 1}, {"number": NaN}, {"number": 2}]')
    assert (left_out.read, left_out.total, left_out.by_reason()) == (2, 3, {DAMAGED: 1})
