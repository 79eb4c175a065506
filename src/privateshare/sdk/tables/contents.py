"""The objects of a file, and what identifies each of them."""

import gc
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from importlib import import_module
from typing import Any, cast

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
        return read_objects(self.file.read_bytes(), digest=b"")

    def table_of(self, thing: Record) -> tuple[str, str]:
        """Return the name and the schema of the table that an object belongs to."""
        kind = thing.get("resourceType")
        return (kind.lower(), FHIR) if isinstance(kind, str) else (self.kind, DIGIME)

    def identity(self, thing: Record) -> int:
        """Return the identity of an object: its id within the user's account that it came from, or else all of it."""
        found = identity_of(thing, self.place)
        return hash((self.place, json.dumps(thing, sort_keys=True))) if found is None else found


def identity_of(thing: Record, place: tuple[str | None, str]) -> int | None:
    """Return the identity of an object: its id within the user's account that it came from; None if it has no id.

    Two accounts may have different objects with the same id, such as two hospitals that count from 1. So may two
    patients or two systems in one account.
    """
    if "entityid" in thing:
        return identity_of_id(thing["entityid"], place)
    if "resourceType" in thing and "id" in thing:
        parts = [("subject", "reference"), ("patient", "reference"), ("meta", "source")]
        places = [
            str(part[name]) for where, name in parts if isinstance(part := thing.get(where), dict) and name in part
        ]
        return hash((place, str(thing["resourceType"]), str(thing["id"]), *places))
    return None


def identity_of_id(entity_id: Any, place: tuple[str | None, str]) -> int:
    """Return the identity of an object of schema `digime`, from its `entityid`."""
    return hash((place, str(entity_id)))


def read_objects(data: bytes, digest: bytes) -> Objects:
    """Parse the objects of a file. `digest` is what identifies its content."""
    try:
        content = _parsed(data)
    except (ValueError, RecursionError):
        return Objects([], "it does not hold JSON", digest)
    if not isinstance(content, list):
        return Objects([], "it does not hold a list of objects", digest)
    objects = [thing for thing in content if isinstance(thing, dict)]
    others = len(content) - len(objects)
    return Objects(objects, f"{others} of {len(content)} entries are not objects" if others else "", digest)


def digest_of(data: bytes) -> bytes:
    """Return what identifies the content of a file."""
    return blake2b(data, digest_size=16).digest()


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
        return _decoder()(data)
    except ValueError:  # msgspec takes no NaN, no half of a surrogate pair, and UTF-8 only.
        return json.loads(data)
    finally:
        if was_enabled:
            gc.enable()


@cache
def _decoder() -> Callable[[bytes], Any]:
    """Return the fastest parser. Both give the same values."""
    try:
        return cast("Callable[[bytes], Any]", import_module("msgspec.json").decode)
    except ModuleNotFoundError:
        return json.loads


def _moment(milliseconds: int | None) -> datetime | None:
    if milliseconds is None or not 0 <= milliseconds <= LAST_MILLISECOND:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
