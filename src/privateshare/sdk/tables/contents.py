"""The objects of a file, and what identifies each of them."""

import gc
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from privateshare.protocol.catalogue import catalogue, object_type_of
from privateshare.protocol.object_time import DIGIME, FHIR
from privateshare.sdk.files.file import File

Record = dict[str, Any]
LAST_MILLISECOND = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a file, and what of the file is not an object and why. `digest` identifies the file's content."""

    objects: list[Record]
    left_out: str = ""
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Content:
    """A file with objects.

    `kind` is the name of their type, `place` the user and the account that they are from, and `origin` the columns that
    say where they are from.
    """

    file: File
    kind: str
    place: tuple[str | None, str]
    origin: Mapping[str, Any] = field(default_factory=dict)

    def read(self) -> Objects:
        """Parse the objects. What is not an object does not hide the others."""
        data = self.file.read_bytes()
        digest = blake2b(data, digest_size=16).digest()
        try:
            content = _parsed(data)
        except (ValueError, RecursionError):
            return Objects([], "it does not hold JSON", digest)
        if not isinstance(content, list):
            return Objects([], "it does not hold a list of objects", digest)
        objects = [thing for thing in content if isinstance(thing, dict)]
        others = len(content) - len(objects)
        return Objects(objects, f"{others} of {len(content)} entries are not objects" if others else "", digest)

    def table_of(self, thing: Record) -> tuple[str, str]:
        """Return the name and the schema of the table that an object belongs to."""
        kind = thing.get("resourceType")
        return (kind.lower(), FHIR) if isinstance(kind, str) else (self.kind, DIGIME)

    def identity(self, thing: Record) -> int:
        """Return the identity of an object: its id within the user's account that it came from, or else all of it.

        Two accounts may have different objects with the same id, such as two hospitals that count from 1. So may two
        patients or two systems in one account.
        """
        place = self.place
        if "entityid" in thing:
            return hash((place, str(thing["entityid"])))
        if "resourceType" in thing and "id" in thing:
            parts = [("subject", "reference"), ("patient", "reference"), ("meta", "source")]
            places = [
                str(part[name]) for where, name in parts if isinstance(part := thing.get(where), dict) and name in part
            ]
            return hash((place, str(thing["resourceType"]), str(thing["id"]), *places))
        return hash((place, json.dumps(thing, sort_keys=True)))


def content_of(file: File) -> Content:
    """Return a file as the content of tables."""
    number = object_type_of(file.metadata.object_type, file.name)
    known = catalogue().object_types.get(number) if number is not None else None
    kind = known.reference if known is not None else file.metadata.object_type or "other"
    origin = {
        "user": file.user,
        "account": file.account or None,
        "source": file.source,
        "file": file.name,
        "updated": _moment(file.updated_date),
    }
    return Content(file, kind, (file.user, file.account), origin)


def _parsed(data: bytes) -> Any:
    """Parse JSON. Raise ValueError or RecursionError.

    The garbage collector would search the new objects again and again, which takes a fifth of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return json.loads(data)
    finally:
        if was_enabled:
            gc.enable()


def _moment(milliseconds: int | None) -> datetime | None:
    if milliseconds is None or not 0 <= milliseconds <= LAST_MILLISECOND:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
