"""Files as tables: records, Arrow, pandas, polars, Parquet."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from privateshare import File, FileMetadata, InvalidAnswer, tables
from privateshare.sources.contract import Connection
from privateshare.sources.registry import all_sources

SYNTHEA = Path(__file__).parents[2] / "data" / "synthea" / "patient-1.json.gz"


def file(name: str, content: object, updated: int = 1, **metadata: object) -> File:
    """A file as `read_file` gives it."""
    data = json.dumps(content).encode()
    return File(name, FileMetadata.model_validate(metadata), len(data), updated, data)


@pytest.fixture(scope="module")
def files() -> list[File]:
    """The default Spotify sample, and two files of a health record."""
    spotify = all_sources()[16]
    pages = spotify.fetch(Connection(sample="default"), {406: None, 407: None})
    found = [file(f"18_5_19_1_{page.object_type}_D202601_{n}.json", page.objects) for n, page in enumerate(pages)]
    record = [entry["resource"] for entry in json.loads(gzip.decompress(SYNTHEA.read_bytes()))["entry"]]
    for kind in ("Condition", "Observation"):
        found.append(file(f"{kind}.json", [thing for thing in record if thing["resourceType"] == kind]))
    return found


def test_there_is_one_table_for_each_object_type(files: list[File]):
    """By the names that the wire has for them."""
    found = tables(files)
    assert set(found) == {"playhistory", "followedartist", "condition", "observation"}
    assert len(found["playhistory"]) > 500
    assert "playhistory" in repr(found)


def test_records_have_dates_as_dates(files: list[File]):
    """Epoch milliseconds become moments in UTC; FHIR's own dates stay, and `time` says when in either."""
    play = tables(files)["playhistory"].to_records()[0]
    assert play["time"] == play["createddate"]
    assert play["time"].tzinfo is UTC
    condition = tables(files)["condition"].to_records()[0]
    assert isinstance(condition["time"], datetime)
    assert isinstance(condition["onsetDateTime"], str)


def test_data_frames_hold_every_object(files: list[File]):
    """In pandas, polars and Arrow alike; what is nested is JSON."""
    table = tables(files)["playhistory"]
    frame = table.to_pandas()
    assert len(frame) == len(table) == table.to_polars().height == table.to_arrow().num_rows
    assert str(frame["time"].dtype).startswith("datetime64")
    assert json.loads(frame["track"][0])["artists"]
    observations = tables(files)["observation"].to_polars()
    assert observations["time"].dtype.is_temporal()


def test_parquet_files_are_written_and_read_back(files: list[File], tmp_path: Path):
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


def test_a_folder_gives_the_same_tables(files: list[File], tmp_path: Path):
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


def test_columns_of_mixed_kinds_become_text():
    """A number here and a text there, as older providers have it."""
    mixed = file("18_5_19_1_406_D202601_1.json", [{"entityid": "1", "x": 7}, {"entityid": "2", "x": "seven"}])
    assert tables([mixed])["playhistory"].to_arrow()["x"].to_pylist() == ["7", "seven"]


def test_fhir_files_become_models(files: list[File]):
    """Of fhir.resources, where it is installed; another file says that it is none."""
    condition = next(entry for entry in files if entry.name == "Condition.json")
    models = condition.fhir()
    assert {type(model).__name__ for model in models} == {"Condition"}
    with pytest.raises(InvalidAnswer, match="FHIR"):
        files[0].fhir()
