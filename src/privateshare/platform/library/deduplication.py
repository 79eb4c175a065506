"""Deduplication of objects with the same type and id: keep the newest version of each object. ADR 0018.

Two servers may give the same id to different objects. So objects with the same type and id are compared by origin,
subject (the person they are about) and version. Of several versions of one object the newest is kept, unless it was
deleted. Different objects are all kept. The time is linear in the number of objects with one id.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from privateshare.sources.identity import (
    IF_MISSING,
    UNKNOWN_ORIGIN,
    UNKNOWN_VERSION,
    ObjectProvenance,
    Origin,
    Version,
)

MAX_DELETIONS_PER_ID = 50
NOT_KNOWN = ""  # The server or folder of an object if neither is known.

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several objects of one type and id.

    Attributes:
        content: A digest of the object's content.
        provenance: Its origin, version and subject; None if all objects come from one source, and the last one is the
            newest.
        order: The position of an object without a provenance among the incoming objects.
        event_time: When the object's event happened, in milliseconds since the epoch.
        version: The version of an object without a provenance, if it is to be compared.
    """

    content: int
    provenance: ObjectProvenance | None
    order: int = field(default=0, compare=False)
    event_time: int | None = field(default=None, compare=False)
    version: Version = field(default=UNKNOWN_VERSION, compare=False)


@dataclass(slots=True)
class _VersionGroup:
    """The incoming versions of one object: the current version, the other versions, and the deletions that apply."""

    current: Candidate
    others: list[Candidate]
    deletions: list[ObjectProvenance] = field(default_factory=list)

    def versions(self) -> Iterator[Candidate]:
        yield self.current
        yield from self.others

    def is_deleted(self) -> bool:
        return any(not self._outlives(deletion) for deletion in self.deletions)

    def _outlives(self, deletion: ObjectProvenance) -> bool:
        """Return whether the current version is newer than a deletion, by their versions or by the history's order."""
        order = _version(self.current).compare(deletion.version)
        if order == 0 and _is_same_history(deletion, self.current):
            order = self._direction() * (deletion.order - _order(self.current))
        return order > 0

    def _direction(self) -> int:
        """Return 1 if the history lists the newest version first, -1 if the oldest, 0 if the versions do not say."""
        found = {_compare(first, second) for first, second in pairwise(sorted(self.versions(), key=_order))}
        return 0 if len(found - {0}) != 1 else max(found, key=abs)


def find_superseded(
    stored: Iterable[Candidate], incoming: Iterable[Candidate], deletions: Iterable[ObjectProvenance] = ()
) -> set[int]:
    """Find the objects of one type and id that a newer version, a duplicate or a deletion makes superfluous.

    Args:
        stored: The objects in the library.
        incoming: The objects that an upload or a source brought.
        deletions: The deletions in a history of such an object: where each was found, and its version.

    Returns:
        The contents of the objects that are to be removed or not to be added.
    """
    stored, incoming = list(dict.fromkeys(stored)), list(incoming)
    if optional := {candidate.content for candidate in incoming if candidate.provenance == IF_MISSING}:
        others = [candidate for candidate in incoming if candidate.provenance != IF_MISSING]
        if stored or others:
            return optional - {one.content for one in stored} | find_superseded(stored, others, deletions)
    groups = _version_groups(_distinct(incoming))
    deleted: set[int] = set()
    for deletion in _newest_deletions(deletions):
        subjects = {
            _subject(candidate)
            for group in groups
            for candidate in group.versions()
            if _is_same_history(deletion, candidate)
        } - {""}
        for group in groups:
            if _could_apply_to(deletion, group.current, subjects):
                group.deletions.append(deletion)
        deleted |= {
            candidate.content
            for candidate in stored
            if _could_apply_to(deletion, candidate, subjects) and _version(candidate).compare(deletion.version) <= 0
        }
    current = {group.current.content for group in groups if not group.is_deleted()}
    older = {group.current.content for group in groups if group.is_deleted()}
    older |= {candidate.content for group in groups for candidate in group.others}
    return (deleted | older) - current | _superseded_stored(stored, groups)


# --- incoming objects ---


def _distinct(incoming: Iterable[Candidate]) -> list[Candidate]:
    """Remove duplicates. Of equal entries of a history the first is kept, of other equal objects the last."""
    found: dict[tuple[Candidate, bool], Candidate] = {}
    for candidate in sorted(incoming, key=_order):
        key = (candidate, _origin(candidate).is_in_history)
        if not _origin(candidate).is_in_history:
            found.pop(key, None)
        found.setdefault(key, candidate)
    return list(found.values())


def _version_groups(incoming: Sequence[Candidate]) -> list[_VersionGroup]:
    """Group the incoming objects into versions of the same object."""
    by_source = _by_key(incoming, _source_key)
    certain = [(key[0], _group_versions(candidates)) for key, candidates in by_source.items() if key[0] != FOLDER]
    # An older version in a history is also an older version if it is found in another file.
    past = {candidate.content for kind, group in certain if kind == HISTORY for candidate in group.others}
    possible = [
        group
        for key, candidates in by_source.items()
        if key[0] == FOLDER
        for group in _groups_from_unknown_server(candidates)
        if group.current.content not in past
    ]
    return [*(group for _, group in certain), *possible]


ANY_SOURCE, SERVER, HISTORY, FOLDER = "any source", "server", "history", "folder"


def _source_key(candidate: Candidate) -> tuple[str, ...]:
    """Return a key that versions of one object have in common. Different objects may have the same FOLDER key."""
    if candidate.provenance is None:
        return (ANY_SOURCE,)
    origin = candidate.provenance.origin
    if origin.server:
        return SERVER, origin.server
    return (HISTORY, origin.file) if origin.is_in_history else (FOLDER, origin.folder, candidate.provenance.subject)


def _group_versions(candidates: Sequence[Candidate]) -> _VersionGroup:
    """Group versions of one object, and choose the current one."""
    current = candidates[0]
    for candidate in candidates[1:]:
        order = _compare(candidate, current)
        # Without comparable versions, assume that histories list the newest first, and other lists the newest last.
        if order > 0 or (order == 0 and not _origin(candidate).is_in_history):
            current = candidate
    return _VersionGroup(current, [candidate for candidate in candidates if candidate is not current])


def _groups_from_unknown_server(candidates: Sequence[Candidate]) -> list[_VersionGroup]:
    """Group objects from one folder whose server is unknown.

    Objects are versions of each other if they are in the same file and one is certainly newer, or if their version
    numbers differ. All others are different objects, because phones export the objects of several hospitals into one
    folder, with one file for each object.
    """
    newest = {file: _newest(in_file) for file, in_file in _by_key(candidates, lambda one: _origin(one).file).items()}
    numbered = [candidate for candidate in newest.values() if _version(candidate).number is not None]
    latest = _newest(numbered) if numbered else None
    groups: dict[Candidate, _VersionGroup] = {}
    for candidate in candidates:
        current = newest[_origin(candidate).file]
        if _compare(current, candidate) <= 0:
            current = candidate
        if latest is not None and _have_other_numbers(latest, current) and _compare(latest, current) > 0:
            current = latest
        group = groups.setdefault(current, _VersionGroup(current, []))
        if candidate is not current:
            group.others.append(candidate)
    return list(groups.values())


def _newest(candidates: Sequence[Candidate]) -> Candidate:
    newest = candidates[0]
    for candidate in candidates:
        if _compare(candidate, newest) > 0:
            newest = candidate
    return newest


# --- deletions ---


def _newest_deletions(deletions: Iterable[ObjectProvenance]) -> list[ObjectProvenance]:
    """Return the newest deletion of each origin and file. If there are too many, return one that applies to all."""
    found: dict[tuple[Origin, str], ObjectProvenance] = {}
    for deletion in deletions:
        key = (deletion.origin, deletion.origin.file)
        known = found.setdefault(key, deletion)
        # A deletion without a version counts as the newest, because no version of the object is certainly newer.
        if deletion.version == UNKNOWN_VERSION or deletion.version.compare(known.version) > 0:
            found[key] = deletion
    if len(found) <= MAX_DELETIONS_PER_ID:
        return list(found.values())
    return [ObjectProvenance()]


def _could_apply_to(deletion: ObjectProvenance, candidate: Candidate, subjects: set[str]) -> bool:
    """Return whether a deletion may apply to an object: nothing that is known of both differs.

    A deletion does not name the subject of the deleted object. `subjects` are those of the object's versions in the
    same history.
    """
    origin, known = deletion.origin, _origin(candidate)
    if _differ(origin.server, known.server):
        return False
    if not origin.server and _differ(origin.folder, known.folder):
        return False
    return bool(origin.server) or not subjects or _subject(candidate) in (*subjects, "")


def _is_same_history(deletion: ObjectProvenance, candidate: Candidate) -> bool:
    origin = _origin(candidate)
    return origin.is_in_history and origin.file == deletion.origin.file


# --- stored objects ---


def _superseded_stored(stored: Sequence[Candidate], groups: Sequence[_VersionGroup]) -> set[int]:
    """Find stored objects that are older versions of incoming objects, and incoming ones that are older than stored."""
    group_of_content = {candidate.content: group for group in groups for candidate in group.versions()}
    certain = {key: group for group in groups if (key := _source_key(group.current))[0] in (ANY_SOURCE, SERVER)}
    group_of_any_source = certain.get((ANY_SOURCE,))
    dropped: set[int] = set()
    matched: set[int] = set()
    unmatched = []
    for candidate in stored:
        group = group_of_any_source or group_of_content.get(candidate.content) or certain.get(_source_key(candidate))
        if group is None:
            unmatched.append(candidate)
        else:
            matched.add(group.current.content)
            dropped |= _replaced([candidate], [group])
    new = [group for group in groups if group.current.content not in matched]
    for candidates, newer_groups in _possible_versions(unmatched, new):
        # Replace the stored objects only if at least as many came in. With fewer, it is unknown which they replace.
        if len(newer_groups) >= len(candidates):
            dropped |= _replaced(candidates, newer_groups)
    return dropped


def _replaced(stored: Sequence[Candidate], groups: Sequence[_VersionGroup]) -> set[int]:
    """Find the older objects among stored objects and the incoming objects that are versions of them."""
    if len(groups) > 1:
        return {candidate.content for candidate in stored} - {group.current.content for group in groups}
    current = groups[0].current
    newer = {candidate.content for candidate in stored if _compare(candidate, current) > 0}
    return {candidate.content for candidate in (*stored, current)} - (newer or {current.content})


def _possible_versions(
    stored: Sequence[Candidate], groups: Sequence[_VersionGroup]
) -> Iterator[tuple[Sequence[Candidate], Sequence[_VersionGroup]]]:
    """Pair stored objects with incoming objects that may be their versions.

    They have the same subject and date, or the same subject and a different version number.
    """
    unpaired, incoming = list[Candidate](), _by_key(groups, lambda group: _subject_and_date(group.current))
    for about, candidates in _by_key(stored, _subject_and_date).items():
        pairs = [pair for pair in _pair_by_origin(candidates, incoming.get(about, [])) if about[0] and all(pair)]
        for paired_stored, paired_groups in pairs:
            used = {group.current.content for group in paired_groups}
            incoming[about] = [group for group in incoming[about] if group.current.content not in used]
            yield paired_stored, paired_groups
        paired = {candidate.content for paired_stored, _ in pairs for candidate in paired_stored}
        unpaired += [candidate for candidate in candidates if candidate.content not in paired]
    remaining = _by_key(_flat(incoming.values()), lambda group: _subject(group.current))
    for subject, candidates in _by_key(unpaired, _subject).items():
        for paired_stored, paired_groups in _pair_by_origin(candidates, remaining.get(subject, [])):
            if len(paired_stored) == len(paired_groups) == 1 and _have_other_numbers(
                paired_stored[0], paired_groups[0].current
            ):
                yield paired_stored, paired_groups


def _subject_and_date(candidate: Candidate) -> tuple[str, int | None]:
    return _subject(candidate), candidate.event_time


def _have_other_numbers(one: Candidate, other: Candidate) -> bool:
    numbers = {_version(one).number, _version(other).number}
    return len(numbers) > 1 and None not in numbers and _compare(one, other) != 0


def _pair_by_origin(
    stored: Sequence[Candidate], groups: Sequence[_VersionGroup]
) -> Iterator[tuple[Sequence[Candidate], Sequence[_VersionGroup]]]:
    """Pair stored and incoming objects: first those of the same server or folder, then those of which neither is known.

    Examples, with the servers or folders of the stored and of the incoming objects:

    - `a, b` and `a, b`: both are paired.
    - `a, b` and `a, unknown`: `a` is paired with `a`, and `b` with the unknown one, because it may be from `b`.
    - `a` and `b`: nothing is paired, because the objects are from different servers.
    - `a, unknown` and `b, unknown`: only the unknown ones are paired, because they cannot be told from each other.
    """
    stored_by_origin = _by_key(stored, _server_or_folder)
    groups_by_origin = _by_key(groups, lambda group: _server_or_folder(group.current))
    for origin in stored_by_origin.keys() & groups_by_origin.keys() - {NOT_KNOWN}:
        yield stored_by_origin.pop(origin), groups_by_origin.pop(origin)
    if stored_by_origin.keys() <= {NOT_KNOWN} or groups_by_origin.keys() <= {NOT_KNOWN}:
        # One side names no other server or folder, so nothing that is known of both sides differs.
        yield _flat(stored_by_origin.values()), _flat(groups_by_origin.values())
    elif NOT_KNOWN in stored_by_origin and NOT_KNOWN in groups_by_origin:
        # Both sides also name servers or folders that the other does not. Those are different objects.
        yield stored_by_origin[NOT_KNOWN], groups_by_origin[NOT_KNOWN]


def _server_or_folder(candidate: Candidate) -> str:
    origin = _origin(candidate)
    return f"server {origin.server}" if origin.server else origin.folder


def _flat(lists: Iterable[Sequence[_Item]]) -> list[_Item]:
    return [item for items in lists for item in items]


# --- properties of candidates ---


def _compare(one: Candidate, other: Candidate) -> int:
    return _version(one).compare(_version(other))


def _version(candidate: Candidate) -> Version:
    return candidate.provenance.version if candidate.provenance is not None else candidate.version


def _order(candidate: Candidate) -> int:
    return candidate.provenance.order if candidate.provenance is not None else candidate.order


def _origin(candidate: Candidate) -> Origin:
    return candidate.provenance.origin if candidate.provenance is not None else UNKNOWN_ORIGIN


def _subject(candidate: Candidate) -> str:
    return candidate.provenance.subject if candidate.provenance is not None else ""


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _by_key(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> dict[_Key, list[_Item]]:
    found: dict[_Key, list[_Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found
