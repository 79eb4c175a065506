"""The source for health records as files: FHIR of any version, and clinical documents. Apps get R4."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import BinaryIO

from privateshare.protocol.catalogue import ServiceGroup, ServiceType
from privateshare.sources.contract import (
    Brand,
    Connection,
    FileMark,
    Identity,
    JsonObject,
    ObjectSchema,
    OwnedPages,
    Page,
    Sample,
    SourceInfo,
    Upload,
)
from privateshare.sources.failures import LeftOut
from privateshare.sources.fhir_file.history import item_of
from privateshare.sources.fhir_file.mapping import OBJECT_TYPES, SCHEMA_VERSION
from privateshare.sources.fhir_file.people import People, add_found
from privateshare.sources.fhir_file.record import read_resources
from privateshare.sources.fhir_file.sample import sample_resources
from privateshare.sources.identity import Deletion
from privateshare.sources.page_building import OwnedObjects, Written, owned_pages, owner_at_end, pages

# The drawing is a clipboard with a cross.
_BRAND = Brand("#0b7285", "M9 2.5h6L16 4h3v17H5V4h3Zm2 6.5v3H8v2h3v3h2v-3h3v-2h-3V9Z")


class FhirFile:
    """The source with id and service type 9001, which this project added to the catalogue."""

    reads_once = True

    info = SourceInfo(
        id=9001,
        service_type=ServiceType.FHIR_FILE,
        service_group=ServiceGroup.MEDICAL,
        object_types=tuple(OBJECT_TYPES.values()),
        schema=ObjectSchema("fhir", SCHEMA_VERSION),
        brand=_BRAND,
        samples=(
            Sample("default", "A patient", "An invented person with asthma, some visits, values and vaccines."),
            Sample("large", "A long record", "More than twenty years of an invented person with diabetes."),
        ),
        upload=Upload(
            accept=".json,.ndjson,.xml,.smart-health-card,.gz,.zip",
            marks=(
                FileMark(r'"resourceType"\s*:\s*"', is_weak=True),
                FileMark(r"(?s)\A[\s\ufeff]*<([?!].*<)?(\w+:)?ClinicalDocument\b", is_weak=True),
                FileMark(r"(?s)\A[\s\ufeff]*<.*\bxmlns(:\w+)?\s*=\s*[\"']http://hl7\.org/fhir[\"']", is_weak=True),
                FileMark(r'"verifiableCredential"\s*:|\Ashc:/'),
            ),
            instructions=(
                "Open your hospital's or insurer's patient portal, or the app that holds your record.",
                "Look for “Export”, “Download my data” or “Share my record”, and choose FHIR (JSON) or C-CDA (XML).",
                "Choose the file here, without changing it: .json, .ndjson, .xml, .smart-health-card, .gz or .zip.",
            ),
        ),
    )

    def identify(self, connection: Connection) -> Identity:
        """Return the person that the record is about. The file is read completely. Raises Broken."""
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}")
        return owner_at_end(self._owned(connection.archive, connection.left_out))

    def read_once(self, connection: Connection) -> OwnedPages:
        """Yield the resources of a file, and return the person that it is about. Raises Broken."""
        assert connection.archive is not None
        return owned_pages(self._owned(connection.archive, connection.left_out))

    def _owned(self, archive: BinaryIO, left_out: LeftOut) -> OwnedObjects:
        people = People()
        for order, found in enumerate(read_resources(archive, left_out)):
            add_found(people, found)
            if (item := item_of(found, order)) is not None:
                yield item
        person = people.person()
        return Identity(person.account_id, person.name)

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the resources of these object types. Raises Broken."""
        if connection.archive is None:
            return pages(_of_sample(str(connection.sample), cursors))
        return pages(_of_record(connection.archive, connection.left_out, cursors))


def _of_sample(sample: str, wanted: Collection[int]) -> Iterator[tuple[int, JsonObject]]:
    for resource in sample_resources(sample, datetime.now(UTC)):
        object_type = OBJECT_TYPES[resource["resourceType"]]
        if object_type in wanted:
            yield object_type, resource


def _of_record(archive: BinaryIO, left_out: LeftOut, wanted: Collection[int]) -> Iterator[Written | Deletion]:
    for order, found in enumerate(read_resources(archive, left_out)):
        item = item_of(found, order)
        if item is not None and item.object_type in wanted:
            yield item


SOURCES = (FhirFile(),)
