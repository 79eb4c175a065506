"""A health record as a file: FHIR R4 resources, whatever they are wrapped in."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Broken, JsonObject
from privateshare.sources.failures import LeftOut, Reason
from privateshare.sources.fhir_file.history import deleted_resource
from privateshare.sources.fhir_file.mapping import DEFINITIONS, OBJECT_TYPES
from privateshare.sources.fhir_file.versions import is_r4
from privateshare.sources.json_records import Found, Shape
from privateshare.sources.records import read_records, records_of_files

WRAPPERS = frozenset({"Bundle", "Parameters"})
ENTRY_MEMBERS = frozenset({"fullUrl", "resource", "request", "response", "search"})  # of a Bundle's entry

OTHER_VERSION = Reason(
    "OtherVersion",
    "%(num)s of %(total)s entries is in another version of FHIR than R4.",
    "%(num)s of %(total)s entries are in another version of FHIR than R4.",
    Broken("The file is in another version of FHIR than R4. Export the record as FHIR R4 in JSON and upload that."),
)
NOT_FHIR = Reason(
    "NotFhir",
    "%(num)s of %(total)s entries is not FHIR.",
    "%(num)s of %(total)s entries are not FHIR.",
    Broken("The file holds an entry that is not FHIR. Export the record as FHIR R4 in JSON and upload that."),
)
UNKNOWN_TYPE = Reason(
    "UnknownType",
    "%(num)s of %(total)s entries is of a kind that is not known here.",
    "%(num)s of %(total)s entries are of a kind that is not known here.",
    Broken("The file holds no health record in FHIR. Export the record as FHIR R4 in JSON and upload that."),
)


def read_resources(archive: BinaryIO, left_out: LeftOut) -> Iterator[Found]:
    """Yield every resource of the record that is of a known type and of this version of FHIR, and every deletion.

    A deletion is an entry of a history that says that a resource was deleted (`history.item_of`).

    Raises:
        Broken: There is none, or less than half of them can be read.
    """
    yield from _known_resources(read_records(archive, shape_of, left_out), left_out)
    left_out.check(UNKNOWN_TYPE.refusal)


def found_resources(files: Iterable[UploadedFile], left_out: LeftOut) -> Iterator[Found]:
    """The same of some files of an upload, of which there need be none."""
    return _known_resources(records_of_files(files, shape_of, left_out), left_out)


def _known_resources(records: Iterator[Found], left_out: LeftOut) -> Iterator[Found]:
    for found in records:
        kind = found.thing.get("resourceType")
        if deleted_resource(found.thing) is not None:
            left_out.read += 1
            yield found
        elif not isinstance(kind, str):
            left_out.leave_out(NOT_FHIR)
        elif not is_r4(found.thing):
            left_out.leave_out(OTHER_VERSION, OBJECT_TYPES.get(kind))
        elif kind in OBJECT_TYPES:
            left_out.read += 1
            yield found
        elif kind not in DEFINITIONS:
            left_out.leave_out(UNKNOWN_TYPE)


def shape_of(thing: JsonObject, key: str) -> Shape:
    """What an object of a health record's file is."""
    kind = thing.get("resourceType")
    if isinstance(kind, str):
        return Shape.WRAPPER if kind in WRAPPERS else Shape.RECORD
    if kind is not None or key == "resource":  # in a resource's place, though it is none
        return Shape.RECORD
    if not ENTRY_MEMBERS.isdisjoint(thing) and deleted_resource(thing) is not None:
        return Shape.RECORD
    return Shape.UNKNOWN if ENTRY_MEMBERS.isdisjoint(thing) else Shape.WRAPPER
