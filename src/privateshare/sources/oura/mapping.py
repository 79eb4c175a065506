"""The mapping of Oura's API (version 2) to objects of schema digime."""

from privateshare.sources.fitness_objects import sleep as asleep_object
from privateshare.sources.json_api.values import (
    DAY_MILLISECONDS,
    midnight_of,
    offset_of,
    positive_of,
    required_moment,
    required_text,
    whole_of,
)
from privateshare.sources.object_building import JsonObject, SourceAccount, text_of
from privateshare.sources.workouts.recording import sport_name

KILOMETRES_PER_METRE = 0.001
PHASE_MILLISECONDS = 300_000
PHASES = {"1": "deep", "2": "light", "3": "rem", "4": "awake"}
MAX_PHASES = 1000
DEVICE = {"name": "Oura"}


def workout(found: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a workout."""
    began, ended = required_moment(found.get("start_datetime")), required_moment(found.get("end_datetime"))
    if ended < began:
        raise ValueError("it ends before it begins")
    kind = required_text(found.get("activity"))
    offset = offset_of(found.get("start_datetime"))
    return account.thing(
        required_text(found.get("id")),
        began,
        originalstartdate=began,
        starttimeoffset=offset * 1000 if offset is not None else None,
        activityname=sport_name(kind),
        activitytypeid=kind,
        title=text_of(found.get("label")),
        duration=ended - began,
        distance=positive_of(found.get("distance"), KILOMETRES_PER_METRE),
        calories=positive_of(found.get("calories")),
        logtype="manual" if found.get("source") == "manual" else "device",
        source=DEVICE,
    )


def day(found: JsonObject, account: SourceAccount) -> JsonObject:
    """Map the activity of a day."""
    midnight, active = midnight_of(found["day"]), positive_of(found.get("active_calories"))
    total, walked = positive_of(found.get("total_calories")), positive_of(found.get("equivalent_walking_distance"))
    kilometres = round(walked * KILOMETRES_PER_METRE, 3) if walked else None
    return account.thing(
        found["day"],
        midnight,
        startdate=midnight,
        enddate=midnight + DAY_MILLISECONDS - 1,
        steps=whole_of(found.get("steps")),
        distances=[{"activity": "total", "distance": kilometres}] if kilometres else [],
        activitycalories=active,
        caloriesout=total,
        veryactiveminutes=whole_of(found.get("high_activity_time"), 1 / 60),
    )


def sleep(found: JsonObject, account: SourceAccount) -> JsonObject | None:
    """Map a sleep; None for one that was deleted."""
    if found["type"] == "deleted":
        return None
    began, ended = required_moment(found.get("bedtime_start")), required_moment(found.get("bedtime_end"))
    _, thing = asleep_object(
        account,
        began,
        ended,
        found["day"],
        {
            "starttimeoffsetinseconds": offset_of(found.get("bedtime_start")),
            "durationinseconds": whole_of(found.get("total_sleep_duration")),
            "timeinbedinseconds": whole_of(found.get("time_in_bed")),
            "lightsleepdurationinseconds": whole_of(found.get("light_sleep_duration")),
            "deepsleepdurationinseconds": whole_of(found.get("deep_sleep_duration")),
            "remsleepinseconds": whole_of(found.get("rem_sleep_duration")),
            "awakedurationinseconds": whole_of(found.get("awake_time")),
        },
    )
    levels = _levels(text_of(found.get("sleep_phase_5_min")), began, ended)
    return {**thing, "source": DEVICE} | ({"sleeplevels": levels} if levels else {})


def _levels(phases: str, began: int, ended: int) -> list[JsonObject]:
    """Return the parts of a sleep, of which Oura writes a digit for each five minutes."""
    found = list[JsonObject]()
    for number, digit in enumerate(phases[:MAX_PHASES]):
        level, start = PHASES.get(digit), began + number * PHASE_MILLISECONDS
        if level is None or start >= ended:
            continue
        end = min(start + PHASE_MILLISECONDS, ended)
        if found and found[-1]["level"] == level and found[-1]["enddate"] == start:
            found[-1]["enddate"] = end
        else:
            found.append({"level": level, "startdate": start, "enddate": end})
    return found
