"""Files of a known shape are looked at fast. Whatever they hold, tables are those of a look at each object."""

import json
import random
from typing import Any

import pytest

from privateshare import File, FileMetadata, tables
from privateshare.sdk.tables.table import Table
from tests.unit.sdk.table_files import file

PLAY = {"entityid": "1", "createddate": 1700000000000, "n": 1, "x": 0.5, "ok": True, "t": {"a": "b", "l": [{"c": 1}]}}
RESOURCE = {
    "resourceType": "Observation",
    "id": "1",
    "subject": {"reference": "Patient/1"},
    "meta": {"source": "a", "tag": []},
    "valueQuantity": {"value": 1, "unit": "kg"},
}
NESTED: list[Any] = [{"a": None}, {"a": 5}, {"z": 1}, {}, "text", [], {"l": [None, {"c": 2.5}]}, {"l": [7]}]
CHANGES: list[Any] = [
    *({"n": value} for value in (2.5, 2**53 + 1, 2**63, 10**30, "text", True, None, [1], {"a": 1}, -5)),
    *({"x": value} for value in (3, 2**53 + 1, "text", None, float("nan"), 1e300)),
    *({"t": value} for value in NESTED),
    *({"entityid": value} for value in (7, None, "1", ["x"], {"a": 1})),
    *({"createddate": value} for value in ("2020-01-01", 1.5, None, -1, 2**60)),
    *({name: 1} for name in ("new", "resourceType", "time", "N", "\ud800", "")),
    {"resourceType": "Observation", "id": "9"},
    {"ok": "\ud800"},
    *(None, 7, "text", [], {}),
]


def content(tables_of: list[File]) -> Any:
    """What tables hold, and what is left out."""
    found = tables(tables_of)
    arrow = {name: table.to_arrow() for name, table in found.items()}
    rows = {name: json.dumps(table.to_pylist(), default=str) for name, table in arrow.items()}
    schemas = {name: str(table.schema) for name, table in arrow.items()}
    return rows, schemas, {name: len(table) for name, table in found.items()}, found.left_out


def both_ways(made: list[File], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The content of tables, made with the fast look and without it."""
    fast = content(made)
    with monkeypatch.context() as patch:
        patch.setattr(Table, "add_checked", lambda *_: False)
        return fast, content(made)


@pytest.mark.parametrize("change", CHANGES, ids=repr)
@pytest.mark.parametrize("base", [PLAY, RESOURCE], ids=["digime", "fhir"])
def test_a_change_of_shape_is_noticed(base: dict[str, Any], change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second file with another kind of value, another field, or what is not an object at all."""
    changed = base | change if isinstance(change, dict) and change else change
    names = [f"18_5_19_1_406_D2026{month:02}_1.json" for month in range(1, 5)]
    files = [file(name, [base | {"entityid": name, "id": name}]) for name in names[:2]]
    files += [file(names[2], [changed]), file(names[3], [base, base | {"id": "5"}])]
    fast, slow = both_ways(files, monkeypatch)
    assert fast == slow


def test_files_of_random_shapes_give_the_same_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many files, each with some changes, of two users and two accounts, some of them updates of others."""
    chance = random.Random(13)
    values: list[Any] = [1, 2**53, 2**60, 0.5, "a", True, None, [], [1], {"a": 1}, {"a": "x", "b": [0.5]}]
    files = []
    for number in range(60):
        things = []
        for _ in range(5):
            thing = {"entityid": str(chance.randint(1, 40)), "a": 1, "b": {"c": "x"}}
            if chance.random() < 0.15:
                thing[chance.choice("abcd")] = chance.choice(values)
            things.append(thing)
        name = f"18_5_19_{chance.randint(1, 2)}_406_D2026{number % 12 + 1:02}_1.json"
        files.append(file(name, things, number, chance.choice(["ann", "bob"])))
    fast, slow = both_ways(files, monkeypatch)
    assert fast == slow


def test_files_of_a_known_shape_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast path accepts them; otherwise the other tests here would prove nothing."""
    taken: list[bool] = []
    add_checked = Table.add_checked

    def counting(*arguments: Any) -> bool:
        taken.append(add_checked(*arguments))
        return taken[-1]

    monkeypatch.setattr(Table, "add_checked", counting)
    for base in (PLAY, RESOURCE):
        taken.clear()
        things = [base | {"entityid": str(number), "id": str(number)} for number in range(3)]
        tables([file(f"18_5_19_1_406_D2026{month:02}_1.json", things, month) for month in range(1, 6)])
        assert taken == [True] * 4


def test_the_fast_path_is_disabled_for_tables_whose_shape_keeps_changing(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it costs little where it never helps. The result is the same without msgspec."""
    files = [file(f"18_5_19_1_406_D2026{n:04}_1.json", [{"entityid": "1", f"f{n}": n}], n) for n in range(60)]
    assert len(tables(files)["playhistory"].to_arrow().column_names) > 60
    monkeypatch.setitem(__import__("sys").modules, "msgspec", None)
    again = [File(f.name, FileMetadata(), f.size, f.updated_date, f.data) for f in files]
    assert len(tables(again)["playhistory"]) == 1
