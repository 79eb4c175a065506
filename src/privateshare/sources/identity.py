"""What tells an object of an upload from others of the same type and id, and from its own versions. ADR 0018."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from privateshare.protocol.dates import read_date
from privateshare.protocol.window import Window

MAX_VERSION = 10**15


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object of an upload was found.

    Attributes:
        server: The server that gave it its id; empty if that is not known.
        folder: The folder of the archive that it was in.
        file: The file of the archive that it was in, for comparing within one upload only.
        is_version: Whether it is an entry of a history, of which the newest comes first.
    """

    server: str = ""
    folder: str = ""
    file: str = field(default="", compare=False)
    is_version: bool = field(default=False, compare=False)


UNKNOWN_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of an object it is: when it was updated, and its number; None where that is not said."""

    updated: Window | None = None
    number: int | None = None

    def compare(self, other: "Version") -> int:
        """Return 1 if this is certainly the newer one, -1 if the other is, and 0 if that cannot be told."""
        if self.updated is not None and other.updated is not None and not self.updated.touches(other.updated):
            return 1 if _start(self.updated) > _start(other.updated) else -1
        if self.number is None or other.number is None:
            return 0
        return (self.number > other.number) - (self.number < other.number)


UNKNOWN_VERSION = Version()


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells an object from others of the same type and id.

    Attributes:
        origin: Where it was found.
        version: Which version it is.
        subject: The id of whom it is about, if it says.
        order: Which of all that is in the upload it is.
    """

    origin: Origin = UNKNOWN_ORIGIN
    version: Version = UNKNOWN_VERSION
    subject: str = ""
    order: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Deletion:
    """That an object was deleted where it comes from, as an entry of a history says."""

    object_type: int
    entity_id: str
    mark: Mark


def fhir_version(resource: Mapping[str, Any], response: object = None) -> Version:
    """Return the version of a FHIR resource.

    Args:
        resource: The resource, whose `meta` tells; empty of one that was deleted.
        response: What a history's entry says beside it, which tells where `meta` does not.
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
    """Return the id of whom a resource is about; empty if it does not say, or of a Patient its own."""
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
    """Return the number of a version; those that are no numbers have no order."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < MAX_VERSION else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(MAX_VERSION)):
        return int(value)
    return None


def _start(window: Window) -> int:
    return window.start if window.start is not None else 0
