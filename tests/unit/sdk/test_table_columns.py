"""The columns of tables: their names and types, whatever the JSON of objects holds."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from privateshare import NoSuchTable, tables
from tests.unit.sdk.table_files import PLAYS, RECORD, file


def column(name: str, *values: Any, **options: Any) -> list[Any]:
    """A column of objects with these values, as Arrow has it."""
    things = [{"entityid": str(number), name: value} for number, value in enumerate(values)]
    column: list[Any] = tables([file(PLAYS, things)])["playhistory"].to_arrow(**options)[name].to_pylist()
    return column


def test_each_object_says_whose_it_is_and_where_it_is_from() -> None:
    """Account, user, source, file and update time are columns, in records and in Arrow."""
    table = tables([file(PLAYS, [{"entityid": "1", "createddate": 1700000000000}], 86_400_000, "ann")])["playhistory"]
    expected = {
        "user": "ann",
        "account": "18_5_19_1",
        "source": "spotify",
        "file": PLAYS,
        "updated": datetime(1970, 1, 2, tzinfo=UTC),
    }
    for row in (table.to_records()[0], table.to_arrow().to_pylist()[0]):
        assert {name: row[name] for name in expected} == expected
        assert row["time"] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_the_same_id_of_two_users_or_accounts_is_two_objects() -> None:
    """Two hospitals of one person, and the first hospital of two people."""
    resource = {"resourceType": "Observation", "id": "1"}
    names = ("18_2_9100_1_132_D202601_1.json", "18_2_9100_2_132_D202601_1.json")
    found = tables([file(name, [resource], 1, user) for name in names for user in ("ann", "bob")])["observation"]
    assert len(found) == found.to_arrow().num_rows == 4
    assert {(row["user"], row["account"]) for row in found.records()} == {
        (user, account) for user in ("ann", "bob") for account in ("18_2_9100_1", "18_2_9100_2")
    }
    newer = [file(names[0], [{**resource, "status": "final"}], 2, "ann")]
    again = tables([file(names[0], [resource], 1, user) for user in ("ann", "bob")] + newer)["observation"]
    assert {(row["user"], row.get("status")) for row in again.records()} == {("ann", "final"), ("bob", None)}


def test_objects_without_an_id_of_two_users_are_two() -> None:
    """Two people may have equal objects."""
    assert len(tables([file(PLAYS, [{"x": 1}], 1, user) for user in ("ann", "bob")])["playhistory"]) == 2


@pytest.mark.parametrize("name", ["time", "user", "account", "source", "file", "updated", "Time"])
def test_fields_with_names_of_our_columns_keep_their_values(name: str) -> None:
    """Under another name, in records, in Arrow and in a file."""
    table = tables([file(PLAYS, [{"entityid": "1", name: "own"}])])["playhistory"]
    assert table.to_records()[0][f"{name}_"] == "own"
    assert table.to_arrow()[f"{name}_"].to_pylist() == ["own"]


def test_fields_of_fhir_keep_their_values_too() -> None:
    """FHIR tables have more columns of ours."""
    thing = {"resourceType": "Basic", "id": "1", "time_offset": "x", "source": {"reference": "Patient/1"}}
    row = tables([file(RECORD, [thing])])["basic"].to_arrow().to_pylist()[0]
    assert (row["time_offset"], row["time_offset_"], row["source_"]) == (None, "x", {"reference": "Patient/1"})


def test_the_names_of_columns_differ_without_their_case() -> None:
    """Databases do not tell `Id` from `id`; and two fields may become the same text."""
    thing = {"entityid": "1", "id": 1, "Id": 2, "ID": 3, "": 4}
    row = tables([file(PLAYS, [thing])])["playhistory"].to_arrow().to_pylist()[0]
    assert (row["id"], row["Id_"], row["ID__"], row["_"]) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5], [1.0, 2.5]),
        ([2**53, 2.5], [float(2**53), 2.5]),
        ([2**53 + 1, 2.5], [str(2**53 + 1), "2.5"]),
        ([2.5, -(2**60) - 1, None], ["2.5", str(-(2**60) - 1), None]),
        ([2**63 - 1, -(2**63)], [2**63 - 1, -(2**63)]),
        ([2**63, 1], [str(2**63), "1"]),
        ([10**400, 1.5], [str(10**400), "1.5"]),
        ([True, 1], ["true", "1"]),
        ([True, 1.5], ["true", "1.5"]),
        ([True, None, False], [True, None, False]),
        (["1", 1], ["1", "1"]),
        ([[1], [2.5]], [[1.0], [2.5]]),
        ([[2**53 + 1], [2.5]], [[str(2**53 + 1)], ["2.5"]]),
        ([[1, "a", None]], [["1", "a", None]]),
        ([{"a": 1}, {"a": "x"}], [{"a": "1"}, {"a": "x"}]),
        ([{"a": 1}, {"b": [None]}], [{"a": 1, "b": None}, {"a": None, "b": [None]}]),
        ([{"a": {"b": 1}}, {"a": [1]}], [{"a": '{"b": 1}'}, {"a": "[1]"}]),
        ([{"a": 1}, "x", 7, None], ['{"a": 1}', "x", "7", None]),
        ([{"a": 1}, [1]], ['{"a": 1}', "[1]"]),
        ([{}, {}], ["{}", "{}"]),
        ([{}, {"a": 1}], [{"a": None}, {"a": 1}]),
        ([[], []], [[], []]),
        ([{"a": {}}], [{"a": "{}"}]),
        ([{"a": 1, "A": 2}], ['{"a": 1, "A": 2}']),
        ([{"": 1}], ['{"": 1}']),
        ([None, None], [None, None]),
    ],
    ids=repr,
)
def test_values_of_any_kinds_share_a_column(values: list[Any], expected: list[Any], tmp_path: Path) -> None:
    """No number is changed and no value is lost. The same is in a Parquet file."""
    assert column("x", *values) == expected
    things = [{"entityid": str(number), "x": value} for number, value in enumerate(values)]
    path = tables([file(PLAYS, things)])["playhistory"].to_parquet(tmp_path / "t.parquet")
    assert pyarrow.parquet.read_table(path)["x"].to_pylist() == expected


def test_kinds_that_differ_between_files_share_a_column() -> None:
    """A field that is whole numbers in one file, and has a fraction in the next."""
    made = [
        file("18_5_19_1_406_D202601_1.json", [{"entityid": "1", "x": {"n": 2**53 + 1}}]),
        file("18_5_19_1_406_D202602_1.json", [{"entityid": "2", "x": {"n": 0.5, "more": True}}]),
    ]
    assert tables(made)["playhistory"].to_arrow()["x"].to_pylist() == [
        {"n": str(2**53 + 1), "more": None},
        {"n": "0.5", "more": True},
    ]


def test_nested_data_is_json_text_on_request(tmp_path: Path) -> None:
    """In Arrow, pandas, polars and Parquet."""
    value = {"name": "Žižkov", "of": [1, 2]}
    table = tables([file(PLAYS, [{"entityid": "1", "x": value}])])["playhistory"]
    texts = [
        table.to_arrow(nested="json")["x"][0].as_py(),
        table.to_pandas(nested="json")["x"][0],
        table.to_polars(nested="json")["x"][0],
        pyarrow.parquet.read_table(table.to_parquet(tmp_path / "t.parquet", nested="json"))["x"][0].as_py(),
    ]
    assert [json.loads(text) for text in texts] == [value] * 4
    assert table.to_polars()["x"][0] == value
    with pytest.raises(Exception, match='nested must be "structs" or "json"'):
        table.to_arrow(nested="text")  # type: ignore[arg-type]


def test_objects_with_fields_as_data_become_text() -> None:
    """One field for each day would be a struct of thousands; so would forms without end."""
    days = {f"day{number}": number for number in range(400)}
    deep: Any = "end"
    for _ in range(60):
        deep = {"item": [deep]}
    row = tables([file(PLAYS, [{"entityid": "1", "days": days, "deep": deep}])])["playhistory"].to_arrow()
    assert json.loads(row["days"][0].as_py()) == days
    assert "end" in json.dumps(row["deep"][0].as_py())


def test_a_number_is_a_date_only_if_its_schema_says_so() -> None:
    """`candidate` and `update` end like dates and are none; `createddate` and `startdate` are."""
    thing = {"entityid": "1", "candidate": 5, "update": 7, "mandate": 1.5, "createddate": 1700000000000, "startdate": 0}
    table = tables([file(PLAYS, [thing])])["playhistory"]
    for row in (table.to_records()[0], table.to_arrow().to_pylist()[0]):
        assert (row["candidate"], row["update"], row["mandate"]) == (5, 7, 1.5)
        assert row["startdate"] == datetime(1970, 1, 1, tzinfo=UTC)
    undated = tables([file(PLAYS, [{"entityid": "1", "candidate": 5}])])["playhistory"]
    assert undated.to_records()[0]["time"] is None


def test_text_that_is_not_text_is_mended_in_nested_data_too() -> None:
    """Half of a surrogate pair, as a value and as a name."""
    half = json.loads('{"a": "x\\ud800", "b": {"\\ud800": 1}, "c": ["\\udfff"]}')
    row = tables([file(PLAYS, [{"entityid": "1", **half}])])["playhistory"].to_arrow().to_pylist()[0]
    assert (row["a"], row["c"]) == ("x?", ["?"])
    assert json.loads(row["b"]) == {"?": 1}


def test_an_unknown_table_is_an_error_that_lists_those_there_are() -> None:
    """It is a KeyError, so that `get` and `in` work."""
    found = tables([file(PLAYS, [{"entityid": "1"}]), file(RECORD, [{"resourceType": "Observation", "id": "1"}])])
    with pytest.raises(NoSuchTable, match=r"There is no table 'nope'. There are: observation, playhistory") as raised:
        found["nope"]
    assert isinstance(raised.value, KeyError)
    assert found.get("nope") is None
    assert "nope" not in found
    with pytest.raises(NoSuchTable, match="There are: none"):
        tables([])["x"]


def test_parquet_files_are_compressed_with_zstd_and_hold_structs(tmp_path: Path) -> None:
    """Structs take about half of what JSON text takes."""
    things = [
        {"entityid": str(n), "track": {"name": f"Track {n % 50}", "artists": [{"name": f"Artist {n % 9}", "id": n}]}}
        for n in range(3000)
    ]
    table = tables([file(PLAYS, things)])["playhistory"]
    structs = table.to_parquet(tmp_path / "structs.parquet")
    text = table.to_parquet(tmp_path / "text.parquet", nested="json")
    metadata = pyarrow.parquet.read_metadata(structs)
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert structs.stat().st_size < text.stat().st_size
    assert pyarrow.types.is_struct(pyarrow.parquet.read_schema(structs).field("track").type)


def test_a_rerun_rewrites_only_what_changed(tmp_path: Path) -> None:
    """A file of the same content stays; one of other content, of another form, or damaged does not."""
    plays, record = file(PLAYS, [{"entityid": "1"}]), file(RECORD, [{"resourceType": "Observation", "id": "1"}])
    first = {path.name: path.stat().st_ino for path in tables([plays, record]).to_parquet(tmp_path)}
    changed = file(PLAYS, [{"entityid": "1", "n": 1}], updated=2)
    second = {path.name: path.stat().st_ino for path in tables([changed, record]).to_parquet(tmp_path)}
    assert second["observation.parquet"] == first["observation.parquet"]
    assert pyarrow.parquet.read_table(tmp_path / "playhistory.parquet")["n"].to_pylist() == [1]
    tables([changed, record]).to_parquet(tmp_path, nested="json")
    assert (tmp_path / "observation.parquet").stat().st_ino != second["observation.parquet"]
    (tmp_path / "observation.parquet").write_bytes(b"PAR1 torn")
    tables([changed, record]).to_parquet(tmp_path)
    assert pyarrow.parquet.read_table(tmp_path / "observation.parquet").num_rows == 1
