"""What is peculiar to the Google Health API: days in windows, fields that are left out, and what people allow."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.apis import google_health as api
from tests.export_reading import read_files
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, GrantingSource, JsonObject, Page, Skipped, TryLater
from privateshare.sources.google_fitness.source import SOURCES as EXPORTS
from privateshare.sources.google_health import mapping
from privateshare.sources.google_health.configuration import Settings
from privateshare.sources.google_health.live import (
    ACTIVITY_SCOPE,
    HEALTH_SCOPE,
    SLEEP_SCOPE,
    LiveGoogleHealth,
    day_at,
)
from privateshare.sources.object_building import SourceAccount
from privateshare.sources.routes import UploadOrSignIn
from privateshare.testing.api_server import ApiServer, running

CLIENT = Settings.model_validate({"client_id": "client", "client_secret": "client-secret"})
ACCOUNT = SourceAccount("18_11")
DAYS = ObjectType.DAILY_ACTIVITY_SUMMARY
FITBIT = EXPORTS[0]


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with running(api.google_health()) as running_server:
        running_server.tokens.add("t")
        yield running_server


def source_at(server: ApiServer, days: int = 120) -> LiveGoogleHealth:
    return LiveGoogleHealth(CLIENT, server.address, api.today() - timedelta(days=days))


def connection(*scopes: str) -> Connection:
    token = {"access_token": "t"} | ({"scope": " ".join(scopes)} if scopes else {})
    return Connection(token=token, provider_account_id="11")


def days_of(pages: list[Page | Skipped]) -> dict[str, JsonObject]:
    found: dict[str, JsonObject] = {}
    for page in pages:
        assert isinstance(page, Page), page
        check_objects(page.object_type, list(page.objects))
        found |= {thing["id"]: thing for thing in page.objects}
    return found


def collect(pages: Iterator[Page | Skipped], found: list[Page | Skipped]) -> None:
    """Keep the pages that came, also if an error follows."""
    for page in pages:
        found.append(page)


def test_a_day_has_the_sums_of_all_kinds(server: ApiServer) -> None:
    """Units are those of the schema. A sum that the API leaves out is not 0."""
    days = days_of(list(source_at(server).fetch(connection(), {DAYS: None})))
    day = (api.today() - timedelta(days=api.DAYS_AGO)).isoformat()
    found = {name: value for name, value in days[day].items() if not name.endswith(("id", "date"))}
    assert found == {
        "steps": 1000 + api.DAYS_AGO,
        "distances": [{"activity": "total", "distance": 6.1}],
        "caloriesout": 2300.04,
        "lightlyactiveminutes": 90,
        "veryactiveminutes": 12,
        "heartrate": 71.3,
        "minheartrate": 50.0,
        "maxheartrate": 140.0,
        "restingheartrate": 58.0,
    }


def test_windows_are_as_long_as_the_api_allows_and_empty_ones_cost_little(server: ApiServer) -> None:
    """Where no device was worn, the short windows are not asked for: the calories there are only estimated."""
    source = source_at(server, 90 * 4 + 30)
    days = days_of(list(source.fetch(connection(), {DAYS: None})))
    assert len(days) >= api.MEASURED_DAYS
    asked = [call.path.split("/")[5] for call in server.asked]
    assert asked.count("steps") == 5
    assert 0 < asked.count("heart-rate") <= 10


def test_days_continue_where_they_were_interrupted(server: ApiServer) -> None:
    """The windows before are not asked for again, and nothing is missing."""
    source, path = source_at(server, 300), f"{api.BASE}/steps/dataPoints:dailyRollUp"
    whole = days_of(list(source.fetch(connection(), {DAYS: None})))
    server.asked.clear()
    server.fail(path, (503, {}, b""), after=2)
    found = list[Page | Skipped]()
    with pytest.raises(TryLater):
        collect(source.fetch(connection(), {DAYS: None}), found)
    cursor = next(page.cursor for page in reversed(found) if isinstance(page, Page))
    server.asked.clear()
    found += source.fetch(connection(), {DAYS: cursor})
    assert days_of(found) == whole
    assert server.paths().count(path) == 2


def test_days_of_the_last_month_are_read_again(server: ApiServer) -> None:
    """A device may be synchronised late."""
    source = source_at(server)
    first = list(source.fetch(connection(), {DAYS: None}))
    cursor = first[-1].cursor if isinstance(first[-1], Page) else None
    again = days_of(list(source.fetch(connection(), {DAYS: cursor})))
    assert set(again) == {api.today().isoformat()}


@pytest.mark.parametrize("cursor", ["", "{}", "[]", '{"since": "x"}', '{"since": 7}', '{"since": "0001-01-01"}', "{"])
def test_a_position_that_cannot_be_read_counts_as_none(server: ApiServer, cursor: str) -> None:
    source = source_at(server)
    whole = days_of(list(source.fetch(connection(), {DAYS: None})))
    assert days_of(list(source.fetch(connection(), {DAYS: cursor}))) == whole


@pytest.mark.parametrize(
    "point",
    [
        None,
        7,
        {"steps": {"countSum": "5"}},
        {"civilStartTime": {"date": {"year": 2026, "month": 13, "day": 1}}, "steps": {"countSum": "5"}},
        {"civilStartTime": {"date": {"year": 1999, "month": 1, "day": 1}}, "steps": {"countSum": "5"}},
        {"civilStartTime": {"date": "2026-01-01"}, "steps": {"countSum": "5"}},
        {"civilStartTime": {"date": {"year": 2026, "month": 1, "day": 1}}, "steps": 5},
    ],
)
def test_a_day_that_cannot_be_read_is_counted(server: ApiServer, point: Any) -> None:
    """The other days are there."""
    source, path = source_at(server, 60), f"{api.BASE}/steps/dataPoints:dailyRollUp"
    good = days_of(list(source.fetch(connection(), {DAYS: None})))
    _, _, content = api.summed("steps")(server.asked[1])
    server.fail(path, (200, {}, {"rollupDataPoints": [point, *content["rollupDataPoints"]]}))
    again = connection()
    assert days_of(list(source.fetch(again, {DAYS: None}))) == good
    assert (again.left_out.count, again.left_out.read) == (1, len(good))


@pytest.mark.parametrize("content", [[], None, "x", {"rollupDataPoints": {}}, {"rollupDataPoints": "x"}])
def test_another_form_of_a_response_is_no_empty_day(server: ApiServer, content: Any) -> None:
    """The days are reported as missing."""
    server.fail(f"{api.BASE}/steps/dataPoints:dailyRollUp", (200, {}, content))
    (found,) = source_at(server, 60).fetch(connection(), {DAYS: None})
    assert isinstance(found, Skipped)
    assert found.code == "UnknownForm"


def test_only_what_the_person_allowed_is_asked_for(server: ApiServer) -> None:
    """Google lets people choose. Days have no heart rates then, and other types are reported as missing."""
    source = source_at(server)
    allowed = connection(ACTIVITY_SCOPE)
    found = list(source.fetch(allowed, dict.fromkeys(source.info.object_types)))
    skipped = {page.object_type: page.code for page in found if isinstance(page, Skipped)}
    assert skipped == {
        ObjectType.SLEEP: "NotGranted",
        ObjectType.BODY_COMPOSITION_SUMMARY: "NotGranted",
    }
    asked = {call.path.split("/")[5] for call in server.asked}
    assert asked == {"steps", "distance", "floors", "total-calories", "active-minutes", "exercise"}
    assert source.not_granted(allowed.token or {}) == [
        ObjectType.DAILY_ACTIVITY_SUMMARY,
        ObjectType.SLEEP,
        ObjectType.BODY_COMPOSITION_SUMMARY,
    ]
    assert source.not_granted({"scope": f"openid {ACTIVITY_SCOPE} {HEALTH_SCOPE} {SLEEP_SCOPE}"}) == []
    assert source.not_granted({}) == []


def test_heart_rates_alone_are_days(server: ApiServer) -> None:
    source = source_at(server)
    days = days_of(list(source.fetch(connection(HEALTH_SCOPE), {DAYS: None})))
    assert len(days) == api.MEASURED_DAYS
    assert all("steps" not in day and day["restingheartrate"] == 58 for day in days.values())


def test_the_source_of_exports_says_what_was_not_allowed() -> None:
    both = UploadOrSignIn(FITBIT, LiveGoogleHealth(CLIENT))
    assert isinstance(both, GrantingSource)
    assert both.not_granted({"scope": SLEEP_SCOPE}) == [300 + kind for kind in (1, 0, 6)]
    sign_in = both.sign_in({})
    assert sign_in.extra == {"access_type": "offline", "prompt": "consent"}
    assert sign_in.revocation_endpoint == "https://oauth2.googleapis.com/revoke"


def test_nights_and_weighings_have_the_ids_of_the_tables_of_takeout() -> None:
    """So an export after a sign-in, or the other way around, creates no duplicates."""
    night, weighing = api.sleep(3), api.weight(3)
    times = night["sleep"]["interval"]
    files: dict[str, str | bytes] = {
        "Takeout/Fitbit/UserSleeps_2025.csv": "sleep_id,sleep_type,minutes_asleep,sleep_start,sleep_end,end_utc_offset\n"
        f"7,STAGES,395,{times['startTime']},{times['endTime']},+01:00\n",
        "Takeout/Fitbit/weight.csv": "timestamp,weight grams,data source\n"
        f"{weighing['weight']['sampleTime']['physicalTime']},70250,scale\n",
    }
    found = read_files(FITBIT, files)
    live_night, live_weighing = mapping.sleep(night, ACCOUNT), mapping.weight(weighing, ACCOUNT)
    check_objects(ObjectType.SLEEP, [live_night])
    assert [thing["id"] for thing in found[ObjectType.SLEEP]] == [live_night["id"]]
    assert [thing["id"] for thing in found[ObjectType.BODY_COMPOSITION_SUMMARY]] == [live_weighing["id"]]
    assert found[ObjectType.SLEEP][0]["calendardate"] == live_night["calendardate"] == "2025-01-05"
    assert (live_night["lightsleepdurationinseconds"], live_night["durationinseconds"]) == (240 * 60, 395 * 60)
    assert [level["level"] for level in live_night["sleeplevels"]] == ["light", "deep", "awake"]
    assert live_weighing["weight"] == found[ObjectType.BODY_COMPOSITION_SUMMARY][0]["weight"] == 70.25


def test_a_classic_night_has_no_stages() -> None:
    point = api.sleep(1)
    point["sleep"] |= {"type": "CLASSIC", "stages": [], "summary": {"minutesAsleep": "300", "minutesAwake": "20"}}
    del point["sleep"]["interval"]["civilEndTime"]
    thing = mapping.sleep(point, ACCOUNT)
    assert (thing["unmeasurablesleepinseconds"], thing["awakedurationinseconds"]) == (300 * 60, 20 * 60)
    assert thing["calendardate"] == "2025-01-03"
    del point["sleep"]["interval"]["endUtcOffset"]
    with pytest.raises(ValueError, match="day of waking"):
        mapping.sleep(point, ACCOUNT)


def test_an_exercise_has_the_units_of_the_schema() -> None:
    thing = mapping.exercise(api.exercise(1), ACCOUNT)
    check_objects(ObjectType.ACTIVITY, [thing])
    assert (thing["id"], thing["activityname"], thing["activitytypeid"]) == ("2", "Biking", "BIKING")
    assert (thing["duration"], thing["starttimeoffset"]) == (1_500_000, 3_600_000)
    assert (thing["distance"], thing["speed"], thing["steps"], thing["averageheartrate"]) == (8.0, 18.0, 12, 121.0)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("interval", None),
        ("interval", {"startTime": "2025-01-01T10:00:00Z"}),
        ("interval", {"startTime": "2025-01-01T10:00:00Z", "endTime": "2024-01-01T10:00:00Z"}),
        ("interval", {"startTime": "yesterday", "endTime": "today"}),
        ("exerciseType", None),
    ],
)
def test_an_exercise_without_its_time_or_kind_is_refused(part: str, value: Any) -> None:
    point = api.exercise(1)
    point["exercise"][part] = value
    with pytest.raises((KeyError, ValueError, TypeError)):
        mapping.exercise(point, ACCOUNT)


@pytest.mark.parametrize("grams", [None, "x", -1, 0, 5_000_000, {}])
def test_an_impossible_weight_is_refused(grams: Any) -> None:
    point = api.weight(1)
    point["weight"]["weightGrams"] = grams
    with pytest.raises((KeyError, ValueError, TypeError)):
        mapping.weight(point, ACCOUNT)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3600s", 3600),
        ("-18000s", -18000),
        ("1.5s", 1),
        ("0s", 0),
        ("", None),
        ("3600", None),
        (3600, None),
        (None, None),
    ],
)
def test_lengths_of_time_are_texts(value: Any, seconds: int | None) -> None:
    assert mapping.seconds_of(value) == seconds


def test_a_clock_in_the_future_does_not_stop_the_reading() -> None:
    """Otherwise nothing would be read before that day."""
    day = day_at("exercise", "interval", "startTime")
    tomorrow = (api.today() + timedelta(days=1)).isoformat()
    assert day({"exercise": {"interval": {"startTime": "2099-01-01T00:00:00Z"}}}) <= tomorrow
    assert day({"exercise": {"interval": {"startTime": "2025-01-02T00:00:00.123456789Z"}}}) == "2025-01-02"
