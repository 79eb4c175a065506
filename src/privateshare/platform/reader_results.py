"""What a reader of archives reports at its end, parsed from its frames and checked: a reader may be hostile."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from privateshare.sources.contract import Broken, Identity
from privateshare.sources.failures import LeftOut, decode_left_out, decode_problem
from privateshare.sources.frames import (
    FrameError,
    decode_json,
)
from privateshare.sources.object_counts import CountedObjects, ObjectCounts
from privateshare.sources.recognition import MAX_SHOWN, Recognition, SeenFiles

MAX_NAME_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class ReadExport:
    """The result of reading an export to its end.

    Attributes:
        identity: Whose export it is.
        left_out: Which entries cannot be read.
        owner_in_objects: What its objects call the owner.
        counts: How much it has of each object type.
        complete: The object types of which it proves to hold everything that the source has.
    """

    identity: Identity
    left_out: LeftOut
    owner_in_objects: str = field(repr=False)
    counts: ObjectCounts
    complete: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class OwnedAccount:
    """An account in an archive from another PrivateShare, and the number of objects that it claims to have."""

    source_id: int
    identity: Identity
    sample: str | None
    objects: int


@dataclass(frozen=True, slots=True)
class ReaderResult:
    """The last message of a reader."""

    identity: Identity | None
    left_out: LeftOut
    accounts: Sequence[OwnedAccount] | None = None
    recognition: Recognition | None = None
    owner_in_objects: str | None = field(default=None, repr=False)
    counts: ObjectCounts | None = None
    complete: Sequence[int] = ()


def parse_result(fields: dict[str, Any]) -> ReaderResult:
    """Parse a RESULT frame. Raises FrameError."""
    try:
        left_out = decode_left_out(fields["left_out"])
        if "accounts" in fields:
            return ReaderResult(None, left_out, [_owned_account(*account) for account in fields["accounts"]])
        if "recognised" in fields:
            return ReaderResult(None, left_out, recognition=_recognition(fields))
        if "identity" not in fields:
            return ReaderResult(None, left_out)
        owner = fields.get("owner_in_objects")
        if not isinstance(owner, str | None) or len(owner or "") > MAX_NAME_CHARACTERS:
            raise FrameError("a malformed owner")
        complete, identity = [int(kind) for kind in fields.get("complete", ())], _identity(*fields["identity"])
        counts = _counts(fields) if "kinds" in fields else None
        return ReaderResult(identity, left_out, owner_in_objects=owner, counts=counts, complete=complete)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FrameError("a malformed result") from error


def _counts(fields: dict[str, Any]) -> ObjectCounts:
    """Parse how much an archive has of each type. Raises ValueError, TypeError or KeyError."""
    kinds = {
        int(type_): CountedObjects(int(number), _date(first), _date(last))
        for type_, number, first, last in fields["kinds"]
    }
    return ObjectCounts(kinds, {int(type_): int(date) for type_, date in fields["newest"]})


def _date(milliseconds: Any) -> int | None:
    return None if milliseconds is None else int(milliseconds)


def _recognition(fields: dict[str, Any]) -> Recognition:
    """Parse what an archive was recognised as. Raises ValueError, TypeError, KeyError or AttributeError."""
    seen = fields["seen"]
    return Recognition(
        {int(id_): int(number) for id_, number in fields["recognised"].items()},
        SeenFiles(
            int(seen["number"]),
            {str(ending)[:MAX_NAME_CHARACTERS]: int(number) for ending, number in seen["endings"].items()},
            [str(name)[:MAX_NAME_CHARACTERS] for name in seen["names"]][:MAX_SHOWN],
        ),
        is_take_out=fields["is_take_out"] is True,
    )


def _owned_account(source_id: Any, *fields: Any) -> OwnedAccount:
    """Check an account. Raises FrameError, TypeError or ValueError."""
    *identity, sample, objects = fields
    if not isinstance(source_id, int) or not isinstance(objects, int) or not isinstance(sample, str | None):
        raise FrameError("a malformed account")
    return OwnedAccount(source_id, _identity(*identity), sample, objects)


def _identity(id_: Any, name: Any, type_: Any, named: Any, in_objects: Any) -> Identity:
    texts = (id_, name, type_) if in_objects is None else (id_, name, type_, in_objects)
    if not all(isinstance(value, str) and len(value) <= MAX_NAME_CHARACTERS for value in texts):
        raise FrameError("a malformed identity")
    return Identity(id_, name, type_, named=named is True, id_in_objects=in_objects)


def parse_broken(fields: dict[str, Any]) -> Broken:
    """Parse a BROKEN frame. Raises FrameError."""
    try:
        broken = decode_problem(fields["text"], fields["values"])
        broken.left_out = decode_left_out(fields["left_out"]) if fields["left_out"] is not None else None
    except (KeyError, TypeError, ValueError) as error:
        raise FrameError("a malformed problem") from error
    return broken


def parse_failure(content: bytes) -> str:
    """Parse a FAILED frame: the type of an error in the reader, and where it was raised."""
    error = decode_json(content)
    return f"{str(error.get('error'))[:MAX_NAME_CHARACTERS]} at {str(error.get('where'))[:MAX_NAME_CHARACTERS]}"
