"""Which of two exports of an account is newer, and what follows for the objects that both have. ADR 64."""

from collections.abc import Mapping, Sequence
from enum import Enum, auto

import orjson
from msgspec.structs import replace

from privateshare.protocol.window import Window
from privateshare.sources.entries import Entry
from privateshare.sources.identity import IF_MISSING, UNKNOWN_VERSION, Version

CHANGED = "updateddate"  # The field in which objects of schema `digime` say when they were changed.


class Age(Enum):
    """How old an export is, compared with what the library has; `FIRST` if that has nothing of the account."""

    FIRST = auto()
    OLDER = auto()
    UNKNOWN = auto()
    NEWER = auto()


def age_of_export(export: Mapping[int, int], stored: Mapping[int, int]) -> Age:
    """Compare an export with what is stored of the account.

    Only the object types that both have are compared, because a part of an export may lack the newest objects.

    Args:
        export: The newest date of each object type, as far as it is known.
        stored: The same of what is stored.
    """
    common = export.keys() & stored.keys()
    if not common:
        return Age.UNKNOWN
    own, other = max(export[kind] for kind in common), max(stored[kind] for kind in common)
    return Age.UNKNOWN if own == other else Age.NEWER if own > other else Age.OLDER


def aged(entries: Sequence[tuple[int, Entry]], age: Age) -> Sequence[tuple[int, Entry]]:
    """Mark the objects of an older export, so that those that are stored stay as they are."""
    if age is not Age.OLDER:
        return entries
    return [
        (type_, replace(entry, provenance=IF_MISSING) if entry.provenance is None and not entry.is_deletion else entry)
        for type_, entry in entries
    ]


def changed_version(entry: Entry) -> Version:
    """Return when an object was changed, by itself, so that two of unknown exports can be compared."""
    changed = orjson.loads(entry.data).get(CHANGED)
    return Version(Window(changed, changed + 1)) if isinstance(changed, int) else UNKNOWN_VERSION
