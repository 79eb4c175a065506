"""Nights: of the device that knows most, with what each stage took."""

from typing import Any

from tests.unit.sources.apple_health.exports import read, record, xml

from privateshare.protocol.catalogue import ObjectType


def stage(start: str, end: str, level: str, source: str = "watch") -> str:
    """A segment of a night."""
    return record("SleepAnalysis", start, end, f"HKCategoryValueSleepAnalysis{level}", "", source)


def sleeps(*elements: str) -> list[dict[str, Any]]:
    """Every sleep."""
    return read(xml(*elements)).get(ObjectType.SLEEP, [])


NIGHT = (
    stage("03-01 23:00", "03-02 01:00", "AsleepCore"),
    stage("03-02 01:00", "03-02 02:00", "AsleepDeep"),
    stage("03-02 02:00", "03-02 02:10", "Awake"),
    stage("03-02 02:10", "03-02 03:00", "AsleepREM"),
)
IN_BED = stage("03-01 22:30", "03-02 07:00", "InBed", "phone")


def test_sleep_stages_are_summed() -> None:
    """In seconds, for the day of waking."""
    (night,) = sleeps(*NIGHT, IN_BED)
    assert (night["lightsleepdurationinseconds"], night["deepsleepdurationinseconds"]) == (7200, 3600)
    assert (night["remsleepinseconds"], night["awakedurationinseconds"]) == (3000, 600)
    assert (night["durationinseconds"], night["timeinbedinseconds"]) == (13_800, 30_600)
    assert night["calendardate"] == "2026-03-02"
    assert night["source"] == {"name": "Sam’s Watch"}


def test_a_night_of_two_devices_counts_once() -> None:
    """The device with stages is used; without stages, the watch."""
    app = stage("03-01 22:50", "03-02 06:50", "AsleepUnspecified", "app")
    assert sleeps(*NIGHT, app) == sleeps(app, *NIGHT)
    assert sleeps(*NIGHT, app)[0]["durationinseconds"] == 13_800
    (night,) = sleeps(app, stage("03-01 23:00", "03-02 06:00", "Asleep"))
    assert night["durationinseconds"] == 7 * 3600


def test_old_exports_contain_only_sleep_and_time_in_bed() -> None:
    """Time in bed alone is reported, and does not count as sleep."""
    (night,) = sleeps(stage("03-01 23:00", "03-02 06:00", "Asleep"), IN_BED)
    assert "deepsleepdurationinseconds" not in night
    (night,) = sleeps(IN_BED)
    assert "durationinseconds" not in night
    assert night["timeinbedinseconds"] == 30_600


def test_naps_are_separate() -> None:
    """They are more than two hours apart."""
    assert len(sleeps(*NIGHT, stage("03-02 14:00", "03-02 14:40", "AsleepCore"))) == 2


def test_overlapping_and_repeated_segments_count_once() -> None:
    """A device that corrected itself writes both."""
    twice = sleeps(*NIGHT, *NIGHT)
    assert twice == sleeps(*NIGHT)
    (night,) = sleeps(
        stage("03-01 23:00", "03-02 01:00", "AsleepCore"), stage("03-02 00:30", "03-02 02:00", "AsleepCore")
    )
    assert night["durationinseconds"] == 3 * 3600


def test_unknown_stages_are_skipped() -> None:
    """A stage of a later version does not affect the rest of the night."""
    (night,) = sleeps(*NIGHT, stage("03-02 03:00", "03-02 04:00", "AsleepLucid"))
    assert night["durationinseconds"] == 13_800
