"""The OAuth scopes of SMART App Launch, versions 1 (`patient/*.read`) and 2 (`patient/*.rs`)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from privateshare.sources.health_provider.discovery import SmartServer

LAUNCH = "launch/patient openid fhirUser offline_access"
ALL_TYPES = "*"
PATIENT = "Patient"

_SCOPE = re.compile(r"(?:patient|user)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(\?\S+)?")


@dataclass(frozen=True, slots=True)
class MissingType:
    """A resource type that the person, or their hospital, did not allow to read. Some of it may be allowed."""

    resource_type: str
    is_partial: bool = False


def wanted_scope(server: SmartServer, types: Iterable[str]) -> str:
    """Return the scope to request: reading all of these types, in the form that the server knows.

    A server that names its scopes rejects some requests for others, so only those that it names are requested.
    """
    named = server.scopes
    launch = " ".join(one for one in LAUNCH.split() if not named or one in named or one == "launch/patient")
    for all_types in ("patient/*.rs", "patient/*.read", "patient/*.*"):
        if all_types in named:
            return f"{launch} {all_types}"
    wanted = set(types)
    single = sorted(scope for scope in named if (kind := _readable(scope)) is not None and kind[0] in wanted)
    if single:
        return f"{launch} {' '.join(_preferred(single))}"
    is_second = "permission-v2" in server.capabilities and "permission-v1" not in server.capabilities
    return f"{launch} {'patient/*.rs' if is_second else 'patient/*.read'}"


def missing_types(granted: object, types: Iterable[str]) -> Sequence[MissingType]:
    """Return which of these types a granted scope does not allow to read.

    A token response without a scope grants what was requested (RFC 6749 5.1).
    """
    if not isinstance(granted, str) or not granted.strip():
        return ()
    read = [found for scope in granted.split() if (found := _readable(scope)) is not None]
    whole = {kind for kind, is_whole in read if is_whole}
    partly = {kind for kind, is_whole in read if not is_whole}
    return [
        MissingType(kind, is_partial=kind in partly or ALL_TYPES in partly)
        for kind in types
        if kind not in whole and ALL_TYPES not in whole
    ]


def _readable(scope: str) -> tuple[str, bool] | None:
    """Return the resource type that a scope allows to read, and whether it allows all of it; None if it does not."""
    match = _SCOPE.fullmatch(scope)
    if match is None:
        return None
    kind, may, query = match.groups()
    # A patient is read by their id, everything else is searched.
    reads = may in ("read", "*") or "s" in may or (kind == PATIENT and "r" in may)
    return (kind, query is None) if reads and may != "write" else None


def _preferred(scopes: Sequence[str]) -> Sequence[str]:
    """Leave out scopes of the first version, and those of categories, where a wider one of the second is named too."""
    whole = {scope.partition(".")[0] for scope in scopes if scope.endswith((".rs", ".s"))}
    return [scope for scope in scopes if scope.partition(".")[0] not in whole or scope.endswith((".rs", ".s"))]
