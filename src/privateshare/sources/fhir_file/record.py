"""A reader for the resources of a record, in Bundles or any other structure, and in clinical documents."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

import orjson

from privateshare.sources.archive import UploadedFile, uploaded_files
from privateshare.sources.contract import Broken, JsonObject
from privateshare.sources.failures import OF_OTHERS, LeftOut, Reason
from privateshare.sources.fhir_file.clinical_document import START_BYTES, document_records, is_clinical_document
from privateshare.sources.fhir_file.conversion import converted
from privateshare.sources.fhir_file.digits import parse_exactly, write_exactly
from privateshare.sources.fhir_file.fhir_xml import is_fhir_xml, json_file
from privateshare.sources.fhir_file.health_cards import card_files, is_health_card
from privateshare.sources.fhir_file.history import deleted_resource
from privateshare.sources.fhir_file.mapping import DEFINITIONS, OBJECT_TYPES
from privateshare.sources.fhir_file.versions import is_complete_r4, is_r4
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.upload_records import UploadReader

WRAPPERS = frozenset({"Bundle", "Parameters"})
# The members of an entry of a Bundle.
ENTRY_MEMBERS = frozenset({"fullUrl", "resource", "request", "response", "search"})

OTHER_VERSION = Reason(
    "OtherVersion",
    "%(num)s of %(total)s entries is in a version of the format that cannot be read here.",
    "%(num)s of %(total)s entries are in a version of the format that cannot be read here.",
    Broken(
        "The file is in a version of the format that cannot be read here. "
        "Export the record again, and choose FHIR (R4, JSON)."
    ),
)
NOT_FHIR = Reason(
    "NotFhir",
    "%(num)s of %(total)s entries is not part of a health record.",
    "%(num)s of %(total)s entries are not part of a health record.",
    Broken(
        "The file holds an entry that is not part of a health record. "
        "Export the record again, and choose FHIR (R4, JSON)."
    ),
)
UNKNOWN_TYPE = Reason(
    "UnknownType",
    "%(num)s of %(total)s entries is of a kind that is not known here.",
    "%(num)s of %(total)s entries are of a kind that is not known here.",
    Broken(
        "The file holds no health record that can be read here. Export the record again, and choose FHIR (R4, JSON)."
    ),
)


def read_resources(archive: BinaryIO, left_out: LeftOut) -> Iterator[FoundRecord]:
    """Yield all resources of a known type and of FHIR R4, and all deletions.

    A deletion is an entry of a version history (see `history.item_of`).

    Raises:
        Broken: There are none, or less than half can be read.
    """
    yield from _known_resources(_records(uploaded_files(archive, left_out), left_out), left_out)
    left_out.check(UNKNOWN_TYPE.refusal)


def found_resources(files: Iterable[UploadedFile], left_out: LeftOut) -> Iterator[FoundRecord]:
    """Yield the resources and deletions of some files of an upload. There may be none."""
    return _known_resources(_records(files, left_out), left_out)


def _records(files: Iterable[UploadedFile], left_out: LeftOut) -> Iterator[FoundRecord]:
    """Yield the records of all files: JSON, XML, clinical documents, and health cards."""
    upload = UploadReader(shape_of, left_out)
    for file in files:
        with file.open() as stream:
            start = stream.read(START_BYTES)
        if is_clinical_document(start):
            yield from document_records(file, left_out)
        elif is_fhir_xml(start):
            yield from upload.records_of(json_file(file))
        elif is_health_card(start):
            for bundle in card_files(file, left_out):
                yield from upload.records_of(bundle)
        else:
            yield from upload.records_of(file)
    upload.estimate()


def _known_resources(records: Iterator[FoundRecord], left_out: LeftOut) -> Iterator[FoundRecord]:
    for found in records:
        kind = found.thing.get("resourceType")
        if deleted_resource(found.thing) is not None:
            left_out.read += 1
            yield found
        elif not isinstance(kind, str):
            left_out.leave_out(NOT_FHIR)
        elif not is_r4(found.thing):
            as_r4 = converted_text(found.text)
            if as_r4 is None:
                left_out.leave_out(OTHER_VERSION, OBJECT_TYPES.get(kind))
            else:
                left_out.read += 1
                yield replace(found, thing=as_r4[0], text=as_r4[1])
        elif kind in OBJECT_TYPES:
            left_out.read += 1
            yield found
        elif kind in DEFINITIONS:  # It is not about the person, such as a Practitioner.
            left_out.pass_over(OF_OTHERS)
        else:
            left_out.leave_out(UNKNOWN_TYPE)


def converted_text(original: bytes) -> tuple[JsonObject, bytes] | None:
    """Convert a resource of another version to R4, parsed and as text; None if that is not possible."""
    try:
        text = write_exactly(converted(parse_exactly(original)))
        thing = orjson.loads(text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    is_known = isinstance(thing, dict) and thing.get("resourceType") in OBJECT_TYPES
    return (thing, text) if is_known and is_complete_r4(thing) else None


def shape_of(thing: JsonObject, key: str) -> ObjectRole:
    """Determine the role of an object in the file of a record."""
    kind = thing.get("resourceType")
    if isinstance(kind, str):
        return ObjectRole.WRAPPER if kind in WRAPPERS else ObjectRole.RECORD
    if kind is not None or key == "resource":  # An object in the place of a resource counts, even if it is not one.
        return ObjectRole.RECORD
    if not ENTRY_MEMBERS.isdisjoint(thing) and deleted_resource(thing) is not None:
        return ObjectRole.RECORD
    return ObjectRole.UNKNOWN if ENTRY_MEMBERS.isdisjoint(thing) else ObjectRole.WRAPPER
