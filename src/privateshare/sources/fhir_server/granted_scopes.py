"""What a granted scope of SMART App Launch allows to read: versions 1 (`patient/*.read`) and 2 (`patient/*.rs`)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ALL_TYPES = "*"
PATIENT = "Patient"

_SCOPE = re.compile(r"(?:patient|user)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(\?\S+)?")


@dataclass(frozen=True, slots=True)
class MissingType:
    """A resource type that the person, or their hospital, did not allow to read. Some of it may be allowed."""

    resource_type: str
    is_partial: bool = False


def missing_types(granted: object, types: Iterable[str]) -> Sequence[MissingType]:
    """Return which of these types a granted scope does not allow to read.

    A token response without a scope grants what was requested (RFC 6749 5.1).
    """
    if not isinstance(granted, str) or not granted.strip():
        return ()
    read = [found for scope in granted.split() if (found := readable_type(scope)) is not None]
    whole = {kind for kind, is_whole in read if is_whole}
    partly = {kind for kind, is_whole in read if not is_whole}
    return [
        MissingType(kind, is_partial=kind in partly or ALL_TYPES in partly)
        for kind in types
        if kind not in whole and ALL_TYPES not in whole
    ]


def readable_type(scope: str) -> tuple[str, bool] | None:
    """Return the resource type that a scope allows to read, and whether it allows all of it; None if it does not."""
    match = _SCOPE.fullmatch(scope)
    if match is None:
        return None
    kind, may, query = match.groups()
    # A patient is read by their id, everything else is searched.
    reads = may in ("read", "*") or "s" in may or (kind == PATIENT and "r" in may)
    return (kind, query is None) if reads and may != "write" else None
