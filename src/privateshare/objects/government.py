"""Objects of service group 6, government."""

from typing import ClassVar

from privateshare.objects.model import DataObject, Moment
from privateshare.protocol.catalogue import ObjectType


class VehicleTest(DataObject):
    """A test of a vehicle's roadworthiness; `test_result` is 0 for unknown, 1 for passed, 2 for failed."""

    object_type: ClassVar[ObjectType] = ObjectType.VEHICLE_TEST

    id: str | None = None
    expiry_date: Moment | None = None
    test_result: int | None = None
    odometer_reading: int | None = None
    odometer_unit: str | None = None
    advisory_notes: tuple[str, ...] = ()
    failure_reasons: tuple[str, ...] = ()


class VehicleRegistration(DataObject):
    """A registered vehicle; `id` is its number plate."""

    object_type: ClassVar[ObjectType] = ObjectType.VEHICLE_REGISTRATION

    id: str | None = None
    registration_date: Moment | None = None
    manufacture_date: Moment | None = None
    make: str | None = None
    model: str | None = None
    colour: str | None = None
    fuel_type: str | None = None
    engine_capacity: float | None = None
    gear_count: int | None = None
    transmission: str | None = None
    seating_capacity: int | None = None
    co2_emissions: float | None = None
