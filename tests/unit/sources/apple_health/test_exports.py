"""Exports as phones of many years and languages write them, damaged ones too."""

import gzip
import io
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.archives import zipped
from tests.unit.sources.apple_health.exports import HEAD, dated, read, record, xml

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.apple_health.files import opened_export
from privateshare.sources.apple_health.source import AppleHealth
from privateshare.sources.contract import Connection
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.recognition import recognise

STEP = record("StepCount", "03-02 10:00", "03-02 10:10", 1000)
MORE = record("StepCount", "03-03 10:00", "03-03 10:10", 500)
RATE = record("HeartRate", "03-02 10:00", "03-02 10:00", 61, "count/min")
DAY, BODY = ObjectType.DAILY_ACTIVITY_SUMMARY, ObjectType.BODY_COMPOSITION_SUMMARY
CDA = b'<?xml version="1.0"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Health Data Export</title></ClinicalDocument>'
GPX = b"""<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="Apple Health Export" xmlns="http://www.topografix.com/GPX/1/1"><trk><name>Route</name><trkseg>
<trkpt lon="5.1214" lat="52.0907"><ele>3.04</ele><time>2026-03-02T17:00:00Z</time><extensions><speed>2.7</speed></extensions></trkpt>
<trkpt lon="5.1215" lat="52.0908"><ele>3.10</ele><time>2026-03-02T17:00:01Z</time></trkpt></trkseg></trk></gpx>"""


def days_of(data: Any, left_out: LeftOut | None = None) -> int:
    """How many days an export tells of."""
    return len(read(data, left_out)[ObjectType.DAILY_ACTIVITY_SUMMARY])


@pytest.mark.parametrize(
    "names",
    [
        ("apple_health_export/export.xml", "apple_health_export/export_cda.xml"),
        ("apple_health_export/Export.xml", "apple_health_export/export_cda.xml"),
        ("apple_health_export/导出.xml", "apple_health_export/导出_cda.xml"),
        ("apple_health_export/exportación.xml", "apple_health_export/exportación_cda.xml"),
        ("apple_health_export\\Exportieren.xml", "apple_health_export\\Exportieren_cda.xml"),
        ("backup of my phone.xml", "other.xml"),
    ],
)
def test_files_are_recognised_by_their_content(names: tuple[str, str]) -> None:
    """Their names are in the language of the phone. The second file in CDA is reported as not needed."""
    left_out = LeftOut()
    assert days_of({names[1]: CDA, names[0]: xml(STEP)}, left_out) == 1
    assert "It was not needed" in str(next(iter(left_out.unused.values())))
    assert not left_out.is_partial


def test_the_main_file_alone_is_accepted() -> None:
    """Unpacked by the person, or compressed in another way."""
    assert days_of(xml(STEP)) == days_of(gzip.compress(xml(STEP))) == 1


@pytest.mark.parametrize(
    "head",
    [
        '<?xml version="1.0" encoding="UTF-8"?>\n<HealthData>',
        '<?xml version="1.0"?>\n<!DOCTYPE HealthData [\n' + "<!-- x -->\n" * 50_000 + "]>\n<HealthData>",
        HEAD.replace("]>", "<!ATTLIST Record\n  type CDATA #REQUIRED\n<!ELEMENT Broken (((>\n]>"),
        HEAD.replace("]>", '<!ENTITY a SYSTEM "file:///etc/passwd">\n]>'),
        "\ufeff" + HEAD,
        "\n\n" + HEAD,
    ],
)
def test_the_document_type_is_ignored(head: str) -> None:
    """It is invalid in exports of some years, very long, or missing."""
    left_out = LeftOut()
    assert days_of(xml(STEP, head=head), left_out) == 1
    assert not left_out.is_partial or head.startswith("\n")


@pytest.mark.parametrize(
    "fault",
    [
        '<Record type="x" sourceName="Sam\u0000 \u000b"/>',
        '<Record type="x" sourceName="a" sourceName="b"/>',
        '<Record type="x" sourceName="a & b < c"/>',
        '<Record type="x" sourceName="a &lol; b"/>',
        '<Record type="x" sourceName="it"s"/>',
        "<Record type=x/>",
        '<Workout workoutActivityType="HKWorkoutActivityTypeWalking">',
        "<Correlation>",
        "</Workout>",
        "</Workout>" * 50,
        "</HealthData>",
        "]]> -->",
        '<Record type="x" value="' + "x" * 1_000_000 + '"/>',
    ],
)
def test_malformed_parts_do_not_affect_other_records(fault: str) -> None:
    """The records before and after them are read."""
    after = fault if fault != "<Correlation>" else fault + "</Correlation>"
    assert days_of(xml(STEP, after, MORE)) == 2


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("UTF-8", "UTF-16").encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: ("\r\n  \n" + text).encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("UTF-8", "ISO-8859-1").replace("’", "é").encode("iso-8859-1"),
    ],
    ids=["UTF-16", "UTF-16 without mark", "big-endian", "mark", "lines before it", "carriage returns", "Latin-1"],
)
@pytest.mark.parametrize("is_zipped", [True, False])
def test_exports_in_any_encoding_are_read_whole(encode: Callable[[str], bytes], is_zipped: bool) -> None:
    """Programs that people open an export with write it in other encodings, and add lines before its declaration."""
    text = xml(
        *(record("StepCount", f"03-0{1 + n % 9} 10:0{n % 7}", f"03-0{1 + n % 9} 10:1{n % 7}", 10) for n in range(3000))
    )
    left_out = LeftOut()
    data = encode(text.decode())
    found = read({"export.xml": data} if is_zipped else data, left_out)
    assert len(found[DAY]) == 9
    assert (left_out.read, left_out.is_partial, left_out.unused) == (3000, False, {})
    upload = AppleHealth().info.upload
    assert upload is not None
    assert recognise(io.BytesIO(data), {260: upload.marks}).files == {260: 1}


@pytest.mark.parametrize(("value", "fat"), [("0.185", 18.5), ("18.5", 18.5), ("1", 100), ("185", None), ("-0.1", None)])
def test_shares_are_fractions_or_percent_and_never_more_than_the_whole(value: str, fat: float | None) -> None:
    """Apple writes fractions, some apps that hand their values to it write percent."""
    left_out = LeftOut()
    elements = (record("BodyFatPercentage", "03-01 10:00", "03-01 10:00", value, "%"), STEP)
    found = read(xml(*elements), left_out)
    assert [one["bodyFat"] for one in found.get(BODY, ())] == ([] if fat is None else [fat])
    saturation = (record("OxygenSaturation", "03-01 10:00", "03-01 10:00", value, "%"), RATE)
    measured = read(xml(*saturation), records=True)[ObjectType.OBSERVATION]
    assert [one["valueQuantity"]["value"] for one in measured[:-1]] == ([] if fat is None else [fat])
    assert left_out.count == (fat is None)


@pytest.mark.parametrize("kind", ["BodyMass", "LeanBodyMass", "BodyMassIndex"])
@pytest.mark.parametrize("value", ["-3", "0", "1e9"])
def test_weights_that_nobody_has_are_counted(kind: str, value: str) -> None:
    left_out = LeftOut()
    unit = "count" if kind == "BodyMassIndex" else "kg"
    found = read(xml(record(kind, "03-01 10:00", "03-01 10:00", value, unit), STEP), left_out)
    assert BODY not in found
    assert (left_out.read, left_out.count) == (1, 1)


def test_damage_is_reported() -> None:
    """Skipped parts are reported, and so is a truncated file."""
    for data in (xml(STEP, "<Record type=x/>", MORE), xml(STEP, MORE)[:-40]):
        left_out = LeftOut()
        read({"export.xml": data}, left_out)
        assert "Only a part of export.xml can be read" in str(left_out.damaged["export.xml"])


def test_invalid_bytes_are_replaced() -> None:
    """A name with an invalid character does not end the file."""
    assert days_of(xml(STEP).replace("Sam’s".encode(), b"Sam\xff\xfes") + b"") == 1


@pytest.mark.parametrize(
    "changes",
    [
        ("03-02 10:00", "soon"),
        ('value="1000"', 'value="many"'),
        ('value="1000"', 'value="1e400"'),
        ('value="1000"', 'value="NaN"'),
        ('value="1000"', 'value="-5"'),
        ('unit="count"', 'unit="furlong"'),
        ("2026-03-02 10:10", "2026-03-02 09:10"),
        ("2026-03-02 10:00", "2025-03-02 10:00"),
        ("2026-03-02 10:00", "2026-02-30 10:00"),
        ("2026-03-02 10:00", "20260-3-02 1:00"),
        ("endDate", "lastDate"),
    ],
)
def test_unreadable_records_are_counted(changes: tuple[str, str]) -> None:
    """The others are read, and the person sees the number of those that were not."""
    left_out = LeftOut()
    broken = STEP.replace(*changes)
    assert broken != STEP or changes[0] == "03-02 10:00"
    broken = broken if broken != STEP else STEP.replace("2026-03-02 10:00:00 +0100", "soon", 1)
    assert days_of(xml(MORE, broken), left_out) == 1
    assert [reason.code for reason in left_out.by_reason()] == ["Damaged"]
    assert (left_out.read, left_out.count) == (1, 1)


def test_other_files_are_rejected_with_an_explanation() -> None:
    """Also the second file of an export alone."""
    for data in (CDA, b"<a/>", b"Hello", zipped({"a.xml": CDA})):
        with pytest.raises(Broken, match="Export All Health Data"):
            AppleHealth().identify(connection(data))
    with pytest.raises(Broken, match="no activity, sleep or weight"):
        AppleHealth().identify(connection(xml('<Record type="HKQuantityTypeIdentifierDietaryWater"/>')))


def connection(data: bytes) -> Connection:
    """An upload."""
    return Connection(archive=io.BytesIO(data))


NEW_WORKOUT = f"""<Workout workoutActivityType="HKWorkoutActivityTypeTraditionalStrengthTraining" duration="31.5" durationUnit="min"
 sourceName="Sam’s Watch" device="&lt;&lt;HKDevice: 0x1&gt;, name:Apple Watch, model:Watch, hardware:Watch6,2&gt;"
 creationDate="{dated("03-02 18:40")}" startDate="{dated("03-02 18:00")}" endDate="{dated("03-02 18:35")}">
<MetadataEntry key="HKTimeZone" value="America/New_York"/><MetadataEntry key="HKElevationAscended" value="3450 cm"/>
<WorkoutEvent type="HKWorkoutEventTypePause" date="{dated("03-02 18:10")}"/>
<WorkoutStatistics type="HKQuantityTypeIdentifierActiveEnergyBurned" sum="210.5" unit="Cal"/>
<WorkoutStatistics type="HKQuantityTypeIdentifierDistanceWalkingRunning" sum="2" unit="mi"/>
<WorkoutStatistics type="HKQuantityTypeIdentifierHeartRate" average="121.5" minimum="88" maximum="150" unit="count/min"/>
<WorkoutRoute sourceName="x"><FileReference path="/workout-routes/route_2026-03-02_6.35pm.gpx"/></WorkoutRoute></Workout>"""
OLD_WORKOUT = f"""<Workout workoutActivityType="HKWorkoutActivityTypeTraditionalStrengthTraining" duration="31.5" durationUnit="min"
 totalDistance="3.218688" totalDistanceUnit="km" totalEnergyBurned="210.5" totalEnergyBurnedUnit="kcal"
 sourceName="Sam’s Watch" startDate="{dated("03-02 18:00")}" endDate="{dated("03-02 18:35")}">
<WorkoutRoute><Location date="x" latitude="52.0907" longitude="5.1214" altitude="3"/></WorkoutRoute></Workout>"""


def test_workouts_of_new_and_old_exports() -> None:
    """Statistics since iOS 16, attributes before; the places of the route in a file or inside; one id for both."""
    new = read({"export.xml": xml(NEW_WORKOUT), "workout-routes/route_2026-03-02_6.35pm.gpx": GPX})
    old = read(xml(OLD_WORKOUT))
    (activity,), (route,) = new[ObjectType.ACTIVITY], new[ObjectType.ROUTE]
    for found in (activity, old[ObjectType.ACTIVITY][0]):
        assert found["activityname"] == "Traditional Strength Training"
        assert (found["duration"], found["distance"], found["calories"]) == (1_890_000, 3.219, 210.5)
        assert (found["startinglatitude"], found["startinglongitude"]) == (52.0907, 5.1214)
        assert found["entityid"] == activity["entityid"]
    assert (activity["averageheartrate"], activity["maxheartrate"], activity["elevationgain"]) == (121.5, 150, 34.5)
    assert activity["starttimeoffset"] == -5 * 3_600_000
    assert activity["source"] == {"name": "Sam’s Watch", "type": "Watch6,2"}
    assert route["activityentityid"] == activity["entityid"]
    assert route["geometry"]["coordinates"][0] == [5.1214, 52.0907, 3.0]


@pytest.mark.parametrize("value", ["1e300", "-1e300", "-5", "nan", "many"])
def test_impossible_values_of_a_workout_are_left_out(value: str) -> None:
    """The workout itself is shared, with the time between its start and its end."""
    workout = (
        f'<Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="{value}" durationUnit="min" totalDistance="{value}" '
        f'totalDistanceUnit="km" totalEnergyBurned="{value}" totalEnergyBurnedUnit="kcal" sourceName="Watch" '
        f'startDate="{dated("03-02 10:00")}" endDate="{dated("03-02 10:30")}"><MetadataEntry key="HKElevationAscended" value="{value} cm"/>'
        f'<WorkoutStatistics type="HKQuantityTypeIdentifierStepCount" sum="{value}" unit="count"/></Workout>'
    )
    (run,) = read(xml(workout))[ObjectType.ACTIVITY]
    assert run["duration"] == 1_800_000
    assert not run.keys() & {"distance", "calories", "elevationgain", "steps"}


def test_a_repeated_workout_counts_once() -> None:
    """Unless another app wrote it: the Health app then shows both too."""
    assert len(read(xml(NEW_WORKOUT, NEW_WORKOUT))[ObjectType.ACTIVITY]) == 1
    both = read(xml(NEW_WORKOUT, OLD_WORKOUT.replace("Sam’s Watch", "Strava")))[ObjectType.ACTIVITY]
    assert len({activity["entityid"] for activity in both}) == 2


def test_unreadable_routes_are_counted() -> None:
    """The workout is kept, without its starting point."""
    left_out = LeftOut()
    for damage in (GPX[:300], GPX.replace(b'lat="52.0907"', b'lat="520"'), GPX.replace(b"17:00:00Z", b"never")):
        found = read({"export.xml": xml(NEW_WORKOUT), "route_2026-03-02_6.35pm.gpx": damage}, left_out)
        assert len(found[ObjectType.ACTIVITY]) == 1
    assert [(reason.code, number) for reason, number in left_out.by_reason().items()] == [("DamagedRoute", 3)]


def test_measurements_of_a_scale_within_a_minute_are_one_weighing() -> None:
    """A scale writes weight, fat and index one after the other; pounds and stones become kilograms."""
    (weighing,) = read(
        xml(
            record("BodyMass", "03-02 07:10:01", "03-02 07:10:01", 150, "lb", "app"),
            record("BodyFatPercentage", "03-02 07:10:03", "03-02 07:10:03", 0.25, "%", "app"),
            record("BodyMassIndex", "03-02 07:10:03", "03-02 07:10:03", 22.1, "count", "app"),
        )
    )[ObjectType.BODY_COMPOSITION_SUMMARY]
    assert (weighing["weight"], weighing["bodyFat"], weighing["bodyMassIndex"]) == (68.039, 25, 22.1)
    (weighing,) = read(xml(record("BodyMass", "03-02 07:10", "03-02 07:10", 10, "st", "app")))[
        ObjectType.BODY_COMPOSITION_SUMMARY
    ]
    assert weighing["weight"] == 63.503


def test_a_newer_export_has_the_same_ids() -> None:
    """Also if the phone is in another zone by then, or a device has another name."""
    older = read(xml(STEP, NEW_WORKOUT, record("BodyMass", "03-02 07:10", "03-02 07:10", 70, "kg")))
    moved = xml(STEP, NEW_WORKOUT, record("BodyMass", "03-02 07:10", "03-02 07:10", 70, "kg"), MORE)
    renamed = moved.replace("Sam’s Watch".encode(), b"My new name")
    shifted = moved.replace(b"18:00:00 +0100", b"19:00:00 +0200").replace(b"18:35:00 +0100", b"19:35:00 +0200")
    for newer in (read(moved), read(renamed), read(shifted)):
        for kind, objects in older.items():
            assert {thing["entityid"] for thing in objects} <= {thing["entityid"] for thing in newer[kind]}


HOSTILE = {
    "devices": lambda: [
        f'<Record type="HKQuantityTypeIdentifierStepCount" sourceName="{number}" value="1" unit="count" '
        'startDate="2026-03-02 10:00:00 +0100" endDate="2026-03-02 10:00:01 +0100"/>'
        for number in range(10_000)
    ],
    "days": lambda: [
        record("StepCount", f"{year}-{month:02}-{day:02} 10:00", f"{year}-{month:02}-{day:02} 10:01", 1)
        for year in range(2000, 2099, 9)
        for month in range(1, 13)
        for day in range(1, 29)
    ],
    "years": lambda: [STEP.replace("2026-", f"{year:04}-") for year in range(1, 9999, 7)],
    "types": lambda: [f'<Record type="{number}"/>' for number in range(50_000)],
    "depth": lambda: ["<a>" * 5_000],
    "parts": lambda: ["<Workout>" + "<MetadataEntry/>" * 150_000 + "</Workout>"],
    "attributes": lambda: ["<Record " + " ".join(f'a{number}="1"' for number in range(20_000)) + "/>"],
    "entities": lambda: ["&lt;" * 100_000],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_exports_end_quickly_in_little_memory(name: str) -> None:
    """Realistic sizes are read, and impossible ones are left out."""
    data = xml(STEP, *HOSTILE[name](), MORE)
    began = time.process_time()
    with suppress(Broken):
        read(data, LeftOut())
    assert time.process_time() - began < 10


def test_memory_does_not_grow_with_the_number_of_files() -> None:
    """An export of years has thousands of routes."""
    routes = {f"route_{number}.gpx": b"<gpx>" + b" " * 500_000 + b"</gpx>" for number in range(40)}
    data = zipped({"export.xml": xml(STEP), **routes})
    tracemalloc.start()
    with opened_export(io.BytesIO(data), LeftOut()) as files:
        assert len(files.routes) == 40
        held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 5_000_000
