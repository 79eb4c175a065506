"""Trials of sources: what breaks the contract is reported, and no value of the data is shown."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from privateshare.sources.contract import Connection, Identity, ObjectSchema, Page, Sample, SourceInfo
from privateshare.sources.trial import try_source, unexpected_error

DAY: dict[str, Any] = {
    "entityid": "28_a_1",
    "accountentityid": "28_a",
    "id": "1",
    "steps": 5,
    "createddate": 1_780_000_000_000,
    "startdate": 1_780_000_000_000,
    "enddate": 1_780_086_400_000,
}


class Scripted:
    """A source that yields what a test says, a list for each pass."""

    info = SourceInfo(28, 28, 4, (301,), ObjectSchema("digime", "1.0.0"), (Sample("a", "A", "A."),))

    def __init__(self, *passes: list[Page], identities: tuple[Identity, ...] = ()) -> None:
        self.passes, self.identities = [*passes], [*identities]

    def identify(self, connection: Connection) -> Identity:
        return self.identities.pop(0) if self.identities else Identity("someone", "Someone")

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        yield from self.passes.pop(0) if len(self.passes) > 1 else self.passes[0]


def page(*changes: Mapping[str, Any], object_type: int = 301) -> Page:
    return Page(object_type, [{**DAY, **change} for change in changes])


def without(name: str) -> Page:
    return Page(301, [{field: value for field, value in DAY.items() if field != name}])


def test_a_good_source_has_no_fault() -> None:
    """Its objects are counted by type, with their dates; a later one with the same id replaces the earlier."""
    found = try_source(Scripted([page({}, {}, {"entityid": "28_a_2", "createddate": 1_790_000_000_000})]), Connection)
    assert found.faults == []
    (report,) = found.types
    assert (report.objects, report.replaced, report.undated) == (2, 1, 0)
    assert (report.first, report.last) == (1_780_000_000_000, 1_790_000_000_000)


@pytest.mark.parametrize(
    ("passes", "fault"),
    [
        ([[page({"entityid": "28_a_1"})], [page({"entityid": "28_a_2"})]], "there would be doubles"),
        ([[page({"steps": "secret"})]], "steps: its value is not"),
        ([[page({"secret_steps": 1})]], "secret_steps"),
        ([[without("id")]], '"id" is a required property'),
        ([[without("entityid")]], "an object has no entityid"),
        ([[page({"accountentityid": "secret"})]], "accountentityid must begin with"),
        ([[page({"steps": float("nan")})]], "changes when it is written as JSON"),
        ([[page({"steps": object()})]], "cannot be written as JSON"),
        ([[page({}, object_type=406)]], "object type 406, which info does not declare"),
        ([[page(*[{}] * 1001)]], "at most 1000 are allowed"),
    ],
)
def test_what_breaks_the_contract_is_reported(passes: list[list[Page]], fault: str) -> None:
    found = try_source(Scripted(*passes), Connection).faults
    assert any(fault in text for text in found), found
    assert not any("secret" in text.replace("secret_steps", "") for text in found)


def test_a_fault_of_both_passes_is_counted_once() -> None:
    (fault,) = try_source(Scripted([page({"steps": "x"})]), Connection).faults
    assert "times" not in fault


def test_a_sample_without_objects_is_a_fault() -> None:
    """Nobody could try the source with it. An upload may have none of a type."""
    assert try_source(Scripted([]), lambda: Connection(sample="a")).faults == ["the sample a has no objects"]
    assert try_source(Scripted([page()]), Connection).faults == []


def test_progress_is_the_number_of_different_objects() -> None:
    counted = list[int]()
    pages = [page({}, {"entityid": "28_a_2"}), page({}, {"entityid": "28_a_3"})]
    try_source(Scripted(pages), Connection, counted.append)
    assert counted == [2, 3, 2, 3]


@pytest.mark.parametrize(
    ("identities", "fault"),
    [
        ((Identity("a", "A"), Identity("b", "A")), "another account"),
        ((Identity("", "A"), Identity("", "A")), "must return an id"),
    ],
)
def test_an_unstable_identity_is_reported(identities: tuple[Identity, ...], fault: str) -> None:
    found = try_source(Scripted([page({})], identities=identities), Connection).faults
    assert any(fault in text for text in found), found


def test_many_faults_are_not_listed_one_by_one() -> None:
    pages = [page(*[{f"odd{number}": 1} for number in range(start, start + 100)]) for start in range(0, 300, 100)]
    assert len(try_source(Scripted(pages), Connection).faults) <= 21


class Crashing(Scripted):
    """A source that does not expect what it reads."""

    def identify(self, connection: Connection) -> Identity:
        return Identity("someone", {"secret-value": ""}["another-secret"])


def test_an_error_that_no_source_may_raise_is_described_without_values() -> None:
    """Its author sees the type and the line; the text of the error may have values of somebody's data."""
    source = Crashing([])
    with pytest.raises(KeyError) as raised:
        try_source(source, Connection)
    text = unexpected_error(source, raised.value)
    assert "KeyError (test_trial.py, line " in text
    assert "secret" not in text
