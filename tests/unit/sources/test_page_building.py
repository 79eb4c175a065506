"""Tests of grouping objects into pages."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from privateshare.sources.contract import PAGE_BYTES, PAGE_OBJECTS, EncodedObjects, ObjectSchema
from privateshare.sources.entries import entry_of, page_entries
from privateshare.sources.identity import IF_MISSING
from privateshare.sources.page_building import Written, one_line, pages

Typed = tuple[int, dict[str, Any]]


@given(st.lists(st.integers(1, 40), max_size=3 * PAGE_OBJECTS))
def test_pages_contain_every_object_once_in_order(types: list[int]) -> None:
    """Each object is in one page of its type, and the order within a type is kept."""
    given_objects: list[Typed] = [(object_type, {"number": number}) for number, object_type in enumerate(types)]
    found = [(page.object_type, thing) for page in pages(iter(given_objects)) for thing in page.objects]
    assert sorted(found, key=by_type_and_number) == sorted(given_objects, key=by_type_and_number)
    for object_type in set(types):
        numbers = [thing["number"] for kind, thing in found if kind == object_type]
        assert numbers == sorted(numbers)


def test_objects_with_and_without_a_provenance_share_a_page() -> None:
    """Each keeps its own, and none is lost, such as plays of the two exports of Spotify in one archive."""
    given_objects = [
        Written(1, {"entityid": str(number)}, provenance=IF_MISSING if number % 3 else None) for number in range(9)
    ]
    (page,) = pages(given_objects)
    entries = [entry for _, entry in page_entries(ObjectSchema("digime", "1.0.0"), page)]
    assert [entry.provenance == IF_MISSING for entry in entries] == [bool(number % 3) for number in range(9)]


def by_type_and_number(typed: Typed) -> tuple[int, int]:
    return typed[0], typed[1]["number"]


def test_pages_are_emitted_early() -> None:
    """However many types there are, the first page follows after PAGE_OBJECTS objects, or PAGE_BYTES of large ones."""
    for count, thing in ((PAGE_OBJECTS, {}), (9, {"data": "x" * (PAGE_BYTES // 8)})):
        taken = 0

        def objects(thing: dict[str, Any] = thing) -> Any:
            nonlocal taken
            while True:
                taken += 1
                yield taken % 50, thing

        next(pages(objects()))
        assert taken <= count


def test_objects_that_are_encoded_already_come_after_those_before_them() -> None:
    """The later of two objects with one id replaces the other, so their order stays."""
    things: list[dict[str, Any]] = [
        {"entityid": f"e{number}", "createddate": number} for number in range(PAGE_OBJECTS + 5)
    ]
    lines = [one_line(thing) for thing in things]
    ids = [thing["entityid"] for thing in things]
    encoded = EncodedObjects(1, ids, range(len(things)), lines)
    found = list(pages([(1, {"entityid": "first"}), (2, {"entityid": "other"}), encoded, (1, {"entityid": "last"})]))
    of_type = [thing for page in found if page.object_type == 1 for thing in page.objects]
    assert of_type == [{"entityid": "first"}, *things, {"entityid": "last"}]
    assert all(len(page.objects) <= PAGE_OBJECTS for page in found)
    schema = ObjectSchema("digime", "1.0.0")
    for page in found:
        expected = [(page.object_type, entry_of(schema, thing)) for thing in page.objects if page.encoded is not None]
        assert expected in ([], list(page_entries(schema, page)))
