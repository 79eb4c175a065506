"""Sums of a day: what several devices counted at the same time counts once, and nothing is lost."""

import pytest
from tests.unit.sources.apple_health.exports import days, record

STEPS = "StepCount"


def steps(*elements: str) -> int:
    """The steps of the only day."""
    (day,) = days(*elements).values()
    return int(day["steps"])


def test_simultaneous_counts_of_watch_and_phone_count_once() -> None:
    """The count of the watch is used, in either order in the file."""
    watch = record(STEPS, "03-02 10:00", "03-02 10:10", 1000)
    phone = record(STEPS, "03-02 10:00", "03-02 10:10", 900, source="phone")
    assert steps(watch, phone) == steps(phone, watch) == 1000


def test_counts_of_one_device_alone_are_added() -> None:
    """The person carried the phone while the watch was charging."""
    watch = record(STEPS, "03-02 10:00", "03-02 10:10", 1000)
    assert steps(watch, record(STEPS, "03-02 10:20", "03-02 10:30", 900, source="phone")) == 1900


def test_partly_overlapping_counts_are_added_in_part() -> None:
    """Half of the phone's ten minutes are outside of the watch's."""
    watch = record(STEPS, "03-02 10:00", "03-02 10:10", 1000)
    assert steps(watch, record(STEPS, "03-02 10:05", "03-02 10:15", 900, source="phone")) == 1450


def test_apps_rank_below_watch_and_phone() -> None:
    """Apps copy what devices count."""
    app = record(STEPS, "03-02 10:00", "03-02 10:10", 5000, source="app")
    phone = record(STEPS, "03-02 10:00", "03-02 10:10", 900, source="phone")
    assert steps(app, phone) == 900
    assert steps(app) == 5000


def test_values_that_the_person_entered_rank_first() -> None:
    """As in the Health app."""
    entered = '<MetadataEntry key="HKWasUserEntered" value="1"/>'
    app = record(STEPS, "03-02 10:00", "03-02 10:10", 5000, source="app", inside=entered)
    assert steps(record(STEPS, "03-02 10:00", "03-02 10:10", 1000), app) == 5000
    assert steps(app.replace('value="1"', 'value="0"'), record(STEPS, "03-02 10:00", "03-02 10:10", 1000)) == 1000


def test_a_repeated_sample_counts_once() -> None:
    """Restored phones write samples again, with another address of the device."""
    watch = record(STEPS, "03-02 10:00", "03-02 10:10", 1000)
    assert steps(watch, watch.replace("0x283", "0x999")) == 1000
    assert steps(watch, record(STEPS, "03-02 10:10", "03-02 10:20", 1000)) == 2000


def test_samples_without_duration_count_unless_another_device_covers_them() -> None:
    """Some apps write a single moment."""
    moment = record(STEPS, "03-02 10:05", "03-02 10:05", 7, source="app")
    assert steps(moment) == 7
    assert steps(moment, record(STEPS, "03-02 10:00", "03-02 10:10", 1000)) == 1000
    assert steps(moment, record(STEPS, "03-02 11:00", "03-02 11:10", 1000)) == 1007


def test_a_sample_across_midnight_is_divided() -> None:
    """In proportion to the time, also over several days."""
    found = days(record(STEPS, "03-02 23:30", "03-03 00:30", 100))
    assert {day: summary["steps"] for day, summary in found.items()} == {"2026-03-02": 50, "2026-03-03": 50}
    assert len(days(record("BasalEnergyBurned", "03-02 12:00", "03-05 12:00", 4000, "kcal"))) == 4


def test_a_day_is_the_date_as_it_is_written() -> None:
    """With any offset from UTC, and on days with 23 and 25 hours."""
    for zone in ("+1400", "-1200", "+0530"):
        found = days(record(STEPS, f"2026-03-02 00:10:00 {zone}", f"2026-03-02 23:50:00 {zone}", 100))
        assert list(found) == ["2026-03-02"]
    spring = record(STEPS, "2026-03-29 01:30:00 +0100", "2026-03-29 03:30:00 +0200", 100)
    assert days(spring)["2026-03-29"]["steps"] == 100
    autumn = record(STEPS, "2026-10-25 02:30:00 +0200", "2026-10-25 02:30:00 +0100", 100)
    assert days(autumn)["2026-10-25"]["steps"] == 100


def test_times_in_two_zones_are_compared_as_moments() -> None:
    """A phone that was set to another zone counted at the same time."""
    watch = record(STEPS, "2026-03-02 10:00:00 +0100", "2026-03-02 10:10:00 +0100", 1000)
    phone = record(STEPS, "2026-03-02 09:00:00 +0000", "2026-03-02 09:10:00 +0000", 900, source="phone")
    assert steps(watch, phone) == 1000


@pytest.mark.parametrize(
    ("unit", "value", "kilometres"), [("km", 1.5, 1.5), ("mi", 1, 1.609), ("m", 1500, 1.5), ("yd", 1000, 0.914)]
)
def test_distances_are_in_kilometres(unit: str, value: float, kilometres: float) -> None:
    """Whatever unit the person chose."""
    (day,) = days(record("DistanceCycling", "03-02 10:00", "03-02 10:10", value, unit)).values()
    assert day["distances"] == [{"activity": "cycling", "distance": kilometres}]


@pytest.mark.parametrize(("unit", "value"), [("kcal", 100), ("Cal", 100), ("kJ", 418.4)])
def test_energy_is_in_kilocalories(unit: str, value: float) -> None:
    """Apple writes `Cal` for kilocalories."""
    (day,) = days(record("ActiveEnergyBurned", "03-02 10:00", "03-02 10:10", value, unit)).values()
    assert day["activitycalories"] == day["caloriesout"] == 100


def test_rings_provide_goals_energy_and_exercise() -> None:
    """They replace the sums of a day. A day that has only rings is a day too."""
    rings = '<ActivitySummary dateComponents="2026-03-02" activeEnergyBurned="390.2" activeEnergyBurnedGoal="400" activeEnergyBurnedUnit="{}" appleExerciseTime="35" appleExerciseTimeGoal="30" appleStandHours="9"/>'
    (day,) = days(
        rings.format("kcal"), record("ActiveEnergyBurned", "03-02 10:00", "03-02 10:10", 120, "kcal")
    ).values()
    assert (day["activitycalories"], day["veryactiveminutes"], day["standhours"]) == (390.2, 35, 9)
    assert day["goals"] == {"caloriesout": 400, "activeminutes": 30}
    assert days(rings.format("kJ"))["2026-03-02"]["activitycalories"] == 93.3
    assert (
        days(rings.format("kcal").replace("390.2", "0").replace('"35"', '"0"'))["2026-03-02"].get("activitycalories")
        is None
    )


def test_heart_rates_have_a_minimum_and_a_maximum() -> None:
    """Of all samples of the day, with the resting rate that the watch found."""
    rates = [
        record("HeartRate", f"03-02 10:{number:02}", f"03-02 10:{number:02}", rate, "count/min")
        for number, rate in enumerate((60, 90, 75))
    ]
    (day,) = days(*rates, record("RestingHeartRate", "03-02 00:00", "03-02 23:00", 55, "count/min")).values()
    assert (day["minheartrate"], day["heartrate"], day["maxheartrate"], day["restingheartrate"]) == (60, 75, 90, 55)


def test_records_inside_of_a_correlation_are_not_counted_twice() -> None:
    """Apple writes them once more beside it."""
    inner = record(STEPS, "03-02 10:00", "03-02 10:10", 1000)
    correlation = f'<Correlation type="HKCorrelationTypeIdentifierFood" sourceName="x" startDate="{inner[-60:-41]}">{inner}</Correlation>'
    assert steps(correlation, inner) == 1000
    assert steps(correlation.replace("10:0", "11:0"), inner) == 1000


def test_impossible_values_of_rings_and_of_the_heart_are_left_out() -> None:
    """A day keeps what it has besides."""
    rings = '<ActivitySummary dateComponents="2026-03-02" activeEnergyBurned="1e300" activeEnergyBurnedUnit="kcal" appleExerciseTime="-35" appleStandHours="{}"/>'
    resting = record("RestingHeartRate", "03-02 00:00", "03-02 23:00", "1e300", "count/min")
    (day,) = days(rings.format("1e300"), resting, record(STEPS, "03-02 10:00", "03-02 10:10", 1000)).values()
    assert (day["steps"], day.keys() & {"activitycalories", "veryactiveminutes", "standhours", "restingheartrate"}) == (
        1000,
        set(),
    )
