"""Objects of service group 4, health and fitness."""

from typing import ClassVar

from pydantic import Field

from privateshare.objects.model import DataObject, Moment
from privateshare.objects.parts import HeartRateZone, Resource
from privateshare.protocol.catalogue import ObjectType


class ActivityLevel(DataObject):
    """The time that a person spent at one level of activity."""

    name: str | None = None
    minutes: float | None = None


class Durations(DataObject):
    """The durations of an activity."""

    active: float | None = None
    original: float | None = None
    total: float | None = None


class ActivitySource(DataObject):
    """The device or app that recorded an activity."""

    id: str | None = None
    name: str | None = None
    type: str | None = None
    url: str | None = None


class ManualValues(DataObject):
    """Flags for the values of an activity that the person entered by hand."""

    calories: bool | None = None
    distance: bool | None = None
    steps: bool | None = None


class Activity(DataObject):
    """A physical activity, such as a walk, a run or a swim. Units are those of the provider."""

    object_type: ClassVar[ObjectType] = ObjectType.ACTIVITY

    id: str | None = None
    activity_name: str | None = None
    activity_type_id: str | None = None
    title: str | None = None
    original_start_date: Moment | None = None
    activity_level: tuple[ActivityLevel, ...] = ()
    average_heart_rate: float | None = None
    max_heart_rate: float | None = None
    calories: float | None = None
    distance: float | None = None
    duration: float | None = None
    durations: Durations | None = None
    elevation_gain: float | None = None
    total_elevation_loss: float | None = None
    speed: float | None = None
    max_speed: float | None = None
    pace: float | None = None
    max_pace: float | None = None
    steps: int | None = None
    heart_rate_zones: tuple[HeartRateZone, ...] = ()
    log_type: str | None = None
    manual_values_specified: ManualValues | None = None
    source: ActivitySource | None = None
    bike_cadence: float | None = None
    max_bike_cadence: float | None = None
    run_cadence: float | None = None
    max_run_cadence: float | None = None
    swim_cadence: float | None = None
    max_swim_cadence: float | None = None
    number_of_active_lengths: int | None = None
    starting_latitude: float | None = None
    starting_longitude: float | None = None
    start_time_offset: float | None = None


class ActivityDistance(DataObject):
    """The distance that a person covered by one kind of activity."""

    activity: str | None = None
    distance: float | None = None


class Goals(DataObject):
    """A person's goals for a day."""

    active_minutes: float | None = None
    calories_out: float | None = None
    distance: float | None = None
    floors: float | None = None
    steps: int | None = None


class DailyActivity(DataObject):
    """The summary of a day: steps, distances, minutes of activity, heart rate. Units are those of the provider."""

    object_type: ClassVar[ObjectType] = ObjectType.DAILY_ACTIVITY_SUMMARY

    id: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    original_start_date: Moment | None = None
    active_score: float | None = None
    sedentary_minutes: float | None = None
    lightly_active_minutes: float | None = None
    fairly_active_minutes: float | None = None
    very_active_minutes: float | None = None
    activity_calories: float | None = None
    calories_bmr: float | None = None
    marginal_calories: float | None = None
    calories_out: float | None = None
    elevation: float | None = None
    floors: float | None = None
    steps: int | None = None
    resting_heart_rate: float | None = None
    heart_rate: float | None = None
    min_heart_rate: float | None = None
    max_heart_rate: float | None = None
    duration: float | None = None
    distances: tuple[ActivityDistance, ...] = ()
    goals: Goals | None = None
    heart_rate_zones: tuple[HeartRateZone, ...] = ()
    stand_hours: int | None = None


class SleepLevel(DataObject):
    """A phase of a sleep; `level` is light, deep, rem, asleep, awake or inbed."""

    level: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None


class Sleep(DataObject):
    """A night's sleep or a nap. `calendar_date` is the day on which the person woke up."""

    object_type: ClassVar[ObjectType] = ObjectType.SLEEP

    id: str | None = None
    calendar_date: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    start_time_offset_in_seconds: int | None = None
    duration_in_seconds: int | None = None
    time_in_bed_in_seconds: int | None = None
    light_sleep_duration_in_seconds: int | None = None
    deep_sleep_duration_in_seconds: int | None = None
    rem_sleep_in_seconds: int | None = None
    awake_duration_in_seconds: int | None = None
    unmeasurable_sleep_in_seconds: int | None = None
    sleep_levels: tuple[SleepLevel, ...] = ()
    source: ActivitySource | None = None


class LineString(DataObject):
    """A GeoJSON line (RFC 7946). Each position is longitude, latitude and optionally the altitude in metres."""

    type: str | None = None
    coordinates: tuple[tuple[float, ...], ...] = ()


class EpochSummary(DataObject):
    """What one activity, such as walking, counted in a quarter of an hour."""

    object_type: ClassVar[ObjectType] = ObjectType.EPOCH_SUMMARY

    id: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    duration_in_seconds: int | None = None
    activity_type: str | None = None
    steps: int | None = None
    distance_in_meters: float | None = None
    active_kilocalories: float | None = None
    active_time_in_seconds: int | None = None
    average_heart_rate_in_beats_per_minute: int | None = None
    max_heart_rate_in_beats_per_minute: int | None = None


class StressSummary(DataObject):
    """The stress of a day as a device derives it from the heart, from 0 to 100.

    `time_offset_stress_level_values` has levels by the seconds since `start_date`.
    """

    object_type: ClassVar[ObjectType] = ObjectType.STRESS_SUMMARY

    id: str | None = None
    calendar_date: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    average_stress_level: float | None = None
    max_stress_level: float | None = None
    rest_stress_duration_in_seconds: int | None = None
    low_stress_duration_in_seconds: int | None = None
    medium_stress_duration_in_seconds: int | None = None
    high_stress_duration_in_seconds: int | None = None
    activity_stress_duration_in_seconds: int | None = None
    stress_duration_in_seconds: int | None = None
    time_offset_stress_level_values: dict[str, int] = Field(default_factory=dict)


class MoveIqSummary(DataObject):
    """A movement that a device recognized by itself, without a workout being started."""

    object_type: ClassVar[ObjectType] = ObjectType.MOVE_IQ_SUMMARY

    id: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    duration_in_seconds: int | None = None
    activity_type: str | None = None
    activity_sub_type: str | None = None


class Route(DataObject):
    """The route of an activity. `coord_times` has the time of each position, in milliseconds since the epoch."""

    object_type: ClassVar[ObjectType] = ObjectType.ROUTE

    id: str | None = None
    activity_entity_id: str | None = None
    end_date: Moment | None = None
    geometry: LineString | None = None
    coord_times: tuple[int, ...] = ()


class PlaceVisit(DataObject):
    """A stay at a place, in terms of schema.org's Place. `place_type` is in plain words, such as home or work."""

    object_type: ClassVar[ObjectType] = ObjectType.PLACE_VISIT

    id: str | None = None
    end_date: Moment | None = None
    name: str | None = None
    address: str | None = None
    place_id: str | None = None
    place_type: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class Achievement(DataObject):
    """A badge that the person earned."""

    object_type: ClassVar[ObjectType] = ObjectType.ACHIEVEMENT

    id: str | None = None
    base_id: str | None = None
    category: str | None = None
    name: str | None = None
    short_name: str | None = None
    description: str | None = None
    short_description: str | None = None
    earned_message: str | None = None
    marketing_description: str | None = None
    mobile_description: str | None = None
    share_text: str | None = None
    times_achieved: int | None = None
    value: float | None = None
    gradient_start_color: str | None = None
    gradient_end_color: str | None = None
    resources: tuple[Resource, ...] = ()


class BodyComposition(DataObject):
    """A measurement of weight and body composition. Units are those of the provider.

    Unlike all other objects, these have camelCase fields in JSON.
    """

    object_type: ClassVar[ObjectType] = ObjectType.BODY_COMPOSITION_SUMMARY

    id: str | None = None
    body_water: float | None = Field(default=None, alias="bodyWater")
    body_fat: float | None = Field(default=None, alias="bodyFat")
    body_mass_index: float | None = Field(default=None, alias="bodyMassIndex")
    bone_mass: float | None = Field(default=None, alias="boneMass")
    muscle_mass: float | None = Field(default=None, alias="muscleMass")
    weight: float | None = None
    lean_body_mass: float | None = Field(default=None, alias="leanBodyMass")
