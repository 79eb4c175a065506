"""Tests of when a large archive is written before all of it is read."""

import pytest

from privateshare.platform.library import object_buffer
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.sync.object_writing import Stages
from privateshare.sources.contract import ObjectSchema
from privateshare.sources.entries import NO_DATA, Entry
from privateshare.sources.identity import ObjectProvenance

DIGIME = ObjectSchema("digime", "1.0.0")
PLAYS = 406
DAY = 86_400_000


def play(number: int, provenance: ObjectProvenance | None = None) -> Entry:
    return Entry(f"e{number}", number * DAY, None, b"{}", number, provenance)


def filled(*entries: Entry) -> ObjectBuffer:
    buffer = ObjectBuffer(DIGIME)
    for entry in entries:
        buffer.add_entry(PLAYS, entry)
    return buffer


def test_each_stage_is_several_times_as_large_as_the_one_before() -> None:
    """So the months that are written again in each stage cost little."""
    stages = Stages(is_first=True, next_size=2)
    assert not stages.is_due(filled(play(1)))
    assert stages.is_due(filled(play(1), play(2)))
    assert not stages.is_due(filled(*(play(number) for number in range(15))))
    assert stages.is_due(filled(*(play(number) for number in range(16))))


def test_an_account_with_files_has_no_stages() -> None:
    """Nobody waits for its first file, and each stage would read all that is stored."""
    assert not Stages(is_first=False, next_size=1).is_due(filled(play(1)))


@pytest.mark.parametrize(
    "last", [play(2, ObjectProvenance()), Entry("e1", None, None, NO_DATA, provenance=ObjectProvenance())]
)
def test_versions_and_deletions_need_all_objects_at_once(last: Entry) -> None:
    """Which of several versions is the newest, and what was deleted, is known only once all are read."""
    assert not Stages(is_first=True, next_size=1).is_due(filled(play(1), last))


def test_very_many_months_are_not_written_in_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive can name many months, and each file takes its time to write."""
    monkeypatch.setattr(object_buffer, "MAX_SLOTS_OF_STAGES", 3)
    assert not Stages(is_first=True, next_size=1).is_due(filled(*(play(31 * number) for number in range(1, 5))))
