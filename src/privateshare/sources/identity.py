"""The identity of uploaded objects: what distinguishes those with the same type and id, and their versions.

ADR 0018.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from privateshare.protocol.dates import read_date
from privateshare.protocol.window import Window

MAX_VERSION = 10**15


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of an object in an upload.

    Attributes:
        server: The server that assigned its id; empty if it is unknown.
        folder: The folder in the archive.
        file: The file in the archive. It is only compared within one upload.
        is_in_history: Whether it is an entry of a version history, which has the newest version first.
    """

    server: str = ""
    folder: str = ""
    file: str = field(default="", compare=False)
    is_in_history: bool = field(default=False, compare=False)


UNKNOWN_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Version:
    """The version of an object: the time of its update, and its number; None if unknown."""

    updated: Window | None = None
    number: int | None = None

    def compare(self, other: "Version") -> int:
        """Return 1 if this version is certainly newer, -1 if the other is, and 0 if it is unknown."""
        if self.updated is not None and other.updated is not None and not self.updated.touches(other.updated):
            return 1 if _start(self.updated) > _start(other.updated) else -1
        if self.number is None or other.number is None:
            return 0
        return (self.number > other.number) - (self.number < other.number)


UNKNOWN_VERSION = Version()


@dataclass(frozen=True, slots=True)
class ObjectProvenance:
    """What distinguishes an object from others with the same type and id: where it is from, and its version.

    Attributes:
        origin: Its origin.
        version: Its version.
        subject: The id of the person or thing that it is about; empty if unknown.
        order: Its position in the upload.
    """

    origin: Origin = UNKNOWN_ORIGIN
    version: Version = UNKNOWN_VERSION
    subject: str = ""
    order: int = field(default=0, compare=False)


IF_MISSING = ObjectProvenance(Origin(server="urn:privateshare:if-missing"))
"""The provenance of an object that is only kept if there is no other with its id, since others say more of it."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """The deletion of an object at its origin, as a version history records it."""

    object_type: int
    entity_id: str
    provenance: ObjectProvenance


def fhir_version(resource: Mapping[str, Any], response: object = None) -> Version:
    """Return the version of a FHIR resource.

    Args:
        resource: The resource; empty if it was deleted. Its `meta` is used first.
        response: The `response` of the history's entry. It is used where `meta` says nothing.
    """
    meta, beside = resource.get("meta"), response if isinstance(response, dict) else {}
    meta = meta if isinstance(meta, dict) else {}
    updated, number = read_date(meta.get("lastUpdated")), _number(meta.get("versionId"))
    if updated is None:
        updated = read_date(beside.get("lastModified"))
    etag = beside.get("etag")
    if number is None and isinstance(etag, str):
        number = _number(etag.strip().removeprefix("W/").strip('"'))
    return Version(updated, number)


def fhir_subject(resource: Mapping[str, Any]) -> str:
    """Return the id of the subject of a resource, which for a Patient is its own id; empty if there is none."""
    if resource.get("resourceType") == "Patient":
        return str(resource.get("id") or "")
    for name in ("subject", "patient", "beneficiary", "for", "individual"):
        value = resource.get(name)
        reference = value.get("reference") if isinstance(value, dict) else None
        if isinstance(reference, str) and reference and not reference.startswith("#"):
            path = reference.split("/_history/")[0].rstrip("/")
            return path.removeprefix("urn:uuid:").rsplit("/", 1)[-1]
    return ""


def _number(value: object) -> int | None:
    """Return the number of a version; None if it is not a number, as such versions have no order."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < MAX_VERSION else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(MAX_VERSION)):
        return int(value)
    return None


def _start(window: Window) -> int:
    return window.start if window.start is not None else 0
