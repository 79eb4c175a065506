"""The counts that people see before an export is added."""

import pytest

from privateshare.sources import object_counts
from privateshare.sources.entries import Entry
from privateshare.sources.frames import EntryPage
from privateshare.sources.identity import ObjectProvenance
from privateshare.sources.object_counts import CountedObjects, ObjectCounts


def counted(*ids: str) -> int:
    kind = CountedObjects()
    for some in (ids[:2], ids[2:]):
        kind.add([Entry(entity_id, None, None, b"{}") for entity_id in some])
    return kind.number


def test_an_object_that_comes_again_is_counted_once() -> None:
    """A track of several playlists comes for each, and is stored once."""
    assert counted("a", "b", "a", "a", "c") == 3


def test_what_comes_again_is_told_if_it_has_a_date() -> None:
    """Two entries of one time are one. What others refer to, such as an artist, has no date, and may come often."""
    counts = ObjectCounts()
    for moments in ((5, 5, None), (6, 5, None)):
        counts.add(EntryPage([(1, Entry(f"at {moment}", moment, None, b"{}")) for moment in moments]))
    assert (counts.kinds[1].number, counts.repeated) == (3, 2)


def test_objects_with_a_provenance_are_all_counted() -> None:
    """They may be different objects of one id, such as those of two hospitals."""
    kind = CountedObjects()
    marks = [ObjectProvenance(), None, ObjectProvenance(), None]
    for part in (slice(2), slice(2, None)):
        kind.add([Entry("a", 5 * len(marks), None, b"{}", provenance=mark) for mark in marks[part]])
    assert (kind.number, kind.first, kind.last) == (2, 20, 20)


def test_beyond_a_number_of_objects_each_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_counts, "MAX_KNOWN_IDS", 2)
    assert counted("a", "b", "c", "c", "a") == 4
