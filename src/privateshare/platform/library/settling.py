"""Which of several objects of one type and id stay: versions of one object, or objects of several places. ADR 0018.

An id is only unique where it was given. So objects of one type and id are compared by where they come from, whom they
are about and which version they are. Of versions the newest stays, unless it was deleted; different objects stay each.
All of it takes linear time, however many objects an upload has of one id.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from privateshare.sources.identity import UNKNOWN_ORIGIN, UNKNOWN_VERSION, Mark, Origin, Version

MAX_DELETIONS = 50  # of one type and id that are told apart

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Member:
    """One of several objects of one type and id.

    Attributes:
        content: Equal for objects that are the same in every part.
        mark: What tells it from the others; None if all are of one place, and the last that came is the newest.
        order: Which of those without a mark it is.
        moment: When it happened.
    """

    content: int
    mark: Mark | None
    order: int = field(default=0, compare=False)
    moment: int | None = field(default=None, compare=False)


@dataclass(slots=True)
class _Unit:
    """What came and is one object: its current version, and the others."""

    current: Member
    others: list[Member]
    deletions: list[Mark] = field(default_factory=list)

    def members(self) -> Iterator[Member]:
        yield self.current
        yield from self.others

    def is_deleted(self) -> bool:
        return any(not self._outlives(deletion) for deletion in self.deletions)

    def _outlives(self, deletion: Mark) -> bool:
        """Whether the current version is newer, by what the two say or by the order of their history."""
        order = _version(self.current).compare(deletion.version)
        if order == 0 and _is_near(deletion, self.current):
            order = self._direction() * (deletion.order - _order(self.current))
        return order > 0

    def _direction(self) -> int:
        """Return 1 if the versions came newest first, -1 if oldest first, 0 if that cannot be told."""
        found = {_compare(first, second) for first, second in pairwise(sorted(self.members(), key=_order))}
        return 0 if len(found - {0}) != 1 else max(found, key=abs)


def settle(kept: Iterable[Member], came: Iterable[Member], deletions: Iterable[Mark] = ()) -> set[int]:
    """Tell which objects of one type and id do not stay.

    Args:
        kept: Those that are in the library.
        came: Those that an upload or a source brought.
        deletions: Of each entry of a history that says that such an object was deleted, where and when.

    Returns:
        The contents of those that do not stay.
    """
    kept = list(dict.fromkeys(kept))
    units = _units(_distinct(came))
    deleted: set[int] = set()
    for deletion in _newest_deletions(deletions):
        subjects = {_subject(member) for unit in units for member in unit.members() if _is_near(deletion, member)} - {
            ""
        }
        for unit in units:
            if _may_mean(deletion, unit.current, subjects):
                unit.deletions.append(deletion)
        deleted |= {
            member.content
            for member in kept
            if _may_mean(deletion, member, subjects) and _version(member).compare(deletion.version) <= 0
        }
    current = {unit.current.content for unit in units if not unit.is_deleted()}
    older = {unit.current.content for unit in units if unit.is_deleted()}
    older |= {member.content for unit in units for member in unit.others}
    return (deleted | older) - current | _settle_kept(kept, units)


# --- what came ---


def _distinct(came: Iterable[Member]) -> list[Member]:
    """Leave one of those that are the same: the first of a history, else the last."""
    found: dict[tuple[Member, bool], Member] = {}
    for member in sorted(came, key=_order):
        key = (member, _origin(member).is_version)
        if not _origin(member).is_version:
            found.pop(key, None)
        found.setdefault(key, member)
    return list(found.values())


def _units(came: Sequence[Member]) -> list[_Unit]:
    """Tell which of the objects that came are versions of one."""
    places = _by_key(came, _place)
    certain = [(key[0], _unit(members)) for key, members in places.items() if key[0] != PLACE]
    # What a history calls an older version is one in another file too.
    past = {member.content for kind, unit in certain if kind == HISTORY for member in unit.others}
    possible = [
        unit
        for key, members in places.items()
        if key[0] == PLACE
        for unit in _units_of_a_place(members)
        if unit.current.content not in past
    ]
    return [*(unit for _, unit in certain), *possible]


ONLY, SERVER, HISTORY, PLACE = "only", "server", "history", "place"


def _place(member: Member) -> tuple[str, ...]:
    """Return what objects that are certainly one have in common; those of a PLACE may be different."""
    if member.mark is None:
        return (ONLY,)
    origin = member.mark.origin
    if origin.server:
        return SERVER, origin.server
    return (HISTORY, origin.file) if origin.is_version else (PLACE, origin.folder, member.mark.subject)


def _unit(members: Sequence[Member]) -> _Unit:
    """Make one object of its versions."""
    current = members[0]
    for member in members[1:]:
        order = _compare(member, current)
        # Where versions say nothing, histories begin with the newest, and other lists were added to at their end.
        if order > 0 or (order == 0 and not _origin(member).is_version):
            current = member
    return _Unit(current, [member for member in members if member is not current])


def _units_of_a_place(members: Sequence[Member]) -> list[_Unit]:
    """Tell versions from different objects, of members of which it is not known which server they are from.

    They are versions if they are in one file and one is certainly newer, or if their numbers differ. Else they are
    different: phones put what they have from several hospitals into one folder, a file for each object.
    """
    newest = {file: _newest(in_file) for file, in_file in _by_key(members, lambda one: _origin(one).file).items()}
    numbered = [member for member in newest.values() if _version(member).number is not None]
    latest = _newest(numbered) if numbered else None
    units: dict[Member, _Unit] = {}
    for member in members:
        current = newest[_origin(member).file]
        if _compare(current, member) <= 0:
            current = member
        if latest is not None and _have_other_numbers(latest, current) and _compare(latest, current) > 0:
            current = latest
        unit = units.setdefault(current, _Unit(current, []))
        if member is not current:
            unit.others.append(member)
    return list(units.values())


def _newest(members: Sequence[Member]) -> Member:
    newest = members[0]
    for member in members:
        if _compare(member, newest) > 0:
            newest = member
    return newest


# --- what was deleted ---


def _newest_deletions(deletions: Iterable[Mark]) -> list[Mark]:
    """Leave the deletion that counts of those of one place; of too many places, one that counts for all."""
    found: dict[tuple[Origin, str], Mark] = {}
    for deletion in deletions:
        key = (deletion.origin, deletion.origin.file)
        known = found.setdefault(key, deletion)
        # One that does not say when it was cannot be outlived.
        if deletion.version == UNKNOWN_VERSION or deletion.version.compare(known.version) > 0:
            found[key] = deletion
    if len(found) <= MAX_DELETIONS:
        return list(found.values())
    return [Mark()]


def _may_mean(deletion: Mark, member: Member, subjects: set[str]) -> bool:
    """Whether a deletion may mean an object: nothing that both say differs.

    A deletion says nothing of whom the object was about, but the object's versions beside it do: `subjects`.
    """
    mark, origin = member.mark, deletion.origin
    if mark is None:
        return True
    if _differ(origin.server, mark.origin.server):
        return False
    if not origin.server and _differ(origin.folder, mark.origin.folder):
        return False
    return bool(origin.server) or not subjects or mark.subject in (*subjects, "")


def _is_near(deletion: Mark, member: Member) -> bool:
    origin = _origin(member)
    return origin.is_version and origin.file == deletion.origin.file


# --- what is in the library ---


def _settle_kept(kept: Sequence[Member], units: Sequence[_Unit]) -> set[int]:
    """Tell which objects in the library are older versions of what came, and what came that is older than they are."""
    by_content = {member.content: unit for unit in units for member in unit.members()}
    certain = {place: unit for unit in units if (place := _place(unit.current))[0] in (ONLY, SERVER)}
    everything = certain.get((ONLY,))
    dropped: set[int] = set()
    met: set[int] = set()
    waiting = []
    for member in kept:
        unit = everything or by_content.get(member.content) or certain.get(_place(member))
        if unit is None:
            waiting.append(member)
        else:
            met.add(unit.current.content)
            dropped |= _replaced([member], [unit])
    new = [unit for unit in units if unit.current.content not in met]
    for members, replacing in _possible_versions(waiting, new):
        # As many came as there are: they take their places. Fewer may be any of them, so all stay.
        if len(replacing) >= len(members):
            dropped |= _replaced(members, replacing)
    return dropped


def _replaced(kept: Sequence[Member], units: Sequence[_Unit]) -> set[int]:
    """Tell which of these objects, or of those that may be their versions, do not stay."""
    if len(units) > 1:
        return {member.content for member in kept} - {unit.current.content for unit in units}
    current = units[0].current
    newer = {member.content for member in kept if _compare(member, current) > 0}
    return {member.content for member in (*kept, current)} - (newer or {current.content})


def _possible_versions(
    kept: Sequence[Member], units: Sequence[_Unit]
) -> Iterator[tuple[Sequence[Member], Sequence[_Unit]]]:
    """Pair objects with what came that may be their versions: of the same subject and date, or with another number."""
    left, came = list[Member](), _by_key(units, lambda unit: _subject_and_date(unit.current))
    for about, members in _by_key(kept, _subject_and_date).items():
        pairs = [pair for pair in _of_one_place(members, came.get(about, [])) if about[0] and all(pair)]
        for some, replacing in pairs:
            used = {unit.current.content for unit in replacing}
            came[about] = [unit for unit in came[about] if unit.current.content not in used]
            yield some, replacing
        paired = {member.content for some, _ in pairs for member in some}
        left += [member for member in members if member.content not in paired]
    rest = _by_key((unit for some in came.values() for unit in some), lambda unit: _subject(unit.current))
    for subject, members in _by_key(left, _subject).items():
        for some, replacing in _of_one_place(members, rest.get(subject, [])):
            if len(some) == len(replacing) == 1 and _have_other_numbers(some[0], replacing[0].current):
                yield some, replacing


def _subject_and_date(member: Member) -> tuple[str, int | None]:
    return _subject(member), member.moment


def _have_other_numbers(one: Member, other: Member) -> bool:
    numbers = {_version(one).number, _version(other).number}
    return len(numbers) > 1 and None not in numbers and _compare(one, other) != 0


def _of_one_place(kept: Sequence[Member], units: Sequence[_Unit]) -> Iterator[tuple[Sequence[Member], Sequence[_Unit]]]:
    """Pair what is in the same folder, and then what may be from anywhere."""
    here, there = _by_key(kept, _known_place), _by_key(units, lambda unit: _known_place(unit.current))
    for place in here.keys() & there.keys() - {""}:
        yield here.pop(place), there.pop(place)
    if here.keys() <= {""} or there.keys() <= {""}:
        yield [one for some in here.values() for one in some], [one for some in there.values() for one in some]
    elif "" in here and "" in there:
        yield here[""], there[""]


def _known_place(member: Member) -> str:
    origin = _origin(member)
    return f"server {origin.server}" if origin.server else origin.folder


# --- what members say ---


def _compare(one: Member, other: Member) -> int:
    return _version(one).compare(_version(other))


def _version(member: Member) -> Version:
    return member.mark.version if member.mark is not None else UNKNOWN_VERSION


def _order(member: Member) -> int:
    return member.mark.order if member.mark is not None else member.order


def _origin(member: Member) -> Origin:
    return member.mark.origin if member.mark is not None else UNKNOWN_ORIGIN


def _subject(member: Member) -> str:
    return member.mark.subject if member.mark is not None else ""


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _by_key(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> dict[_Key, list[_Item]]:
    found: dict[_Key, list[_Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found
