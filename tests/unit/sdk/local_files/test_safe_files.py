"""Names from elsewhere as file names on this machine: below the folder, on every system, and never two for one file."""

import os
import re
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from privateshare import ConfigurationError
from privateshare.sdk.local_files.safe_files import (
    make_own_folder,
    open_own_file,
    partial_path,
    portable_name,
    replaced_file,
    safe_name,
)

KEPT = [
    "18_5_19_1_406_D202601_1.json",
    "18_4_28_2_3_D201812_10_1.json",
    "18_2_9001_1_127_1.json",
    "accounts.json",
    "playhistory.parquet",
    "0b0e7a52-2c9e-4bb5-9f0c-6f7c3f1d2a11",
    "file-1",
    "_x",
    "a..b",
]
CHANGED = [
    *("", ".", "..", "../../x", "..\\..\\x", "/etc/passwd", "C:\\x", "C:x", "\\\\host\\share\\x", "a/b", "a\\b"),
    *("con", "CON", "nul.txt", "aux.json", "com1", "com1.tar.gz", "lpt9", "com¹", "conin$", "nul .txt", "parquet"),
    *("a.", "a ", " a", "a.json ", "a.json.", ".hidden", ".privateshare-manifest.jsonl", ".x.part", "-rf", "~", "a~b"),
    *("file.json:stream", "a:b", "a?b", "a*b", 'a"b', "a<b", "a|b", "a\0b", "a\nb", "a\x7fb", "a\u202eb", "\ud800"),
    *("A.json", "Condition.json", "18_5_19_1_406_d202601_1.json", "x" * 151, "é" * 300, "é", "e\u0301", "ﬁ", "\u212a"),
    *("PLAYHI~1.PAR", "a\u200b", "\ufeff", "con\u0301", "NUL"),
]


@pytest.mark.parametrize("name", KEPT)
def test_plain_names_are_unchanged(name: str) -> None:
    """Those of the platform's own files, and of tables."""
    assert safe_name(name) == portable_name(name) == name


@pytest.mark.parametrize("name", CHANGED)
def test_other_names_are_made_valid(name: str) -> None:
    """The result is valid on every system, and keeps the readable part and the extension."""
    made = safe_name(name)
    assert made != name
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*~[0-9a-f]{32}(\.[a-z0-9]{1,10})?", made)


def is_safe_everywhere(name: str) -> bool:
    """Whether a name is one of a file in a folder, on POSIX, macOS and Windows."""
    in_one_place = PurePosixPath(name).name == PureWindowsPath(name).name == name and name not in (".", "..")
    is_device = PureWindowsPath(name).is_reserved() if hasattr(PureWindowsPath(name), "is_reserved") else False
    is_text = not any(unicodedata.category(character).startswith("C") for character in name)
    fits = len(name.encode()) <= 240 and unicodedata.is_normalized("NFC", name)
    return in_one_place and not is_device and is_text and fits and name == name.rstrip(". ") and ":" not in name


ANY_NAME = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="aAdD_0189.-~ ", max_size=12),
    st.sampled_from([*KEPT, *CHANGED]),
    st.tuples(st.sampled_from([*KEPT, *CHANGED]), st.sampled_from(["", ".", " ", ".json", ".JSON", "/", "~"])).map(
        "".join
    ),
)


@given(name=ANY_NAME)
def test_any_name_becomes_valid_on_every_system(name: str) -> None:
    """Generated names of any characters."""
    assert is_safe_everywhere(safe_name(name))
    assert is_safe_everywhere(portable_name(name))
    assert safe_name(safe_name(name)) == safe_name(safe_name(name))


@given(first=ANY_NAME, second=ANY_NAME)
@example(first="18_5_19_1_406_D202601_1.json", second="18_5_19_1_406_d202601_1.json")
@example(first="a", second=safe_name("A"))
@example(first="A", second=safe_name("A"))
@example(first="é.json", second="e\u0301.json")
@example(first="a.json", second="a.json.")
@example(first="\u212a", second="k")
def test_two_names_never_share_a_file(first: str, second: str) -> None:
    """Even if they differ only in case, in the form of accents, or in dots and spaces at the end."""

    def folded(name: str) -> str:
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).rstrip(". ")

    if first != second:
        assert folded(safe_name(first)) != folded(safe_name(second))


@pytest.mark.parametrize(
    "name", ["My notes.TXT", "Übersicht 2026.pdf", "日本語.json", ".env", "a.b.c", "Condition.json"]
)
def test_the_name_of_a_single_download_is_kept_if_it_is_valid(name: str) -> None:
    """So that people find the file under the name that they know."""
    assert portable_name(name) == name


@pytest.mark.parametrize(
    "name", [*("..", "a/b", "nul.txt", "a.", "a ", " a", "a:b", "e\u0301", "é" * 101, "a\nb", "\ud800", "")]
)
def test_the_name_of_a_single_download_is_changed_if_it_is_invalid(name: str) -> None:
    """If some system does not allow the name, or would change it."""
    assert portable_name(name) != name


def test_replacing_a_file_replaces_a_link_itself(tmp_path: Path) -> None:
    """The target of the link is unchanged, and nothing unfinished is left."""
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    target = tmp_path / "folder" / "x.parquet"
    target.parent.mkdir()
    target.symlink_to(outside)
    with replaced_file(target) as file:
        file.write(b"ours")
    assert (target.read_text(), outside.read_text()) == ("ours", "theirs")
    assert not target.is_symlink()
    with pytest.raises(TypeError), replaced_file(target) as file:
        file.write("half")  # type: ignore[call-overload]
    assert target.read_text() == "ours"
    assert list(target.parent.iterdir()) == [target]


def test_temporary_names_are_short(tmp_path: Path) -> None:
    """So that the name of the file itself may have the maximum length."""
    target = tmp_path / ("x" * 255)
    partial_path(target).write_bytes(b"")
    with replaced_file(target) as file:
        file.write(b"x")
    assert target.read_bytes() == b"x"


@pytest.mark.parametrize("append", [True, False])
@pytest.mark.parametrize("leads_to", ["file", "nothing", "folder"])
def test_a_link_with_the_name_of_our_file_is_not_followed(tmp_path: Path, leads_to: str, append: bool) -> None:
    """Neither to read its target, nor to append to it, nor to create it."""
    outside = tmp_path / "outside"
    if leads_to == "file":
        outside.write_text("theirs\n")
    elif leads_to == "folder":
        outside.mkdir()
    (tmp_path / "ours").symlink_to(outside)
    with pytest.raises(ConfigurationError, match="symbolic link"):
        open_own_file(tmp_path / "ours", append=append)
    assert outside.exists() == (leads_to != "nothing")
    assert leads_to != "file" or outside.read_text() == "theirs\n"


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """A folder, and a pipe that nobody reads."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        for append in (True, False):
            with pytest.raises(ConfigurationError, match="not a file"):
                open_own_file(tmp_path / name, append=append)


def test_our_own_file_is_read_and_extended(tmp_path: Path) -> None:
    """It is created if it does not exist."""
    for text in ("one\n", "two\n"):
        with open_own_file(tmp_path / "ours", append=True) as file:
            file.write(text)
    (tmp_path / "ours").chmod(0o444)
    with open_own_file(tmp_path / "ours", append=False) as file:
        assert file.read() == "one\ntwo\n"


def test_a_link_with_the_name_of_our_folder_is_not_followed(tmp_path: Path) -> None:
    """Its target stays empty."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "parquet").symlink_to(tmp_path / "outside")
    with pytest.raises(ConfigurationError, match="symbolic link"):
        make_own_folder(tmp_path / "parquet")
    assert make_own_folder(tmp_path / "new" / "parquet").is_dir()
