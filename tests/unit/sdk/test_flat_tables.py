"""Tables in their flat form: what a play or a FHIR resource says, in columns that analyses need."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from privateshare import tables
from tests.unit.sdk.table_files import PLAYS, RECORD, file

SYNTHEA = Path(__file__).parents[2] / "data" / "synthea" / "patient-1.json.gz"
LOINC = "http://loinc.org"


def rows(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The flat rows of one resource, which are the same as records and in Arrow."""
    (table,) = tables([file(RECORD, [{"id": "1", **resource}], 1, "ann")]).values()
    flat = table.flat()
    records = flat.to_records()
    assert len(flat) == len(records)
    assert flat.to_arrow().to_pylist() == records
    return records


def row(resource: dict[str, Any]) -> dict[str, Any]:
    """The only flat row of a resource."""
    (found,) = rows(resource)
    return found


def observation(**elements: Any) -> dict[str, Any]:
    """The flat row of an observation."""
    return row({"resourceType": "Observation", **elements})


def test_a_play_has_artist_track_album_and_duration() -> None:
    """And what Spotify tells about it; wrong types and missing parts are empty."""
    track = {"id": "t", "name": "Song", "artists": [{"name": "Ann"}, {"name": "Bob"}], "album": {"name": "LP"}}
    play = {"entityid": "1", "createddate": 1700000000000, "msplayed": 180_000, "track": track}
    play |= {"skipped": False, "shuffle": True, "reasonstart": "trackdone", "platform": "ios", "country": "NZ"}
    odd = [{"entityid": "2", "track": "x"}, {"entityid": "3", "track": {"artists": [None, {}], "album": 5}}]
    flat = tables([file(PLAYS, [play, *odd], 1, "ann")])["playhistory"].flat()
    first, *others = flat.to_records()
    expected = {"artist": "Ann", "artists": "Ann; Bob", "track": "Song", "album": "LP", "ms": 180_000, "user": "ann"}
    expected |= {"skipped": False, "shuffle": True, "reason_start": "trackdone", "platform": "ios", "country": "NZ"}
    assert {name: first[name] for name in expected} == expected
    assert first["time"] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert [other["artist"] for other in others] == [None, None]
    assert str(flat.to_pandas()["ms"].dtype) == "Int64"
    assert flat.to_polars()["skipped"].to_list() == [False, None, None]


def test_other_objects_have_their_nested_fields_beside_the_others() -> None:
    """As `track_name`; lists are JSON text."""
    thing = {"entityid": "1", "createddate": 0, "place": {"city": "Oslo", "at": {"lat": 1.5}}, "tags": ["a"], "time": 7}
    (table,) = tables([file("18_1_1_1_2_1.json", [thing])]).values()
    (flat,) = table.flat().to_records()
    assert (flat["place_city"], flat["place_at_lat"], flat["tags"], flat["time_"]) == ("Oslo", 1.5, '["a"]', 7)
    assert table.flat().to_arrow()["time"].to_pylist() == [datetime(1970, 1, 1, tzinfo=UTC)]


def test_a_code_shows_its_text_or_else_its_coding() -> None:
    """System and code are of the coding that has them; a display falls back from text to coding to code."""
    coding = {"system": LOINC, "code": "8302-2", "display": "Body height"}
    found = observation(code={"text": "Height", "coding": [{"display": "no code"}, coding]})
    assert (found["system"], found["code"], found["display"]) == (LOINC, "8302-2", "Height")
    assert observation(code={"coding": [coding]})["display"] == "Body height"
    assert observation(code={"coding": [{"code": "x"}]})["display"] == "x"
    assert observation(code={"coding": [coding, {"code": "own", "userSelected": True}]})["code"] == "own"
    assert observation(code={"extension": [{"url": "x", "valueString": "y"}]})["display"] is None
    assert observation(code="a word")["display"] == "a word"
    oddities: list[Any] = [[], {"coding": "x"}, {"coding": [None, "x"]}, 7, {"coding": [{"code": 7}]}, {"coding": {}}]
    for odd in oddities:
        observation(code=odd)


def test_other_types_have_their_code_elsewhere() -> None:
    """Medications, vaccines, encounters; a reference into the resource itself is followed."""
    coded = {"coding": [{"system": "s", "code": "c", "display": "d"}]}
    for element in (
        {"vaccineCode": coded},
        {"medicationCodeableConcept": coded},
        {"type": [coded]},
        {"class": coded["coding"][0]},
    ):
        found = row({"resourceType": "Immunization", **element})
        assert (found["system"], found["code"], found["display"]) == ("s", "c", "d")
    contained = [{"resourceType": "Medication", "id": "m", "code": coded}]
    found = row(
        {"resourceType": "MedicationRequest", "medicationReference": {"reference": "#m"}, "contained": contained}
    )
    assert found["code"] == "c"
    loop = [{"resourceType": "Medication", "id": "m", "code": {"reference": "#m"}}]
    row({"resourceType": "MedicationRequest", "medicationReference": {"reference": "#m"}, "contained": loop})
    named = {"reference": "Medication/7", "display": "Aspirin"}
    assert row({"resourceType": "MedicationRequest", "medicationReference": named})["display"] == "Aspirin"


def test_values_of_each_kind_have_their_columns() -> None:
    """A number is `value`, a code `value_code`, all else `value_text`; a range has two ends."""
    quantity = {"value": 5.5, "comparator": "<", "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    found = observation(valueQuantity=quantity)
    assert (found["value"], found["comparator"], found["unit"], found["value_text"]) == (5.5, "<", "kg", None)
    assert observation(valueQuantity={"value": 7, "code": "mg"})["unit"] == "mg"
    assert observation(valueInteger=3)["value"] == 3.0
    assert observation(valueString="high")["value_text"] == "high"
    assert observation(valueBoolean=True)["value_text"] == "true"
    coded = observation(valueCodeableConcept={"coding": [{"system": "s", "code": "c", "display": "d"}]})
    assert (coded["value_system"], coded["value_code"], coded["value_text"]) == ("s", "c", "d")
    between = observation(valueRange={"low": {"value": 1, "unit": "g"}, "high": {"value": 2.5, "unit": "g"}})
    assert (between["value"], between["value_low"], between["value_high"], between["unit"]) == (None, 1.0, 2.5, "g")
    half_open = observation(valueRange={"high": {"value": 2}})
    assert (half_open["value_low"], half_open["value_high"]) == (None, 2.0)
    ratio = {"numerator": {"value": 1}, "denominator": {"value": 128}}
    assert observation(valueRatio=ratio)["value_text"] == "1:128"
    assert observation(valueDateTime="2020")["value_text"] == "2020"
    assert observation(valueSampledData={"data": "1 2"})["value_text"] == '{"data": "1 2"}'
    exact = observation(valueQuantity={"value": 2**60 + 1})
    assert (exact["value"], exact["value_text"]) == (float(2**60), str(2**60 + 1))
    assert observation(valueQuantity={"value": 10**400})["value_text"] == str(10**400)
    assert observation(valueQuantity={"value": "5"})["value_text"] == "5"
    assert observation(valueQuantity="5")["value_text"] == "5"
    assert observation(_valueString={"extension": []})["value_text"] is None
    assert observation(dataAbsentReason={"text": "unknown"})["value"] is None


def test_components_are_rows_of_their_own() -> None:
    """A blood pressure is two rows; a result with a value and components has both."""
    parts = [
        {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 120}},
        {"code": {"text": "Diastolic"}, "valueQuantity": {"value": 80}},
    ]
    panel = {"resourceType": "Observation", "code": {"coding": [{"code": "85354-9", "display": "BP"}]}}
    found = rows(panel | {"component": parts, "effectiveDateTime": "2020-05-17"})
    assert [(r["component"], r["code"], r["display"], r["value"]) for r in found] == [
        (0, "8480-6", "8480-6", 120.0),
        (1, None, "Diastolic", 80.0),
    ]
    assert {(r["panel_code"], r["panel_display"], r["date"], r["id"]) for r in found} == {
        ("85354-9", "BP", "2020-05-17", "1")
    }
    assert [r["component"] for r in rows(panel | {"component": parts, "valueString": "high"})] == [None, 0, 1]
    assert [r["component"] for r in rows(panel | {"component": "x"})] == [None]


@pytest.mark.parametrize(
    ("written", "date", "start", "precision", "offset"),
    [
        ("2020", "2020", datetime(2020, 1, 1), "year", None),
        ("2020-05", "2020-05", datetime(2020, 5, 1), "month", None),
        ("2020-05-17", "2020-05-17", datetime(2020, 5, 17), "day", None),
        ("2020-05-17T23:30:00-05:00", "2020-05-17", datetime(2020, 5, 17, 23, 30), "second", -300),
        ("2020-05-17T00:30:00+05:45", "2020-05-17", datetime(2020, 5, 17, 0, 30), "second", 345),
        ("2020-05-17T23:30:00.250Z", "2020-05-17", datetime(2020, 5, 17, 23, 30, 0, 250_000), "millisecond", 0),
        ("2020-05-17T23:30Z", "2020-05-17", datetime(2020, 5, 17, 23, 30), "minute", 0),
        ("2016-12-31T23:59:60Z", "2016-12-31", datetime(2016, 12, 31, 23, 59, 59), "second", 0),
        ("2020-02-30", None, None, None, None),
        ("next week", None, None, None, None),
    ],
)
def test_times_keep_their_precision_and_offset(
    written: str, date: str | None, start: datetime | None, precision: str | None, offset: int | None
) -> None:
    """A year is not its first day, and half past eleven in the evening is not the next day."""
    found = observation(effectiveDateTime=written)
    assert (found["date"], found["start"], found["precision"], found["offset"]) == (date, start, precision, offset)
    table = tables([file(RECORD, [{"resourceType": "Observation", "id": "1", "effectiveDateTime": written}])])
    for record in (table["observation"].to_records()[0], table["observation"].to_arrow().to_pylist()[0]):
        assert (record["time_precision"], record["time_offset"]) == (precision, offset)


def test_periods_have_an_end_and_what_goes_on_has_none() -> None:
    """Encounters, conditions with an abatement, Timings, and a Period without a start."""
    encounter = row({"resourceType": "Encounter", "period": {"start": "2020-01-31T23:00:00-03:00", "end": "2020-02"}})
    assert (encounter["start"], encounter["end"]) == (datetime(2020, 1, 31, 23), datetime(2020, 2, 1))
    assert (encounter["precision"], encounter["end_precision"], encounter["offset"]) == ("second", "month", -180)
    condition = {"resourceType": "Condition", "onsetDateTime": "2019"}
    assert row(condition)["end"] is None
    assert row(condition | {"abatementDateTime": "2020-03-01"})["end"] == datetime(2020, 3, 1)
    assert observation(effectivePeriod={"end": "2021"})["end_precision"] == "year"
    timing = observation(effectiveTiming={"event": ["2020-03-02", "2020-03-01"]})
    assert (timing["start"], timing["end"]) == (datetime(2020, 3, 1), datetime(2020, 3, 2))
    assert observation(effectivePeriod="x")["start"] is None


def test_the_records_of_synthea_have_codes_values_and_dates() -> None:
    """Every resource type of a whole record becomes rows, with nothing lost."""
    record = [entry["resource"] for entry in json.loads(gzip.decompress(SYNTHEA.read_bytes()))["entry"]]
    found = tables([file(RECORD, record, 1, "ann")])
    for table in found.values():
        flat = table.flat()
        assert flat.to_arrow().num_rows == len(flat) >= len(table) > 0
    observations = found["observation"].flat().to_pandas()
    assert observations["code"].notna().all()
    valued = observations["value"].notna() | observations["value_text"].notna()
    unvalued = set(observations["id"][~valued])
    assert all(not any(name.startswith("value") for name in thing) for thing in record if thing["id"] in unvalued)
    assert observations["unit"].notna().any()
    assert observations["start"].notna().all()
    assert {"8480-6", "8462-4"} <= set(observations["code"])
    for name in ("condition", "procedure", "immunization", "medicationrequest", "encounter"):
        assert found[name].flat().to_pandas()["display"].notna().all(), name
