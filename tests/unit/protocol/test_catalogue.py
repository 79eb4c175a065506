"""The catalogue: ids, names, and how they belong together."""

import json
from collections import Counter
from enum import IntEnum
from importlib.resources import files

import pytest

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType, catalogue, registrations

OURS = 9000


@pytest.mark.parametrize(
    ("enumeration", "entries"),
    [
        (ServiceGroup, catalogue().service_groups),
        (ServiceType, catalogue().service_types),
        (ObjectType, catalogue().object_types),
    ],
)
def test_enumerations_and_catalogue_agree(enumeration: type[IntEnum], entries: dict[int, object]) -> None:
    """Both have the same ids, but for those that only one source of ours registers."""
    ids = {int(entry) for entry in enumeration}
    assert ids <= set(entries)
    assert all(id_ >= OURS for id_ in set(entries) - ids)


def test_references_are_valid_names() -> None:
    """References are in lower case without spaces, and our own are unique within their kind."""
    entries = catalogue()
    for named in (entries.service_groups, entries.service_types, entries.object_types):
        for entry in named.values():
            assert entry.reference == entry.reference.lower().replace(" ", "")
            assert entry.name


def test_all_references_between_entries_exist() -> None:
    """Groups of types, and the service types, groups, countries, kinds and platforms of sources."""
    entries = catalogue()
    for named in (*entries.service_types.values(), *entries.object_types.values()):
        assert named.group in entries.service_groups
    for source in entries.sources.values():
        assert source.service_type in entries.service_types
        assert set(source.groups) <= set(entries.service_groups)
        assert set(source.countries) <= set(entries.countries)
        assert set(source.types) <= set(entries.source_types)
        assert set(source.platforms) <= set(entries.platforms)


def test_object_types_of_a_group() -> None:
    """The object types of a group name it, and every group of a source has some."""
    entertainment = catalogue().object_types_of_group(ServiceGroup.ENTERTAINMENT)
    assert ObjectType.PLAY_HISTORY in {entry.id for entry in entertainment}
    assert all(entry.group == ServiceGroup.ENTERTAINMENT for entry in entertainment)


def test_the_catalogue_is_loaded_once() -> None:
    """Later calls return the same object."""
    assert catalogue() is catalogue()


def test_no_id_or_reference_is_registered_twice() -> None:
    """The folders of sources register ids of ours that nobody else has; a reference names one thing of its kind."""
    known = json.loads(files("privateshare.protocol").joinpath("catalogue.json").read_text("utf-8"))
    for kind, attribute in (("sources", "sources"), ("serviceTypes", "service_types"), ("objectTypes", "object_types")):
        own = [entry for folder in registrations() for entry in getattr(folder, attribute)]
        ids = [entry["id"] for entry in [*known[kind], *own]]
        assert len(set(ids)) == len(ids)
        assert all(entry["id"] >= OURS for entry in own)
        references = Counter(entry["reference"] for entry in [*known[kind], *own])
        assert all(references[entry["reference"]] == 1 for entry in own)
    connectable = [id_ for folder in registrations() for id_ in folder.ids]
    assert len(set(connectable)) == len(connectable) > 0


def test_ids_of_packages_that_were_uninstalled_have_a_name() -> None:
    """Data that is there stays readable, although nothing says what it is."""
    entry = catalogue().object_types[123456789]
    assert (entry.id, entry.reference, entry.group) == (123456789, "unknown123456789", None)
    assert 123456789 not in catalogue().object_types
    assert catalogue().service_types.get(123456789) is None
