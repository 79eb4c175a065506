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
        return [slot.month for slot in plan_merge(buffer, PLAYS, lambda _: found, writes_unchanged=is_lost).slots]


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


@pytest.mark.parametrize(
    ("incoming", "drops"),
    [
        (OLD, False),
        ([*OLD, play(1)], False),
        ([*OLD, play(70)], False),
        ([play(1, "b")], True),
        ([play(70, "a"), play(70, "b")], True),
        ([play(50, id_="e40")], True),
    ],
)
def test_a_merge_says_whether_it_drops_an_object(incoming: Sequence[Entry], drops: bool) -> None:
    """Only then, something that was known of the objects that were stored before may not hold any more."""
    found = [(Slot(PLAYS, month_of(entry.moment) or 0), entry) for entry in OLD]
    with ObjectBuffer(DIGIME) as buffer:
        for entry in incoming:
            buffer.add_entry(PLAYS, entry)
        assert plan_merge(buffer, PLAYS, lambda _: found).drops == drops


def test_only_the_files_that_may_have_the_same_ids_are_compared() -> None:
    """If what is missing may have been deleted, all are."""
    asked = list[object]()

    def stored(ids: object) -> Sequence[tuple[Slot, Entry]]:
        asked.append(ids)
        return ()

    for is_list in (False, True):
        with ObjectBuffer(DIGIME) as buffer:
            buffer.add_entry(PLAYS, play(1))
            if is_list:
                buffer.take_as_list(PLAYS)
            plan_merge(buffer, PLAYS, stored)
    assert asked == [frozenset({hash("e1")}), None]


@pytest.mark.parametrize(("incoming", "is_read"), [([play(70), play(71)], False), ([play(70), play(2, "b")], True)])
def test_what_is_stored_is_not_read_if_none_of_its_ids_came_in_again(incoming: Sequence[Entry], is_read: bool) -> None:
    """The ids that an import wrote in earlier stages are known, so it need not read its own files."""
    asked = list[object]()

    def stored(ids: object) -> Sequence[tuple[Slot, Entry]]:
        asked.append(ids)
        return [(Slot(PLAYS, month_of(entry.moment) or 0), entry) for entry in OLD]

    with ObjectBuffer(DIGIME) as before, ObjectBuffer(DIGIME) as buffer:
        before.add_entries([(PLAYS, entry) for entry in OLD])
        buffer.add_entries([(PLAYS, entry) for entry in incoming])
        merge = plan_merge(buffer, PLAYS, stored, stored_digests=[before.digests(PLAYS)])
        assert (merge.drops, bool(asked)) == (is_read, is_read)


def test_a_month_that_loses_an_object_to_another_is_written() -> None:
    """An object that was stored elsewhere, such as without a month when there were too many, goes to its own."""
    found = [(Slot(PLAYS, 202402), play(1)), (Slot(PLAYS, 202402), play(40))]
    with ObjectBuffer(DIGIME) as buffer:
        for entry in (play(1), play(40)):
            buffer.add_entry(PLAYS, entry)
        assert [slot.month for slot in plan_merge(buffer, PLAYS, lambda _: found).slots] == [202401, 202402]


def test_all_months_are_written_if_files_are_lost() -> None:
    """A lost file is replaced by what is there."""
    assert months(OLD, OLD, is_lost=True) == [202401, 202402]


def test_versions_and_their_origins_are_written() -> None:
    """Resources with the same content may be written otherwise, or have another origin."""
    assert months(OLD, OLD, FHIR) == [202401, 202402]
