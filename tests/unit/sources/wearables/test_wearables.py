"""Exports of Samsung Health, Oura and Withings, of several years and layouts."""

import io
import json
from collections import defaultdict
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page, Source
from privateshare.sources.failures import LeftOut
from privateshare.sources.recognition import recognise
from privateshare.sources.strava.source import Strava
from privateshare.sources.wearables.source import SOURCES

SAMSUNG, OURA, WITHINGS = SOURCES
DAY, SLEEP, BODY = ObjectType.DAILY_ACTIVITY_SUMMARY, ObjectType.SLEEP, ObjectType.BODY_COMPOSITION_SUMMARY


def read(source: Any, files: dict[str, Any], left_out: LeftOut | None = None) -> dict[int, list[dict[str, Any]]]:
    """The objects of an export by type, each as its schema says."""
    data = zipped(
        {name: one.encode() if isinstance(one, str) else json.dumps(one).encode() for name, one in files.items()}
    )
    connection = Connection(
        archive=io.BytesIO(data), provider_account_id="me", left_out=left_out if left_out is not None else LeftOut()
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


# --- Samsung Health ---


@pytest.mark.parametrize(
    ("head", "times"),
    [
        ("com.samsung.shealth.exercise,6313004,5", "com.samsung.health.exercise."),
        ("com.samsung.health.exercise,4110003,2", ""),
        ("com.samsung.shealth.exercise,7006003,12", "com.samsung.shealth.exercise."),
    ],
)
def test_samsung_exercises_of_all_versions(head: str, times: str) -> None:
    """Columns have the name of the table before theirs or not, and the route is in a file of its own."""
    columns = (
        "start_time",
        "exercise_type",
        "duration",
        "distance",
        "calorie",
        "time_offset",
        "datauuid",
        "mean_heart_rate",
    )
    table = f"{head}\n{','.join(times + name for name in columns)},\n2026-10-04 16:00:00.000,1002,2460000,7000,512.5,UTC+0200,u-1,151,\n"
    point = {"start_time": 1791129600000, "latitude": 47.5, "longitude": 11.5, "altitude": 600.0}
    later = point | {"start_time": 1791129660000, "latitude": 47.51}
    files = {
        "x/com.samsung.shealth.exercise.20261005.csv": table,
        "x/jsons/com.samsung.shealth.exercise/u/u-1.com.samsung.health.exercise.location_data.json": [
            point,
            {"start_time": 1},
            later,
        ],
        "x/jsons/com.samsung.shealth.exercise/u/u-1.com.samsung.health.exercise.live_data.json": [{"heart_rate": 1}],
    }
    found = read(SAMSUNG, files)
    (run,), (route,) = found[ObjectType.ACTIVITY], found[ObjectType.ROUTE]
    assert (run["activityname"], run["duration"], run["distance"], run["calories"]) == (
        "Running",
        2_460_000,
        7.0,
        512.5,
    )
    assert (run["createddate"], run["starttimeoffset"], run["averageheartrate"]) == (1791129600000, 7_200_000, 151)
    assert route["activityentityid"] == run["entityid"]
    assert route["geometry"]["coordinates"] == [[11.5, 47.5, 600.0], [11.5, 47.51, 600.0]]


@pytest.mark.parametrize("comment", ["", "after lunch", "soup, bread, and cheese", '"quoted, as it should be"'])
@pytest.mark.parametrize("end", ["", ","])
def test_commas_in_a_comment_move_no_other_value(comment: str, end: str) -> None:
    """Samsung Health does not quote what people write."""
    table = f"com.samsung.health.weight,1,2\nstart_time,comment,weight,body_fat{end}\n2026-06-01 08:00:00.000,{comment},80.5,21{end}\n"
    (weighing,) = read(SAMSUNG, {"com.samsung.health.weight.csv": table})[ObjectType.BODY_COMPOSITION_SUMMARY]
    assert (weighing["weight"], weighing["bodyFat"]) == (80.5, 21)


@pytest.mark.parametrize(
    ("source", "table"),
    [
        (
            SAMSUNG,
            "com.samsung.health.weight,1,2\nstart_time,weight\n2026-06-01 08:00:00.000,{}\n2026-06-02 08:00:00.000,80\n",
        ),
        (WITHINGS, 'Date,"Weight (kg)"\n2026-06-01 08:00:00,{}\n2026-06-02 08:00:00,80\n'),
        (OURA, "day;steps\n2026-06-01;{}\n2026-06-02;80\n"),
    ],
)
def test_a_row_with_more_cells_than_columns_is_counted_and_not_guessed_at(source: Source, table: str) -> None:
    delimiter = ";" if source is OURA else ","
    left_out = LeftOut()
    found = read(source, {"export/dailyactivity.csv": table.format(f"5{delimiter}85")}, left_out)
    assert [len(objects) for objects in found.values()] == [1]
    assert (left_out.read, left_out.count) == (1, 1)


def test_samsung_days_are_those_of_all_devices_together() -> None:
    """The row of one device counts only if there is none of all; a later row of the same day replaces it."""
    steps = (
        "com.samsung.shealth.step_daily_trend,6313004,4\ncom.samsung.health.step_daily_trend.day_time,count,source_type,distance\n"
        "1791072000000,8000,-2,6000\n1791072000000,5000,0,4000\n1791072000000,7600,1,5000\n"
        "2026-10-05 00:00:00.000,4200,0,3000\n2026-10-05 00:00:00.000,4300,1,3100\nnever,1,-2,1\n"
    )
    day = "com.samsung.shealth.activity.day_summary,1,2\nday_time,floor_count,active_time\n1791072000000,12,3600000\n"
    left_out = LeftOut()
    found = read(SAMSUNG, {"a.csv": steps, "b.csv": day, "c.csv": "com.samsung.shealth.stress,1,2\na\n1\n"}, left_out)
    first, second = found[DAY]
    assert (first["id"], first["steps"], first["floors"], first["fairlyactiveminutes"]) == ("2026-10-04", 8000, 12, 60)
    assert (second["steps"], second["distances"][0]["distance"]) == (4300, 3.1)
    assert (left_out.count, list(left_out.unused)) == (1, ["c.csv"])


def test_samsung_days_of_the_pedometer_fill_gaps() -> None:
    """Its table repeats the other one, and is the only one of some phones."""
    pedometer = (
        "com.samsung.shealth.tracker.pedometer_day_summary,6307003,7\nstep_count,day_time,distance,calorie\n"
        "980,1791072000000,719.4,35.1\n700,1791072000000,500,20\n4000,1791158400000,3000,120\nx,1791158400000,1,1\n"
    )
    trend = "com.samsung.shealth.step_daily_trend,1,6\nday_time,count,source_type\n1791158400000,3900,-2\n"
    left_out = LeftOut()
    for names in (("a.csv", "b.csv"), ("b.csv", "a.csv")):
        first, second = read(SAMSUNG, dict(zip(names, (pedometer, trend), strict=True)), left_out)[DAY]
        assert (first["steps"], first["activitycalories"], first["distances"][0]["distance"]) == (980, 35.1, 0.719)
        assert (second["steps"], second.get("distances")) == (3900, None)
    assert (left_out.count, left_out.unused) == (2, {})


def test_samsung_sleeps_have_the_stages_of_their_own_table() -> None:
    """Whatever the order of the files."""
    prefix = "com.samsung.health.sleep."
    sleeps = (
        f"com.samsung.shealth.sleep,1,2\n{prefix}start_time,{prefix}end_time,{prefix}time_offset,{prefix}datauuid,sleep_duration\n"
        "2026-10-03 21:30:00.000,2026-10-04 04:30:00.000,UTC+0200,s1,420\n2026-10-04 21:30:00.000,2026-10-05 04:30:00.000,UTC+0200,s2,400\n"
    )
    stages = (
        "com.samsung.health.sleep_stage,1,2\nstart_time,end_time,sleep_id,stage\n"
        "2026-10-03 21:30:00.000,2026-10-03 22:30:00.000,s1,40002\n2026-10-03 22:30:00.000,2026-10-03 23:00:00.000,s1,40003\n"
    )
    both = {"com.samsung.shealth.sleep.1.csv": sleeps, "com.samsung.health.sleep_stage.1.csv": stages}
    first, second = read(SAMSUNG, both)[SLEEP]
    assert (first["calendardate"], first["durationinseconds"], first["deepsleepdurationinseconds"]) == (
        "2026-10-04",
        5400,
        1800,
    )
    assert [level["level"] for level in first["sleeplevels"]] == ["light", "deep"]
    assert (second["durationinseconds"], second["starttimeoffsetinseconds"]) == (24_000, 7200)


def test_samsung_weighings() -> None:
    """Water is in kilograms; a weight of nobody is counted."""
    table = (
        "com.samsung.health.weight,7006003,12\nstart_time,weight,body_fat,total_body_water,time_offset,datauuid\n"
        "2018-11-29 22:54:00.000,80.0,20.5,40,UTC+0100,a\n2018-11-30 22:54:00.000,0,,,UTC+0100,b\n"
    )
    left_out = LeftOut()
    (weighed,) = read(SAMSUNG, {"w.csv": table}, left_out)[BODY]
    assert (weighed["weight"], weighed["bodyFat"], weighed["bodyWater"]) == (80, 20.5, 50)
    assert left_out.count == 1


# --- Oura ---

NIGHT = {"bedtime_start": "2026-03-03T23:10:00+01:00", "bedtime_end": "2026-03-04T06:40:00.000+01:00"}


@pytest.mark.parametrize(
    "files",
    [
        {
            "sleep.json": {
                "sleep": [NIGHT | {"day": "2026-03-04", "deep_sleep_duration": 3600, "light_sleep_duration": 18000}]
            }
        },
        {
            "oura_data.json": {
                "sleep": [NIGHT | {"summary_date": "2026-03-03", "deep": 3600, "light": 18000, "score": 80}]
            }
        },
        {
            "trends.csv": "date,Sleep Score,Light Sleep Duration,Deep Sleep Duration,Bedtime Start,Bedtime End\n"
            f"2026-03-04,80,18000,3600,{NIGHT['bedtime_start']},{NIGHT['bedtime_end']}\n"
        },
        {
            "sleepmodel.csv": "id;day;deep_sleep_duration;light_sleep_duration;bedtime_start;bedtime_end\n"
            f"1;2026-03-04;3600;18000;{NIGHT['bedtime_start']};{NIGHT['bedtime_end']}\n"
        },
    ],
)
def test_oura_sleeps_of_all_layouts_are_the_same(files: dict[str, Any]) -> None:
    """So a newer export makes no doubles."""
    (night,) = read(OURA, files)[SLEEP]
    assert (night["id"], night["calendardate"]) == ("sleep_1772575800", "2026-03-04")
    assert (night["durationinseconds"], night["timeinbedinseconds"]) == (21_600, 27_000)


def test_oura_days_and_workouts_of_old_and_new_exports() -> None:
    """Old ones have minutes, and new ones seconds; other records are not needed."""
    new = {
        "day": "2026-03-04",
        "steps": 9000,
        "high_activity_time": 600,
        "active_calories": 400,
        "equivalent_walking_distance": 7500,
    }
    old = {
        "summary_date": "2019-03-04",
        "steps": 7000,
        "high": 12,
        "cal_active": 300,
        "cal_total": 2300,
        "daily_movement": 6000,
    }
    workout = {
        "start_datetime": "2026-03-04T17:00:00Z",
        "end_datetime": "2026-03-04T18:00:00Z",
        "activity": "strength_training",
    }
    bad = {"start_datetime": "2026-03-04T17:00:00Z", "end_datetime": "2026-03-04T16:00:00Z", "activity": "run"}
    left_out = LeftOut()
    readiness = {"readiness.csv": "day,score\n2026-03-04,88\n"}
    found = read(OURA, {"a.json": [new, old], "b.json": {"workout": [workout, bad]}, **readiness}, left_out)
    first, second = found[DAY]
    assert (first["veryactiveminutes"], first["activitycalories"], first["caloriesout"]) == (12, 300, 2300)
    assert (second["veryactiveminutes"], second["steps"], second["distances"][0]["distance"]) == (10, 9000, 7.5)
    assert found[ObjectType.ACTIVITY][0]["activityname"] == "Strength training"
    assert (left_out.count, list(left_out.unused)) == (1, ["readiness.csv"])


# --- Withings ---


def test_withings_tables() -> None:
    """Masses become shares, pounds kilograms, and a height in the table of weights is no weighing."""
    files = {
        "weight.csv": 'Date,"Weight (kg)","Fat mass (kg)","Bone mass (kg)","Muscle mass (kg)","Hydration (kg)",Comments\n'
        '"2026-03-04 07:00:00",80.00,16.0,3.2,58.1,40,\n"2026-03-05 07:00:00",,,,,,\nsoon,80,,,,,\n',
        "sleep.csv": 'from,to,"light (s)","deep (s)","rem (s)","awake (s)","wake up","Duration to sleep (s)"\n'
        "2026-03-03T23:10:00+01:00,2026-03-04T06:40:00+01:00,18000,3600,0,600,2,300\n",
        "aggregates_steps.csv": "date,value\n2026-03-04,9000\n",
        "aggregates_distance.csv": "date,value\n2026-03-04,7500.5\n",
        "aggregates_calories_earned.csv": "date,value\n2026-03-04,350.5\n",
        "activities.csv": 'from,to,"from (manual)","to (manual)",Timezone,"Activity type",Data,GPS,Modified\n'
        '2026-03-04T10:00:00+01:00,2026-03-04T11:00:00+01:00,,,Europe/Paris,Walking,"{""calories"":210,""distance"":5200,""steps"":6900}",,\n'
        "2026-03-04T12:00:00+01:00,2026-03-04T13:00:00+01:00,,,Europe/Paris,Yoga,not JSON,,\n",
        "raw_hr_hr.csv": "start,duration,value\n2026-03-04T12:00:00+01:00,[60],[70]\n",
    }
    left_out = LeftOut()
    found = read(WITHINGS, files, left_out)
    (weighed,), (night,), (day,) = found[BODY], found[SLEEP], found[DAY]
    assert (weighed["weight"], weighed["bodyFat"], weighed["bodyWater"], weighed["boneMass"]) == (80, 20, 50, 3.2)
    assert (night["calendardate"], night["durationinseconds"]) == ("2026-03-04", 21_600)
    assert (day["steps"], day["activitycalories"], day["distances"][0]["distance"]) == (9000, 350.5, 7.5)
    walk, yoga = found[ObjectType.ACTIVITY]
    assert (walk["distance"], walk["steps"], walk["starttimeoffset"], yoga["duration"]) == (
        5.2,
        6900,
        3_600_000,
        3_600_000,
    )
    assert (left_out.count, list(left_out.unused)) == (1, ["raw_hr_hr.csv"])
    pounds = 'Date,"Weight (lb)","Fat mass (lb)"\n"2026-03-04 07:00:00",176.37,35.274\n'
    (weighed,) = read(WITHINGS, {"weight.csv": pounds})[BODY]
    assert (weighed["weight"], weighed["bodyFat"]) == (80.0, 20.0)


@pytest.mark.parametrize(
    ("weights", "sleeps", "activities"),
    [
        (
            'Date,"Gewicht (kg)","Fettmasse (kg)","Knochenmasse (kg)","Muskelmasse (kg)","Wasseranteil (kg)",Kommentare',
            'von,bis,"leicht (s)","tief (s)","rem (s)","wach (s)",Aufwachen,"Dauer des Schlafs (s)"',
            'von,bis,"from (manual)","to (manual)",Timezone,"Activity type",Data,GPS,Modified',
        ),
        (
            'Date,"Poids (kg)","Masse grasse (kg)","Masse osseuse (kg)","Masse musculaire (kg)","Hydratation (kg)",Notes',
            'de,à,"léger (s)","profond (s)","rem (s)","éveillé (s)",Réveils,"Durée (s)"',
            'de,à,"de (manuel)","à (manuel)","Fuseau horaire","Type",Données,GPS,Modifié',
        ),
        (
            '日付,"体重 (kg)","体脂肪量 (kg)","骨量 (kg)","筋肉量 (kg)","水分量 (kg)",コメント',
            '開始,終了,"浅い (s)","深い (s)","レム (s)","覚醒 (s)",覚醒回数,時間',
            "開始,終了,開始 (手動),終了 (手動),タイムゾーン,種類,データ,GPS,変更",
        ),
    ],
    ids=["de", "fr", "ja"],
)
def test_withings_tables_in_other_languages(weights: str, sleeps: str, activities: str) -> None:
    """What a column is shows its position, since its name is in the language of the account."""
    files = {
        "weight.csv": weights + '\n"2026-03-04 07:00:00",80.00,16.0,3.2,58.1,40,\n',
        "sleep.csv": sleeps + "\n2026-03-03T23:10:00+01:00,2026-03-04T06:40:00+01:00,18000,3600,1800,600,2,300\n",
        "activities.csv": activities + "\n2026-03-04T10:00:00+01:00,2026-03-04T11:00:00+01:00,,,Europe/Paris,Walking,"
        '"{""calories"":210,""distance"":5200}",,\n',
    }
    left_out = LeftOut()
    found = read(WITHINGS, files, left_out)
    (weighed,), (night,), (walk,) = found[BODY], found[SLEEP], found[ObjectType.ACTIVITY]
    assert (weighed["weight"], weighed["bodyFat"], weighed["muscleMass"], weighed["bodyWater"]) == (80, 20, 58.1, 50)
    assert (night["lightsleepdurationinseconds"], night["remsleepinseconds"]) == (18000, 1800)
    assert (walk["distance"], walk["activityname"]) == (5.2, "Walking")
    assert (left_out.count, left_out.unused) == (0, {})
    for name, text in files.items():
        for source in (WITHINGS, Strava()):
            assert source.info.upload is not None
            recognised = recognise(io.BytesIO(zipped({name: text.encode()})), {1: source.info.upload.marks}).files
            assert bool(recognised) == (source is WITHINGS), (name, recognised)


def test_withings_weighings_of_older_exports() -> None:
    """Times were written as people do, and the third mass was another one."""
    table = (
        '"Date","Gewicht (kg)","Fettmasse (kg)","Fettfreier Anteil (kg)","Kommentare"\n'
        '"2014-02-13 6:04 Uhr","94.00","23.5","68.43",""\n"2014-02-12 7:22 PM","94.89","","",""\n'
    )
    first, second = read(WITHINGS, {"weight.csv": table})[BODY]
    assert (first["weight"], first["bodyFat"], first["createddate"]) == (94.0, 25.0, 1392271440000)
    assert "boneMass" not in first
    assert (second["weight"], second["createddate"]) == (94.89, 1392232920000)


@pytest.mark.parametrize("odd", ["", "-1", "1e999", "NaN", "9" * 40, "2026-13-45", "x" * 3000, '"a,b"'])
@pytest.mark.parametrize("source", SOURCES, ids=["samsung", "oura", "withings"])
def test_odd_cells_are_counted_or_dropped(source: Any, odd: str) -> None:
    """No value of any column stops the rest."""
    heads = {
        "com.samsung.health.weight,1,1\n": ("start_time", "weight", "body_fat", "time_offset"),
        "com.samsung.shealth.exercise,1,1\n": ("start_time", "end_time", "duration", "exercise_type", "distance"),
        "com.samsung.shealth.sleep,1,1\n": ("start_time", "end_time", "sleep_duration", "time_offset"),
        "com.samsung.shealth.step_daily_trend,1,1\n": ("day_time", "count", "distance", "source_type"),
        "": ("bedtime_start", "bedtime_end", "deep", "steps", "date", "start_datetime", "end_datetime"),
        " ": ("Date", "Weight (kg)", "Fat mass (kg)"),
        "  ": ("from", "to", "deep (s)", "Activity type", "Data"),
    }
    good = "2026-03-04 10:00:00.000"
    files = {
        f"{number}.csv": head.lstrip(" ")
        + ",".join(names)
        + "\n"
        + "\n".join(",".join(odd if at == column else good for at in range(len(names))) for column in range(len(names)))
        for number, (head, names) in enumerate(heads.items())
    }
    read(source, files)
