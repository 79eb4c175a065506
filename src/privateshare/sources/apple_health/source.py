"""The two sources for Apple Health exports: fitness data, and the health record in FHIR."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

from privateshare.protocol.catalogue import ServiceGroup, ServiceType
from privateshare.sources.apple_health.export import FITNESS_TYPES, FitnessExport, Typed
from privateshare.sources.apple_health.files import opened_export
from privateshare.sources.apple_health.record import RECORD_TYPES, HealthRecord, Resource
from privateshare.sources.apple_health.sample import opened_sample
from privateshare.sources.contract import (
    Brand,
    Broken,
    Connection,
    FileMark,
    Identity,
    ObjectSchema,
    OwnedPages,
    Page,
    Sample,
    SourceInfo,
    Upload,
)
from privateshare.sources.page_building import OwnedObjects, owned_pages, owner_at_end, pages

PERSON = "applehealth"  # Exports do not name the person, so all exports of a person belong to one account.
NAME = "Apple Health"

_UPLOAD = Upload(
    in_folders=True,
    accept=".zip,.xml",
    marks=(FileMark(r"(?s)\A[\s\ufeff]*<(\?xml\b.*<)?(!DOCTYPE HealthData|HealthData)\b"),),
    instructions=(
        "On your iPhone open the Health app and tap your picture at the top right.",
        "Tap “Export All Health Data”, confirm, and wait: it takes some minutes.",
        "Save the zip file, for example to Files, and choose it here as it is.",
    ),
)
# The drawing is a heart.
_BRAND = Brand(
    "#c81e4a",
    "M12 20.5C9 18.5 3 14.2 3 9.1 3 6.4 5 4.5 7.5 4.5c1.8 0 3.5 1 4.5 2.6 1-1.6 2.7-2.6 4.5-2.6"
    "C19 4.5 21 6.4 21 9.1c0 5.1-6 9.4-9 11.4Z",
)
_SAMPLES = (Sample("default", "A walker", "A year of an invented person with a watch and a phone."),)


class AppleHealth:
    """Source 260, service type 28: activities, days, sleep, weighings, routes."""

    reads_once = True

    info = SourceInfo(
        id=260,
        service_type=ServiceType.APPLE_HEALTH,
        service_group=ServiceGroup.HEALTH_FITNESS,
        object_types=FITNESS_TYPES,
        schema=ObjectSchema("digime", "1.0.0"),
        samples=_SAMPLES,
        upload=_UPLOAD,
        brand=_BRAND,
    )

    def identify(self, connection: Connection) -> Identity:
        """Return whose export it is; it is read to its end.

        Raises:
            Broken: It is no export, or holds no fitness data.
        """
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}")
        return owner_at_end(self._owned(connection))

    def read_once(self, connection: Connection) -> OwnedPages:
        """Yield the objects of an export, and return the account. Raises Broken."""
        return owned_pages(self._owned(connection))

    def _owned(self, connection: Connection) -> OwnedObjects:
        yield from self._objects(connection, self.info.object_types)
        connection.left_out.check(
            Broken("The export holds no activity, sleep or weight. Export your health data again on the iPhone.")
        )
        return Identity(PERSON, NAME, named=False)

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the objects of these types.

        Raises:
            Broken: The export is damaged.
        """
        return pages(self._objects(connection, cursors))

    def _objects(self, connection: Connection, wanted: Collection[int]) -> Iterator[Typed]:
        owner = f"sampleDataSet-{connection.sample}"
        if connection.archive is not None:
            owner = connection.provider_account_id or PERSON
        with ExitStack() as stack:
            if connection.archive is None:
                files = stack.enter_context(opened_sample(datetime.now(UTC)))
            else:
                files = stack.enter_context(opened_export(connection.archive, connection.left_out))
            yield from FitnessExport(files, f"{self.info.service_type}_{owner}", wanted, connection.left_out).objects()


class AppleHealthRecords:
    """Source 9002, service type 9002: the clinical records of an export, and its measurements as Observations."""

    reads_once = True

    info = SourceInfo(
        id=9002,
        service_type=ServiceType.APPLE_HEALTH_RECORDS,
        service_group=ServiceGroup.MEDICAL,
        object_types=RECORD_TYPES,
        schema=ObjectSchema("fhir", "4.0.1"),
        samples=_SAMPLES,
        upload=_UPLOAD,
        brand=_BRAND,
    )

    def identify(self, connection: Connection) -> Identity:
        """Return whose export it is; it is read to its end.

        Raises:
            Broken: It is no export, holds no measurements and no records, or records of several people.
        """
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}")
        return owner_at_end(self._owned(connection))

    def read_once(self, connection: Connection) -> OwnedPages:
        """Yield the resources of an export, and return the account. Raises Broken."""
        return owned_pages(self._owned(connection))

    def _owned(self, connection: Connection) -> OwnedObjects:
        with ExitStack() as stack:
            record = self._record(connection, self.info.object_types, stack)
            yield from record.resources()
        connection.left_out.check(
            Broken("The export holds no measurements and no health records. Export your health data again.")
        )
        record.people.person()
        return Identity(PERSON, NAME, named=False)

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the resources of these types.

        Raises:
            Broken: The export is damaged.
        """
        return pages(self._objects(connection, cursors))

    def _objects(self, connection: Connection, wanted: Collection[int]) -> Iterator[Resource]:
        with ExitStack() as stack:
            yield from self._record(connection, wanted, stack).resources()

    def _record(self, connection: Connection, wanted: Collection[int], stack: ExitStack) -> HealthRecord:
        if connection.archive is None:
            files = stack.enter_context(opened_sample(datetime.now(UTC)))
        else:
            files = stack.enter_context(opened_export(connection.archive, connection.left_out))
        return HealthRecord(files, wanted, connection.left_out)


SOURCES = (AppleHealth(), AppleHealthRecords())
