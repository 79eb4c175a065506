"""Tests of which months a merge writes: those that have something new, or lose something."""

from collections.abc import Sequence

import pytest

from privateshare.platform.library.merging import plan_merge
from privateshare.platform.library.object_buffer import ObjectBuffer, Slot
from privateshare.protocol.object_time import month_of
from privateshare.sources.contract import ObjectSchema
from privateshare.sources.entries import Entry, entry_of

DIGIME, FHIR = ObjectSchema("digime", "1.0.0"), ObjectSchema("fhir", "4.0.1")
PLAYS = 406
JANUARY, DAY = 1_704_103_200_000, 86_400_000


def play(day: int, title: str = "a", id_: str = "") -> Entry:
    return entry_of(DIGIME, {"entityid": id_ or f"e{day}", "createddate": JANUARY + day * DAY, "title": title})


def months(
    stored: Sequence[Entry], incoming: Sequence[Entry], schema: ObjectSchema = DIGIME, *, is_lost: bool = False
) -> list[int]:
    """Return the months that are written."""
    found = [(Slot(PLAYS, month_of(entry.moment) or 0), entry) for entry in stored]
    with ObjectBuffer(schema) as buffer:
        for entry in incoming:
            buffer.add_entry(PLAYS, entry)
        return [slot.month for slot in plan_merge(buffer, PLAYS, lambda: found, writes_unchanged=is_lost).slots]


OLD = [play(1), play(2), play(40)]


@pytest.mark.parametrize(
    ("incoming", "written"),
    [
        (OLD, []),
        (OLD[:2], []),
        ([*OLD, play(41)], [202402]),
        ([*OLD, play(70)], [202403]),
        ([play(1), play(2, "b"), play(40)], [202401]),
        ([play(1), play(2), play(41, id_="e40")], [202402]),
        ([play(1), play(2), play(3, id_="e40")], [202401, 202402]),
    ],
)
def test_only_changed_months_are_written(incoming: Sequence[Entry], written: Sequence[int]) -> None:
    """A month of which every object is stored already is not even read a second time."""
    assert months(OLD, incoming) == written


def test_a_month_that_loses_an_object_to_another_is_written() -> None:
    """An object that was stored elsewhere, such as without a month when there were too many, goes to its own."""
    found = [(Slot(PLAYS, 202402), play(1)), (Slot(PLAYS, 202402), play(40))]
    with ObjectBuffer(DIGIME) as buffer:
        for entry in (play(1), play(40)):
            buffer.add_entry(PLAYS, entry)
        assert [slot.month for slot in plan_merge(buffer, PLAYS, lambda: found).slots] == [202401, 202402]


def test_all_months_are_written_if_files_are_lost() -> None:
    """A lost file is replaced by what is there."""
    assert months(OLD, OLD, is_lost=True) == [202401, 202402]


def test_versions_and_their_origins_are_written() -> None:
    """Resources with the same content may be written otherwise, or have another origin."""
    assert months(OLD, OLD, FHIR) == [202401, 202402]
