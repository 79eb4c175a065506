"""The counts that people see before an export is added."""

import pytest

from privateshare.platform.library import read_exports
from privateshare.platform.library.read_exports import CountedObjects
from privateshare.sources.entries import Entry


def counted(*ids: str) -> int:
    kind = CountedObjects()
    for entity_id in ids:
        kind.add(Entry(entity_id, None, None, b"{}"))
    return kind.number


def test_an_object_that_comes_again_is_counted_once() -> None:
    """A track of several playlists comes for each, and is stored once."""
    assert counted("a", "b", "a", "a", "c") == 3


def test_beyond_a_number_of_objects_each_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_exports, "MAX_KNOWN_IDS", 2)
    assert counted("a", "b", "c", "c", "a") == 4
