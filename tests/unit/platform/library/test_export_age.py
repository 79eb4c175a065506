"""Which of two exports is newer, and what happens to the objects of an older one."""

from collections.abc import Iterator
from typing import Any

import pytest

from privateshare.platform.library.export_age import Age, age_of_export, aged
from privateshare.platform.library.merging import plan_merge
from privateshare.platform.library.object_buffer import ObjectBuffer, Slot
from privateshare.sources.contract import ObjectSchema
from privateshare.sources.entries import Entry, entry_of

SCHEMA = ObjectSchema("digime", "1.0.0")
BOOK = 9011
JUNE = 1_780_000_000_000


@pytest.mark.parametrize(
    ("export", "stored", "age"),
    [
        ({1: 20}, {1: 10}, Age.NEWER),
        ({1: 10}, {1: 20}, Age.OLDER),
        ({1: 10}, {1: 10}, Age.UNKNOWN),
        ({}, {1: 10}, Age.UNKNOWN),
        ({1: 10}, {}, Age.UNKNOWN),
        ({1: 10}, {2: 20}, Age.UNKNOWN),
        # A part with other kinds says nothing about the kinds that both have.
        ({1: 10, 2: 99}, {1: 10}, Age.UNKNOWN),
        ({1: 10, 2: 30}, {1: 10, 2: 20}, Age.NEWER),
        ({1: 5, 2: 20}, {1: 10, 2: 20, 3: 99}, Age.UNKNOWN),
        ({1: 5}, {1: 10, 2: 1}, Age.OLDER),
    ],
)
def test_the_newest_common_dates_decide(export: dict[int, int], stored: dict[int, int], age: Age) -> None:
    assert age_of_export(export, stored) is age


def book(own_id: str, title: str, **fields: Any) -> Entry:
    thing = {"entityid": own_id, "accountentityid": "a", "createddate": JUNE, "title": title, **fields}
    return entry_of(SCHEMA, thing)


def merged(stored: list[Entry], incoming: list[Entry], age: Age, *, complete: bool = False) -> set[bytes]:
    """Return the objects that are there after a merge."""
    slot = Slot(BOOK, 202605)

    def in_library(_: object) -> Iterator[tuple[Slot, Entry]]:
        yield from ((slot, entry) for entry in stored)

    with ObjectBuffer(SCHEMA) as buffer:
        buffer.compares_changes = age is Age.UNKNOWN
        if complete:
            buffer.take_as_list(BOOK)
        for type_, entry in aged([(BOOK, entry) for entry in incoming], age):
            buffer.add_entry(type_, entry)
        merge = plan_merge(buffer, BOOK, in_library)
        kept = {entry.data for entry in stored if slot not in merge.slots or merge.keeps(slot, entry)}
        return kept | {entry.data for slot in merge.slots for entry in merge.entries(slot)}


OLD, NEW, OTHER = book("1", "Old"), book("1", "New"), book("2", "Other")


@pytest.mark.parametrize("age", Age)
def test_an_object_that_exists_stays_if_the_export_is_older(age: Age) -> None:
    """What is missing is added in any case."""
    assert merged([NEW], [OLD, OTHER], age) == {(NEW if age is Age.OLDER else OLD).data, OTHER.data}


@pytest.mark.parametrize("age", [Age.OLDER, Age.UNKNOWN])
def test_the_own_date_of_change_decides_where_the_age_is_not_known(age: Age) -> None:
    first, second = book("1", "First", updateddate=JUNE + 1000), book("1", "Second", updateddate=JUNE + 9000)
    assert merged([second], [first], age) == {second.data}
    assert merged([first], [second], age) == {(second if age is Age.UNKNOWN else first).data}
    assert merged([second], [second], age) == {second.data}


def books(*numbers: int) -> list[Entry]:
    return [book(str(number), f"Book {number}") for number in numbers]


def test_what_a_complete_export_lacks_was_deleted() -> None:
    everything = books(1, 2, 3, 4)
    assert merged(everything, books(1, 2, 3), Age.NEWER, complete=True) == {entry.data for entry in books(1, 2, 3)}
    assert merged(everything, books(1, 2, 3), Age.NEWER) == {entry.data for entry in everything}


@pytest.mark.parametrize("left", [(), (1,), (5, 6)])
def test_an_export_that_lacks_most_deletes_nothing(left: tuple[int, ...]) -> None:
    """A table that was cut off looks like a short one."""
    everything = {entry.data for entry in (*books(1, 2, 3, 4), *books(*left))}
    assert merged(books(1, 2, 3, 4), books(*left), Age.NEWER, complete=True) == everything
