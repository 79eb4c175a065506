"""Files as tables: records, Arrow, pandas, polars, Parquet."""

import gzip
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from privateshare import File, FileMetadata, InvalidAnswer, tables

SYNTHEA = Path(__file__).parents[3] / "data" / "synthea" / "patient-1.json.gz"


def file(name: str, content: object, updated: int = 1, **metadata: object) -> File:
    """A file as `read_file` gives it."""
    data = json.dumps(content).encode()
    return File(name, FileMetadata.model_validate(metadata), len(data), updated, data)


@pytest.fixture(scope="module")
def files() -> list[File]:
    """The default Spotify sample, and two files of a health record."""
    contract = pytest.importorskip("privateshare.sources.contract", reason="sources need privateshare[server]")
    from privateshare.sources.registry import Sources

    spotify = Sources().connectable[16]
    pages = spotify.fetch(contract.Connection(sample="default"), {406: None, 407: None})
    found = [
        file(f"18_5_19_1_{page.object_type}_D202601_{number}.json", page.objects)
        for number, page in enumerate(pages)
        if isinstance(page, contract.Page)
    ]
    record = [entry["resource"] for entry in json.loads(gzip.decompress(SYNTHEA.read_bytes()))["entry"]]
    for kind in ("Condition", "Observation"):
        found.append(file(f"{kind}.json", [thing for thing in record if thing["resourceType"] == kind]))
    return found


def test_there_is_one_table_for_each_object_type(files: list[File]) -> None:
    """By the names that the wire has for them."""
    found = tables(files)
    assert set(found) == {"playhistory", "followedartist", "condition", "observation"}
    assert len(found["playhistory"]) > 500
    assert "playhistory" in repr(found)


def test_records_have_dates_as_dates(files: list[File]) -> None:
    """Epoch milliseconds become moments in UTC; FHIR's own dates stay, and `time` says when in either."""
    play = tables(files)["playhistory"].to_records()[0]
    assert play["time"] == play["createddate"]
    assert play["time"].tzinfo is UTC
    condition = tables(files)["condition"].to_records()[0]
    assert isinstance(condition["time"], datetime)
    assert isinstance(condition["onsetDateTime"], str)


def test_data_frames_hold_every_object(files: list[File]) -> None:
    """In pandas, polars and Arrow alike; what is nested is a struct, or JSON text on request."""
    table = tables(files)["playhistory"]
    frame = table.to_pandas()
    assert len(frame) == len(table) == table.to_polars().height == table.to_arrow().num_rows
    assert str(frame["time"].dtype).startswith("datetime64")
    assert frame["track"][0]["artists"][0]["name"]
    assert json.loads(table.to_pandas(nested="json")["track"][0])["artists"]
    observations = tables(files)["observation"].to_polars()
    assert observations["time"].dtype.is_temporal()


def test_parquet_files_are_written_and_read_back(files: list[File], tmp_path: Path) -> None:
    """One for each type."""
    import pyarrow.parquet

    written = tables(files).to_parquet(tmp_path)
    assert {path.name for path in written} == {
        "playhistory.parquet",
        "followedartist.parquet",
        "condition.parquet",
        "observation.parquet",
    }
    assert pyarrow.parquet.read_table(tmp_path / "playhistory.parquet").num_rows == len(tables(files)["playhistory"])


def test_a_folder_gives_the_same_tables(files: list[File], tmp_path: Path) -> None:
    """One that `read_all_files(into=…)` filled; what is no list of objects is left out."""
    for entry in files:
        (tmp_path / entry.name).write_bytes(entry.read_bytes())
    (tmp_path / "receipt.json").write_text('{"pushed": true}')
    (tmp_path / "torn.json").write_text("[{")
    found = tables(tmp_path)
    assert {name: len(table) for name, table in found.items()} == {
        name: len(table) for name, table in tables(files).items()
    }


def test_an_object_that_was_read_twice_counts_once():
    """As the newer file has it."""
    old = file("18_5_19_1_406_D202601_1.json", [{"entityid": "1", "createddate": 1}], updated=1)
    new = file("18_5_19_1_406_D202601_1.json", [{"entityid": "1", "createddate": 2}], updated=2)
    records = tables([new, old])["playhistory"].to_records()
    assert [record["createddate"] for record in records] == [datetime(1970, 1, 1, 0, 0, 0, 2000, UTC)]


def test_what_is_in_no_table_is_told(tmp_path: Path) -> None:
    """By the name of its file, and why; it takes nothing that can be read with it."""
    contents = {"pushed": '{"total": 12}', "torn": "[{", "deep": "[" * 100_000, "utf16": "[]\ud800", "text": '"x"'}
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_bytes(content.encode("utf-16", "surrogatepass"))
    (tmp_path / "18_5_19_1_406_D202601_1.json").write_text('[{"entityid": "1"}, null, 7, {"entityid": "2"}]')
    found = tables(tmp_path)
    assert [record["entityid"] for record in found["playhistory"].records()] == ["1", "2"]
    assert found.left_out.pop("18_5_19_1_406_D202601_1.json") == "2 of 4 entries are not objects"
    assert found.left_out == {
        **{f"{name}.json": "it does not hold JSON" for name in ("torn", "deep", "utf16")},
        **{f"{name}.json": "it does not hold a list of objects" for name in ("pushed", "text")},
    }
    assert "6 files left out" in repr(tables(tmp_path))


def test_objects_of_one_id_from_two_places_are_two():
    """Hospitals that count from 1: in the files of two accounts, and in one file; each is replaced by its own alone."""

    def observation(text: str) -> dict[str, str]:
        return {"resourceType": "Observation", "id": "1", "text": text}

    account = "18_2_9001_{}_129_D202601_1.json"
    found = tables(
        [
            file(account.format(1), [observation("first, old")], updated=1),
            file(account.format(1), [observation("first")], updated=2),
            file(account.format(2), [observation("second"), observation("third")], updated=1),
        ]
    )
    table = found["observation"]
    assert sorted(record["text"] for record in table.records()) == ["first", "second", "third"]
    assert len(table) == table.to_arrow().num_rows == 3


def test_objects_of_one_id_about_two_patients_are_two():
    """In files of one account too; an update of one replaces it, whatever else of it changed."""

    def observation(number: int, patient: str, **more: str) -> dict[str, object]:
        return {"resourceType": "Observation", "id": "1", "n": number, "subject": {"reference": patient, **more}}

    name = "18_2_9001_1_132_D2026{}_1.json"
    found = tables(
        [
            file(name.format("01"), [observation(1, "Patient/e1a")], updated=1),
            file(name.format("02"), [observation(2, "Patient/77")], updated=1),
            file(name.format("01"), [observation(3, "Patient/e1a", display="Ana")], updated=2),
        ]
    )
    assert sorted(record["n"] for record in found["observation"].records()) == [2, 3]


def test_columns_of_mixed_kinds_become_text():
    """A number here and a text there, as older providers have it."""
    mixed = file("18_5_19_1_406_D202601_1.json", [{"entityid": "1", "x": 7}, {"entityid": "2", "x": "seven"}])
    assert tables([mixed])["playhistory"].to_arrow()["x"].to_pylist() == ["7", "seven"]


def test_fhir_files_become_models(files: list[File]) -> None:
    """Of fhir.resources, where it is installed; another file says that it is none."""
    condition = next(entry for entry in files if entry.name == "Condition.json")
    models = condition.fhir()
    assert {type(model).__name__ for model in models} == {"Condition"}
    with pytest.raises(InvalidAnswer, match="FHIR"):
        files[0].fhir()


def test_whole_numbers_stay_whole():
    """Also where an object lacks the field; and large ones to the last digit. Among others they are numbers."""
    large = 2**60 + 1
    things = [
        {"entityid": "1", "id": large, "flag": True, "mixed": 1, "huge": 10**30},
        {"entityid": "2", "mixed": 2.5, "huge": 1},
    ]
    table = tables([file("18_5_19_1_406_1.json", things)])["playhistory"]
    assert table.to_pandas()["id"].tolist()[0] == large
    assert str(table.to_pandas()["id"].dtype) == "Int64"
    assert table.to_polars()["id"].to_list() == [large, None]
    assert table.to_arrow()["flag"].to_pylist() == [True, None]
    assert table.to_arrow()["mixed"].to_pylist() == [1.0, 2.5]
    assert table.to_arrow()["huge"].to_pylist() == [str(10**30), "1"]


def test_mixed_kinds_across_files_and_batches_share_a_column(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A number in one file, text in another, a list in a third: text; and a field that a later file brings is there."""
    monkeypatch.setattr("privateshare.sdk.tables.outputs.BATCH_ROWS", 1)
    made = [
        file("18_5_19_1_406_D202601_1.json", [{"entityid": "1", "x": 7}]),
        file("18_5_19_1_406_D202602_1.json", [{"entityid": "2", "x": "seven", "late": 1}]),
        file("18_5_19_1_406_D202603_1.json", [{"entityid": "3", "x": ["é"], "late": None}]),
    ]
    found = tables(made)
    assert found["playhistory"].to_arrow()["x"].to_pylist() == ["7", "seven", '["é"]']
    assert found["playhistory"].to_arrow()["late"].to_pylist() == [None, 1, None]
    import polars

    (written,) = found.to_parquet(tmp_path)
    assert polars.read_parquet(written)["x"].to_list() == ["7", "seven", '["é"]']


def test_dates_are_moments_whatever_their_form():
    """Fractions, dates before 1970, and numbers that are no date; a column where some are text is text."""
    things = [
        {"entityid": "1", "createddate": 1.5e12, "expirydate": 0, "startdate": 0},
        {"entityid": "2", "createddate": -1, "expirydate": 10**18, "startdate": "2026-01-01"},
        {"entityid": "3", "createddate": float("nan")},
        {"entityid": "4", "createddate": 10**400},
    ]
    table = tables([file("18_6_25_1_500_1.json", things)])["vehicletest"]
    before = datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)
    assert table.to_arrow()["time"].to_pylist() == [datetime(2017, 7, 14, 2, 40, tzinfo=UTC), before, None, None]
    assert [record["createddate"] for record in table.to_records()][1:] == [before, None, None]
    assert table.to_arrow()["expirydate"].to_pylist() == [datetime(1970, 1, 1, tzinfo=UTC), None, None, None]
    assert table.to_arrow()["startdate"].to_pylist() == ["0", "2026-01-01", None, None]
    assert str(table.to_pandas()["time"].dtype) == "datetime64[ms, UTC]"


def test_no_objects_are_an_empty_table(tmp_path: Path) -> None:
    """With its date column; no files are no tables."""
    empty = tables([file("18_5_19_1_406_1.json", [])])
    assert {name: len(table) for name, table in empty.items()} == {"playhistory": 0}
    assert len(empty["playhistory"].to_pandas()) == empty["playhistory"].to_polars().height == 0
    assert empty["playhistory"].to_records() == []
    assert [path.name for path in empty.to_parquet(tmp_path)] == ["playhistory.parquet"]
    assert tables([]).to_parquet(tmp_path) == []


def test_a_type_in_two_schemas_is_two_tables():
    """A condition of an old source, and FHIR's."""
    found = tables(
        [
            file("18_2_20_1_128_1.json", [{"entityid": "1", "createddate": 1}]),
            file("18_2_9001_1_128_1.json", [{"resourceType": "Condition", "id": "1", "recordedDate": "2026-03"}]),
        ]
    )
    assert {name: len(table) for name, table in found.items()} == {"condition": 1, "condition_fhir": 1}
    assert found["condition_fhir"].to_arrow()["time"].to_pylist() == [datetime(2026, 3, 1, tzinfo=UTC)]
    assert found["condition_fhir"].to_arrow()["recordedDate"].to_pylist() == ["2026-03"]


def test_text_that_no_file_can_hold_is_mended():
    """Half of a surrogate pair is JSON all the same."""
    half = File("18_5_19_1_406_1.json", FileMetadata(), 0, 1, b'[{"entityid": "1", "name": "a\\ud800b"}]')
    assert tables([half])["playhistory"].to_arrow()["name"].to_pylist() == ["a?b"]


@pytest.mark.slow
def test_memory_is_bounded_by_files_not_by_objects(tmp_path: Path) -> None:
    """Only where each object's newest form is, is kept: a fraction of what the objects take."""
    for month in range(20):
        things = [
            {
                "entityid": f"19_1_{month}_{n}",
                "createddate": n,
                "track": {"name": f"{month}-{n}", "artists": [{"name": "x" * 50}]},
            }
            for n in range(2000)
        ]
        (tmp_path / f"18_5_19_1_406_D2024{month:02}_1.json").write_text(json.dumps(things))
    tracemalloc.start()
    try:
        table = tables(tmp_path)["playhistory"]
        kept, peak = tracemalloc.get_traced_memory()
        assert sum(1 for _ in table.records()) == len(table) == 40_000
        assert kept / 40_000 < 250  # bytes an object; as dictionaries they take 1,000 and more
        assert peak < 12_000_000
    finally:
        tracemalloc.stop()
