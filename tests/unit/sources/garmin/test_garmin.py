"""Exports of Garmin: summaries, and the files of devices in the zip archives inside."""

import io
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests import fit_files
from tests.archives import zipped
from tests.fit_files import ENUM, SINT16, UINT8, UINT16, UINT32, fit, message, seconds
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.garmin.source import Garmin
from privateshare.sources.recognition import recognise

DAY = datetime(2026, 3, 4, tzinfo=UTC)
MILLISECONDS = int(DAY.timestamp() * 1000)
START = DAY + timedelta(hours=6, minutes=30)
FITNESS, WELLNESS, UPLOADED = (f"DI_CONNECT/DI-Connect-{name}/" for name in ("Fitness", "Wellness", "Uploaded-Files"))
ACTIVITY = {
    "activityId": 999001,
    "userProfileId": 77,
    "name": "晨跑",
    "activityType": "trail_running",
    "beginTimestamp": int(START.timestamp() * 1000),
    "startTimeLocal": float(START.timestamp() * 1000 + 28_800_000),
    "duration": 1500000.0,
    "distance": 500000.0,
    "avgHr": 150.0,
    "maxHr": 165.0,
    "avgDoubleCadence": 172.0,
    "maxSpeed": 0.4,
    "elevationGain": 500.0,
    "calories": 418.4,
    "startLatitude": 25.0,
    "startLongitude": 121.5,
}


def read(files: dict[str, Any], left_out: LeftOut | None = None) -> dict[int, list[dict[str, Any]]]:
    """The objects of an export by type, each as its schema says. What is not bytes becomes JSON."""
    data = zipped({name: one if isinstance(one, bytes) else json.dumps(one).encode() for name, one in files.items()})
    connection = Connection(
        archive=io.BytesIO(data), provider_account_id="77", left_out=left_out if left_out is not None else LeftOut()
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in Garmin().fetch(connection, dict.fromkeys(Garmin.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def listed(*activities: dict[str, Any]) -> list[Any]:
    return [{"summarizedActivitiesExport": list(activities)}]


def test_units_of_activities_are_those_of_objects() -> None:
    """Centimetres, milliseconds, kilojoules and tens of metres a second."""
    (found,) = read({f"{FITNESS}a@example.org_0_summarizedActivities.json": listed(ACTIVITY)})[ObjectType.ACTIVITY]
    assert (found["id"], found["title"], found["activityname"]) == ("999001", "晨跑", "Trail running")
    assert (found["distance"], found["duration"], found["calories"]) == (5.0, 1_500_000, 100.0)
    assert (found["maxspeed"], found["elevationgain"], found["runcadence"]) == (14.4, 5.0, 172.0)
    assert (found["starttimeoffset"], found["startinglatitude"]) == (28_800_000, 25.0)


def test_the_file_of_a_workout_in_a_zip_inside_gives_its_route() -> None:
    """By its start; a workout that is not in the list is an activity of its own."""
    inner = zipped({"me_1.fit": fit_files.run(START), "me_2.fit": fit_files.run(START + timedelta(days=1))})
    left_out = LeftOut()
    found = read(
        {f"{UPLOADED}UploadedFiles_0-_Part1.zip": inner, f"{FITNESS}x_summarizedActivities.json": listed(ACTIVITY)},
        left_out,
    )
    assert [one["id"] for one in found[ObjectType.ACTIVITY]] == ["1772692200", "999001"]
    assert found[ObjectType.ROUTE][0]["activityentityid"] == "21_77_999001"
    assert (left_out.read, left_out.count, left_out.damaged) == (2, 0, {})


def test_a_day_is_its_summary_and_its_stress() -> None:
    """Days without any value give nothing, and impossible ones are counted."""
    day = {
        "calendarDate": "2026-03-04",
        "userProfilePK": 77,
        "wellnessStartTimeGmt": "2026-03-03T23:00:00.0",
        "wellnessEndTimeGmt": "2026-03-04T23:00:00.0",
        "totalSteps": 12345,
        "totalDistanceMeters": 9876.0,
        "activeKilocalories": 500.0,
        "floorsAscendedInMeters": 30.5,
        "moderateIntensityMinutes": 20,
        "vigorousIntensityMinutes": 0,
        "dailyStepGoal": 9000,
        "restingHeartRate": 52,
        "allDayStress": {
            "aggregatorList": [
                {"type": "AWAKE", "averageStressLevel": 50},
                {"type": "TOTAL", "averageStressLevel": 31, "maxStressLevel": 96, "restDuration": 30000},
            ]
        },
    }
    empty = {
        "calendarDate": "2026-03-05",
        "allDayStress": {"aggregatorList": [{"type": "TOTAL", "averageStressLevel": -1}]},
    }
    left_out = LeftOut()
    uds = [day, empty, day | {"calendarDate": "yesterday"}]
    samples = [
        message(227, [(1, UINT32, seconds(DAY) + 60 * n), (0, SINT16, level)]) for n, level in enumerate((40, -2, 55))
    ]
    monitoring = fit([message(0, [(0, ENUM, 32)]), *samples])
    found = read({"DI_CONNECT/DI-Connect-Aggregator/UDSFile_1.json": uds, f"{UPLOADED}1.fit": monitoring}, left_out)
    (summary,), (stress,) = found[ObjectType.DAILY_ACTIVITY_SUMMARY], found[ObjectType.STRESS_SUMMARY]
    assert (summary["id"], summary["steps"], summary["elevation"]) == ("2026-03-04", 12345, 30.5)
    assert summary["distances"] == [{"activity": "total", "distance": 9.876}]
    assert (summary["fairlyactiveminutes"], summary["goals"]) == (20, {"steps": 9000})
    assert (stress["averagestresslevel"], stress["maxstresslevel"]) == (31, 96)
    assert stress["startdate"] == MILLISECONDS - 3_600_000
    assert stress["timeoffsetstresslevelvalues"] == {"3600": 40, "3720": 55}
    assert (left_out.read, left_out.count) == (2, 1)


def test_naps_are_sleeps_of_their_own() -> None:
    """They are in the list of a night, or of a day without one. One without times is counted, and takes no night."""
    nap = {"napStartTimestampGMT": "2026-03-04T12:00:00.0", "napEndTimestampGMT": "2026-03-04T12:40:00.0"}
    night = {
        "sleepStartTimestampGMT": "2026-03-03T22:31:00.0",
        "sleepEndTimestampGMT": "2026-03-04T06:01:00.0",
        "calendarDate": "2026-03-04",
        "napList": [nap | {"napTimeSec": 2100, "calendarDate": "2026-03-04"}, {"napTimeSec": 60}],
    }
    alone = {
        "calendarDate": "2026-03-05",
        "napList": [{name: when.replace("03-04", "03-05") for name, when in nap.items()}],
    }
    left_out = LeftOut()
    found = read({f"{WELLNESS}1_sleepData.json": [night, alone]}, left_out)[ObjectType.SLEEP]
    assert [(one["calendardate"], one["timeinbedinseconds"]) for one in found] == [
        ("2026-03-04", 27_000),
        ("2026-03-04", 2400),
        ("2026-03-05", 2400),
    ]
    assert found[1]["unmeasurablesleepinseconds"] == 2100
    assert left_out.count == 1


def test_sleeps_and_weighings() -> None:
    """A night without the watch is no sleep; a scale that could not measure fat writes 0."""
    night = {
        "sleepStartTimestampGMT": "2026-03-03T22:31:00.0",
        "sleepEndTimestampGMT": "2026-03-04T06:01:00.0",
        "calendarDate": "2026-03-04",
        "deepSleepSeconds": 3600,
        "lightSleepSeconds": 14400,
        "remSleepSeconds": 5400,
        "awakeSleepSeconds": 600,
    }
    off = {"sleepWindowConfirmationType": "OFF_WRIST", "calendarDate": "2026-03-05"}
    backwards = night | {"sleepEndTimestampGMT": "2026-03-03T06:01:00.0"}
    scale = {"weight": 71500.0, "bmi": 22.5, "bodyFat": 0, "boneMass": 3100, "timestampGMT": "2026-03-04T06:50:00.0"}
    bodies = [{"metaData": {"userProfilePK": 77}, "weight": scale}, {"metaData": {}, "vo2MaxRunning": 50}]
    left_out = LeftOut()
    found = read(
        {f"{WELLNESS}1_sleepData.json": [night, off, backwards], f"{WELLNESS}userBioMetrics.json": bodies}, left_out
    )
    (slept,), (weighed,) = found[ObjectType.SLEEP], found[ObjectType.BODY_COMPOSITION_SUMMARY]
    assert (slept["durationinseconds"], slept["timeinbedinseconds"]) == (23_400, 27_000)
    assert (weighed["weight"], weighed["boneMass"], weighed["bodyMassIndex"]) == (71.5, 3.1, 22.5)
    assert "bodyFat" not in weighed
    assert left_out.count == 1


def walked(moment: datetime, cycles: int, metres: int = 0) -> bytes:
    """What a watch counted since midnight: cycles are twice two steps in the file's unit."""
    fields = [(253, UINT32, seconds(moment)), (5, ENUM, 6), (3, UINT32, cycles), (2, UINT32, metres * 100)]
    return message(55, fields)


def test_counts_of_a_day_become_epochs_whatever_the_order_of_files() -> None:
    """A file continues the counts of the one before, and midnight begins anew."""
    head = message(0, [(0, ENUM, 32)])
    hour = DAY + timedelta(hours=8)
    heart = message(55, [(253, UINT32, seconds(hour) + 5), (27, UINT8, 90)])
    short = message(55, [(26, UINT16, (seconds(hour) + 65) & 0xFFFF), (27, UINT8, 100)])
    late = fit([head, walked(hour + timedelta(minutes=20), 500, 400), walked(hour + timedelta(days=1), 60)])
    early = fit([head, walked(hour, 100, 80), heart, short, walked(hour + timedelta(minutes=10), 300, 250)])
    moved = message(
        21,
        [
            (253, UINT32, seconds(hour) + 4000),
            (0, ENUM, 54),
            (15, UINT32, seconds(hour)),
            (3, UINT32, 25),
            (14, ENUM, 6),
        ],
    )
    found = read({"b.fit": late, "a.fit": early, "c.fit": fit([head, moved])})
    epochs = found[ObjectType.EPOCH_SUMMARY]
    assert [one["steps"] for one in epochs] == [300, 200, 60]
    assert [one["distanceinmeters"] for one in epochs] == [250, 150, 0]
    assert epochs[0]["createddate"] == MILLISECONDS + 8 * 3_600_000
    assert epochs[0]["averageheartrateinbeatsperminute"] == 95
    (move,) = found[ObjectType.MOVE_IQ_SUMMARY]
    assert (move["durationinseconds"], move["activitytype"]) == (1500, "walking")


def test_scales_write_fit_files_too() -> None:
    """A weighing that is also in the summaries has the same id."""
    weighing = message(30, [(253, UINT32, seconds(DAY)), (0, UINT16, 7150), (1, UINT16, 1950)])
    data = fit([message(0, [(0, ENUM, 9)]), weighing])
    (weighed,) = read({"w.fit": data})[ObjectType.BODY_COMPOSITION_SUMMARY]
    assert (weighed["id"], weighed["weight"], weighed["bodyFat"]) == (f"body_{MILLISECONDS // 1000}", 71.5, 19.5)


def test_weighings_of_a_scale_that_several_people_used_are_left_out() -> None:
    """Nothing says which of them the account is of."""
    weighings = [
        message(30, [(253, UINT32, seconds(DAY) + 60 * user), (0, UINT16, 7000 + user), (12, UINT16, user)])
        for user in (0, 1)
    ]
    left_out = LeftOut()
    files = {"w.fit": fit([message(0, [(0, ENUM, 9)]), *weighings]), "a_summarizedActivities.json": listed(ACTIVITY)}
    assert not read(files, left_out)[ObjectType.BODY_COMPOSITION_SUMMARY]
    assert {reason.code: number for reason, number in left_out.by_reason().items()} == {"SeveralPeople": 2}


def test_an_export_names_its_owner_and_what_is_not_read() -> None:
    """Other files are listed, a damaged device file and a damaged zip inside are named."""
    files = {
        f"{FITNESS}x_summarizedActivities.json": json.dumps(listed(ACTIVITY)).encode(),
        "customer_data/customer.json": b'{"email": "a@example.org"}',
        f"{UPLOADED}UploadedFiles_0-_Part1.zip": b"PK\x03\x04 cut",
        f"{UPLOADED}9.fit": fit([message(0, [(0, ENUM, 32)]), walked(DAY, 5)], 10_000),
        f"{UPLOADED}settings.fit": fit([message(0, [(0, ENUM, 2)])]),
    }
    left_out = LeftOut()
    identity = Garmin().identify(Connection(archive=io.BytesIO(zipped(files)), left_out=left_out))
    assert (identity.provider_account_id, identity.named) == ("77", True)
    assert sorted(left_out.damaged) == ["9.fit", "UploadedFiles_0-_Part1.zip"]
    assert sorted(left_out.unused) == ["customer.json", "settings.fit"]


@pytest.mark.parametrize(
    ("data", "object_type"),
    [
        (fit_files.run(START), ObjectType.ACTIVITY),
        (json.dumps(listed(ACTIVITY)).encode(), ObjectType.ACTIVITY),
        (fit([message(0, [(0, ENUM, 32)]), message(30, [(253, UINT32, seconds(DAY)), (0, UINT16, 7150)])]), 306),
    ],
)
def test_a_single_file_of_an_export_is_read_too(data: bytes, object_type: int) -> None:
    """Without its archive, and so without a name."""
    Garmin().identify(Connection(archive=io.BytesIO(data)))
    found = Garmin().fetch(Connection(archive=io.BytesIO(data)), dict.fromkeys(Garmin.info.object_types))
    assert object_type in {page.object_type for page in found}


def test_the_data_of_two_people_are_refused() -> None:
    """It would mix them."""
    both = {"a_summarizedActivities.json": json.dumps(listed(ACTIVITY, ACTIVITY | {"userProfileId": 78})).encode()}
    with pytest.raises(Broken, match="several accounts"):
        Garmin().identify(Connection(archive=io.BytesIO(zipped(both))))


@pytest.mark.parametrize("odd", [None, [], {}, "x", -1, 10**30, True, 1.5, "2026-13-45T99:00:00.0", "٣"])
def test_odd_values_are_counted_or_dropped(odd: object) -> None:
    """No value of any field stops the rest."""
    for record in (
        ACTIVITY,
        {"calendarDate": "2026-03-04", "totalSteps": 5, "allDayStress": {"aggregatorList": [{"type": "TOTAL"}]}},
        {"sleepStartTimestampGMT": "2026-03-03T22:31:00.0", "sleepEndTimestampGMT": "2026-03-04T06:01:00.0"},
        {"metaData": {}, "weight": {"weight": 71500, "timestampGMT": "2026-03-04T06:50:00.0"}},
    ):
        for name in record:
            found = read({"a_summarizedActivities.json": listed(record | {name: odd}, ACTIVITY)})
            assert any(one["id"] == "999001" for one in found[ObjectType.ACTIVITY])


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (
            "Activity Type,Date,Favorite,Title,Distance,Calories,Time,Avg HR,Max HR,Aerobic TE",
            'Running,2026-03-04 07:01:22,false,"Leeds, running",5.02,"1,012",01:31:40.5,148,163,3.1',
        ),
        (
            "Aktivitätstyp,Datum,Favorit,Titel,Distanz,Kalorien,Zeit,Ø HF,Maximale HF,Aerober TE",
            '"Running","2026-03-04 07:01:22","false","Leeds, running","5,02","1.012","01:31:40,5","148","163","3,1"',
        ),
    ],
    ids=["en", "de"],
)
def test_the_table_of_the_website_is_read_in_any_language(header: str, row: str) -> None:
    """Distances have no unit. Rows without a date are counted."""
    others = "Yoga,2026-03-05 18:00:00,true,Evening,--,--,55:00,--,--,--\nYoga,soon,true,Evening,--,--,55:00,--,--,--\n"
    table = f"{header}\n{row}\n{others}".encode()
    left_out = LeftOut()
    run, yoga = read({"Activities.csv": table}, left_out)[ObjectType.ACTIVITY]
    assert (run["title"], run["createddate"], run["duration"]) == ("Leeds, running", 1772607682000, 5_500_500)
    assert (run["calories"], run["averageheartrate"], run["maxheartrate"], "distance" in run) == (1012, 148, 163, False)
    assert (yoga["duration"], yoga.keys() & {"calories", "averageheartrate"}) == (3_300_000, set())
    assert (left_out.read, left_out.count, left_out.unused) == (2, 1, {})
    upload = Garmin.info.upload
    assert upload is not None
    assert recognise(io.BytesIO(table), {254: upload.marks}).files == {254: 1}
