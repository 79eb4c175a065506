"""Tests of the decision which objects with the same type and id are kept."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privateshare.platform.library.deduplication import Candidate, find_superseded
from privateshare.protocol.dates import read_date
from privateshare.sources.identity import ObjectProvenance, Origin, Version

A, B = "a.example/fhir", "b.example/fhir"


def version(said: Any) -> Version:
    """Return a version by its number, or by the day of its update."""
    if isinstance(said, int):
        return Version(None, said)
    return Version(read_date(said), None) if said else Version()


def thing(
    content: int, said: Any = None, *, subject: str = "p1", event_time: int | None = None, **origin: Any
) -> Candidate:
    """Return an object; objects of equal content are the same in every part."""
    return Candidate(content, ObjectProvenance(Origin(**origin), version(said), subject), event_time=event_time)


def entry(content: int, said: Any = None, **more: Any) -> Candidate:
    """Return an entry of a history."""
    return thing(content, said, **({"file": "history.json"} | more), is_in_history=True)


def removal(said: Any = None, **more: Any) -> ObjectProvenance:
    """Return an entry of a history that says that the object was deleted."""
    return ObjectProvenance(Origin(**({"file": "history.json"} | more), is_in_history=True), version(said))


def stay(came: Sequence[Candidate | ObjectProvenance], kept: Sequence[Candidate] = ()) -> set[int]:
    """Return the contents of the objects in the library after an upload."""
    candidates, deletions = [], []
    for number, one in enumerate(came):
        if isinstance(one, ObjectProvenance):
            deletions.append(replace(one, order=number))
        else:
            candidates.append(replace(one, provenance=one.provenance and replace(one.provenance, order=number)))
    dropped = find_superseded(kept, candidates, deletions)
    return {candidate.content for candidate in (*kept, *candidates)} - dropped


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        ([], set()),
        ([thing(1)], {1}),
        # Different objects, each from somewhere else.
        ([thing(1, server=A), thing(2, server=B)], {1, 2}),
        ([thing(1, 3, server=A), thing(2, 1, server=B)], {1, 2}),
        ([thing(1, 3, folder="a"), thing(2, 1, folder="b")], {1, 2}),
        ([thing(1, "2026-01-01", folder="a"), thing(2, "2025-01-01", folder="a/b")], {1, 2}),
        ([thing(1, subject="e1a"), thing(2, subject="77")], {1, 2}),
        ([thing(1, 1, subject="e1a"), thing(2, 2, subject="77")], {1, 2}),
        ([thing(1, file="1.json"), thing(2, file="2.json")], {1, 2}),
        ([thing(1, "2026-01-01", file="1.json"), thing(2, "2025-01-01", file="2.json")], {1, 2}),
        ([thing(1, 1, file="1.json"), thing(2, 1, file="2.json")], {1, 2}),
        ([thing(1), thing(2)], {1, 2}),
        ([thing(1, 4), thing(2, 4)], {1, 2}),
        ([thing(1, 4), thing(2)], {1, 2}),
        # The same object again.
        ([thing(1), thing(1)], {1}),
        ([thing(1, folder="a"), thing(1, folder="b"), thing(2, folder="b")], {1, 2}),
        # Versions of one object.
        ([thing(1, 9), thing(2, 10)], {2}),
        ([thing(1, "2026-01-01"), thing(2, "2026-01-02")], {2}),
        ([thing(1, "2026-01-01T10:00:00+02:00"), thing(2, "2026-01-01T08:30:00Z")], {2}),
        ([thing(1, 9, file="1.json"), thing(2, 10, file="2.json"), thing(3, 8, file="3.json")], {2}),
        ([thing(1, 9, server=A), thing(2, 10, server=A, file="x", subject="")], {2}),
        ([entry(1, 3), entry(2, 2), entry(3, 1)], {1}),
        ([entry(1, server=A), entry(2, server=A), thing(3, server=B)], {1, 3}),
        ([entry(1, 3), entry(2, 2), thing(2, 2, file="other.json")], {1}),
        ([entry(1), entry(2), entry(3)], {1}),  # Only their order says which is the newest.
    ],
)
def test_versions_are_distinguished_from_objects_of_other_origins(came: list[Candidate], expected: set[int]) -> None:
    """The newest version is kept, in whatever order versions come in, and all different objects are kept."""
    told = all(candidate.provenance is not None and candidate.provenance.version != Version() for candidate in came)
    for ordered in permutations(came) if told or len(expected) == len(came) else [came]:
        assert stay(ordered) == expected


def test_without_versions_the_last_object_of_a_server_is_kept() -> None:
    """Pages of a search may overlap while objects change."""
    assert stay([thing(1, server=A), thing(2, server=A)]) == {2}
    assert stay([Candidate(1, None), Candidate(2, None), Candidate(1, None)]) == {1}


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        ([removal(), entry(1)], set()),
        ([entry(1), removal()], set()),
        ([removal(3), entry(1, 2), entry(2, 1)], set()),
        ([removal("2026-03-01"), entry(1, "2026-02-01")], set()),
        ([removal("2026-03-01"), entry(1, 2)], set()),  # Nothing says which was first.
        ([removal(3), entry(1)], set()),
        # Made again after it was deleted.
        ([entry(1, 4), removal(3), entry(2, 2)], {1}),
        ([entry(2, 2), removal(3), entry(1, 4)], {1}),
        ([entry(1, "2026-04-01"), removal("2026-03-01"), entry(2, "2026-02-01")], {1}),
        ([entry(1, 4), removal(), entry(2, 2)], {1}),  # The order of the other entries decides.
        ([entry(2, 2), removal(), entry(1, 4)], {1}),
        ([removal(), entry(1, 4), entry(2, 2)], set()),
        ([entry(2, 2), entry(1, 4), removal()], set()),
        ([removal(5), entry(1, 4), removal(3), entry(2, 2)], set()),
        # Other objects of the same id.
        ([removal(server=A), thing(1, server=A), thing(2, server=B)], {2}),
        ([removal(), entry(1), thing(2, subject="77", file="other.json")], {2}),
        ([removal(folder="a"), thing(1, folder="a"), thing(2, folder="b")], {2}),
        # The same object in another file, of which nothing says that it is newer.
        ([removal(), thing(1, file="other.json")], set()),
        ([removal(3), thing(1, 4, file="other.json")], {1}),
    ],
)
def test_deleted_objects_are_removed(came: list[Candidate | ObjectProvenance], expected: set[int]) -> None:
    """An object that was created again later, or that another server has, is kept."""
    assert stay(came) == expected


@pytest.mark.parametrize(
    ("kept", "came", "expected"),
    [
        # The same export again.
        ([thing(1), thing(2)], [thing(1), thing(2)], {1, 2}),
        ([thing(1, folder="a"), thing(2, folder="b")], [thing(1), thing(2)], {1, 2}),
        # A newer export.
        ([thing(1)], [thing(2)], {2}),
        ([thing(1, 1)], [thing(2, 2)], {2}),
        ([thing(1, server=A)], [thing(2, server=A)], {2}),
        ([thing(1, server=A)], [thing(2)], {2}),
        ([thing(1, server=A), thing(2, server=B)], [thing(3, server=A)], {2, 3}),
        ([thing(1), thing(2)], [thing(1), thing(3)], {1, 3}),
        ([thing(1), thing(2)], [thing(3), thing(4)], {3, 4}),
        ([thing(1, folder="a"), thing(2, folder="b")], [thing(3, folder="a")], {2, 3}),
        ([thing(1, 1, subject="")], [thing(2, 2, subject="")], {2}),
        # An older export.
        ([thing(1, 2)], [thing(2, 1)], {1}),
        ([thing(1, "2026-02-01", server=A)], [thing(2, "2026-01-01", server=A)], {1}),
        # Another hospital's export.
        ([thing(1, server=A)], [thing(2, server=B)], {1, 2}),
        ([thing(1, subject="e1a")], [thing(2, subject="77")], {1, 2}),
        ([thing(1, folder="a")], [thing(2, folder="b")], {1, 2}),
        ([thing(1, subject="")], [thing(2, subject="")], {1, 2}),
        ([thing(1, event_time=5)], [thing(2, event_time=6)], {1, 2}),
        ([thing(1, event_time=5), thing(2, event_time=6)], [thing(3, event_time=6)], {1, 3}),
        ([thing(1, 1, subject="")], [thing(2, 1, subject="")], {1, 2}),
        # One of several came, and nothing tells which: none is lost.
        ([thing(1), thing(2)], [thing(3)], {1, 2, 3}),
        # Deletions.
        ([thing(1)], [removal()], set()),
        ([thing(1, 1)], [removal(2)], set()),
        ([thing(1, 3)], [removal(2)], {1}),
        ([thing(1, server=A), thing(2, server=B)], [removal(server=A)], {2}),
        ([thing(1)], [removal(), entry(2)], set()),
        ([thing(1, 4)], [entry(1, 4), removal(), entry(2, 2)], {1}),
        ([thing(2, 2)], [entry(1, 4), removal(), entry(2, 2)], {1}),
        # All of one place.
        ([thing(1), thing(2)], [Candidate(3, None)], {3}),
        ([thing(1)], [Candidate(1, None)], {1}),
    ],
)
def test_later_objects_replace_their_older_versions(
    kept: list[Candidate], came: list[Candidate | ObjectProvenance], expected: set[int]
) -> None:
    """Nothing else is replaced, and the same objects again create no duplicates."""
    assert stay(came, kept) == expected


# What an object says of itself is a part of its content, unlike where it is found.
CONTENTS = [(None, "p1"), (None, ""), (1, "p1"), (2, "p1"), (2, ""), ("2026-01-01", "p1"), ("2026-01-02", "p2")]
candidates = st.builds(
    lambda content, **origin: thing(content, CONTENTS[content][0], subject=CONTENTS[content][1], **origin),
    st.integers(0, len(CONTENTS) - 1),
    server=st.sampled_from(["", "", A, B]),
    folder=st.sampled_from(["", "a", "b"]),
    file=st.sampled_from(["1", "2"]),
    is_in_history=st.booleans(),
)
removals = st.builds(
    removal, st.sampled_from([None, 1, "2026-01-02"]), server=st.sampled_from(["", A]), file=st.sampled_from(["1", "2"])
)


def settled(came: Sequence[Candidate | ObjectProvenance], kept: Sequence[Candidate] = ()) -> list[Candidate]:
    """Return the library's objects after an upload, without the names of the archive's files."""
    staying = stay(came, kept)
    found = {
        one.content: replace(
            one, provenance=replace(one.provenance, origin=replace(one.provenance.origin, file="", is_in_history=False))
        )
        for one in (*kept, *came)
        if isinstance(one, Candidate) and one.provenance is not None and one.content in staying
    }
    return list(found.values())


@given(st.lists(candidates | removals, max_size=7))
def test_the_same_upload_again_changes_nothing(came: list[Candidate | ObjectProvenance]) -> None:
    """Uploading the same objects again changes nothing, whatever their origins and versions are."""
    once = settled(came)
    assert {one.content for one in settled(came, once)} <= {one.content for one in once}
    assert once or not came or any(isinstance(one, ObjectProvenance) for one in came)


@given(st.lists(candidates, min_size=1, max_size=7))
def test_objects_of_different_servers_never_replace_each_other(came: list[Candidate]) -> None:
    """At least one object of each server is kept, whatever else is there."""
    for server in (A, B):
        there = {one.content for one in came if one.provenance is not None and one.provenance.origin.server == server}
        assert not there or stay(came) & there


def test_any_number_of_objects_of_one_id_takes_linear_time() -> None:
    """An upload with very many objects of one id cannot block the platform."""
    for make in (thing, entry):
        many = [make(number, None if number % 3 else number, file=str(number % 500)) for number in range(8_000)]
        removed = [removal(number, file=str(number)) for number in range(2_000)]
        begun = time.process_time()
        stay([*many, *removed], [replace(one, content=one.content + 8_000) for one in many])
        assert time.process_time() - begun < 10


def test_of_unknown_origins_only_the_unknown_are_versions_of_each_other() -> None:
    """Both uploads also name servers that the other does not: those are different objects."""
    kept = [thing(1, server=A, event_time=5), thing(2, event_time=5)]
    assert stay([thing(3, server=B, event_time=5), thing(4, event_time=5)], kept) == {1, 3, 4}
