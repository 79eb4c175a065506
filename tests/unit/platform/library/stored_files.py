"""The files of FHIR resources, in memory, as a sync writes them."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from privateshare.platform.db.tables import FileRow
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.contract import JsonObject, ObjectSchema

FHIR = ObjectSchema("fhir", "4.0.1")


def observation(number: int, **dates: Any) -> JsonObject:
    """Return a resource with these dates."""
    return {"resourceType": "Observation", "id": f"o{number}", **dates}


def stored(mapped_files: MappedFiles, account: UUID, things: Iterable[JsonObject]) -> list[FileRow]:
    """Return the files of these resources, a file for each month."""
    found = []
    with ObjectBuffer(FHIR) as buffer:
        for thing in things:
            buffer.add(ObjectType.OBSERVATION, thing)
        for slot in buffer.slots():
            for written in mapped_files.write_slot(account, FHIR, [], buffer.entries(slot)):
                found.append(
                    FileRow(
                        account_id=account,
                        name=f"D{slot.month}",
                        service_group=ServiceGroup.MEDICAL,
                        service_type=ServiceType.FHIR_FILE,
                        object_type=ObjectType.OBSERVATION,
                        month=slot.month or None,
                        part=written.part,
                        schema_standard="fhir",
                        schema_version="4.0.1",
                        object_count=written.object_count,
                        sealed_dates=written.sealed_dates,
                        updated_at=1,
                        blob=written.blob,
                        size=written.size,
                        sealed_sha256=written.sealed_sha256,
                    )
                )
    return found
