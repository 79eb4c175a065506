"""What can be sent: read in pieces, and again where that is possible."""

import io
import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from privateshare import ConfigurationError
from privateshare.sdk.uploads import PIECE_BYTES, Content, pieces_of
from privateshare.version import VERSION

DATA = bytes(range(256)) * 3000


def pieces_now(content: Content) -> tuple[Callable[[], Iterator[bytes]], bool]:
    """Return what gives the pieces of content that is not asynchronous, and whether it can give them again."""
    pieces, again = pieces_of(content)
    return cast(Callable[[], Iterator[bytes]], pieces), again


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").write_bytes(DATA)
    return tmp_path / "data"


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "path", "text path", "file", "memory", "list"])
def test_content_in_memory_or_on_disk_can_be_read_again(path: Path, kind: str) -> None:
    """In pieces of limited size, and not all at once."""
    made: dict[str, Content] = {
        "bytes": DATA,
        "bytearray": bytearray(DATA),
        "memoryview": memoryview(DATA),
        "path": path,
        "text path": str(path),
        "file": path.open("rb"),
        "memory": io.BytesIO(DATA),
        "list": [DATA[:9], DATA[9:]],
    }
    pieces, again = pieces_now(made[kind])
    assert again
    assert b"".join(pieces()) == b"".join(pieces()) == DATA
    if "path" in kind or kind in ("file", "memory"):
        assert max(map(len, pieces())) == PIECE_BYTES


def test_an_open_file_is_read_from_its_position(path: Path) -> None:
    """Each time."""
    with path.open("rb") as file:
        file.seek(1000)
        pieces, _ = pieces_now(file)
        assert b"".join(pieces()) == b"".join(pieces()) == DATA[1000:]


def test_a_stream_can_be_read_once() -> None:
    """An iterator, and a pipe."""
    assert pieces_now(iter([b"x"]))[1] is False
    read, write = os.pipe()
    os.write(write, b"piped")
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        pieces, again = pieces_now(pipe)
        assert (b"".join(pieces()), again) == (b"piped", False)


@pytest.mark.parametrize("content", [["text"], io.StringIO("text")])
def test_text_is_rejected_with_a_hint(content: object) -> None:
    """The error is a ConfigurationError instead of a failure deep in the HTTP client."""
    pieces, _ = pieces_now(content)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="binary mode"):
        list(pieces())


def test_the_version_is_that_of_the_distribution() -> None:
    """It is sent to platforms, which may block a version."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == VERSION
