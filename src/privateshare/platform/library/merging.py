"""Which objects of one type stay when new ones come to those that are in the library, and which files that changes.

Objects are told apart by their entity id and content (`settling.py` decides). Nothing but a few numbers of each is held
in memory, and more only of those of which something is to be decided.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from privateshare.platform.library.object_buffer import Digests, ObjectBuffer, Slot, id_digest, pair_digest
from privateshare.platform.library.settling import Member, settle
from privateshare.protocol.object_time import month_of
from privateshare.sources.entries import Entry
from privateshare.sources.identity import Mark

IDS_AT_ONCE = 100_000  # entity ids of which it is decided in one pass over what came and what is there

Kept = Callable[[], Iterable[tuple[Slot, Entry]]]
"""Gives the objects that are in the library, each with the slot of the file that it is in, as often as it is asked."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What becomes of the objects of one type.

    Attributes:
        slots: Whose files are to be written.
    """

    slots: Sequence[Slot]
    _spool: ObjectBuffer
    _digests: Digests
    _dropped: set[int]

    def entries(self, slot: Slot) -> Iterator[Entry]:
        """Yield the objects that came for a slot and stay."""
        for entry in self._spool.entries(slot):
            if not self._is_dropped(entry):
                mark = _inside(self._spool.folder, entry.mark)
                yield entry if mark is entry.mark else replace(entry, mark=mark)

    def keeps(self, slot: Slot, entry: Entry) -> bool:
        """Whether an object that is in a slot's file stays there."""
        if self._is_dropped(entry):
            return False
        # What was put elsewhere by an earlier version of the platform came again, to its right place.
        return _month(entry) == slot.month or not self._digests.has(id_digest(entry), entry.content)

    def _is_dropped(self, entry: Entry) -> bool:
        return bool(self._dropped) and pair_digest(id_digest(entry), entry.content) in self._dropped


@dataclass(slots=True)
class _Group:
    """All objects of one entity id."""

    kept: list[Member] = field(default_factory=list)
    came: list[Member] = field(default_factory=list)
    deletions: list[Mark] = field(default_factory=list)


def plan_merge(spool: ObjectBuffer, object_type: int, kept: Kept) -> Merge:
    """Decide what becomes of the objects of one type. Blocks."""
    digests = spool.digests(object_type)
    undecided = digests.repeated() | {id_digest(deletion) for deletion in spool.deletions(object_type)}
    slots = {slot for slot in spool.slots() if slot.object_type == object_type}
    for slot, entry in kept():
        own_id = id_digest(entry)
        if digests.has(own_id, entry.content):
            if _month(entry) != slot.month:
                slots.add(slot)
        elif digests.has_id(own_id):
            undecided.add(own_id)
    ids, dropped = sorted(undecided), set[int]()
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = set(ids[start : start + IDS_AT_ONCE])
        dropped |= _settle(_groups(spool, object_type, kept, some))
    if dropped:
        slots |= {slot for slot, entry in kept() if pair_digest(id_digest(entry), entry.content) in dropped}
    return Merge(sorted(slots), spool, digests, dropped)


def _groups(spool: ObjectBuffer, object_type: int, kept: Kept, ids: set[int]) -> dict[int, _Group]:
    groups: dict[int, _Group] = {}
    for _, entry in kept():
        if (own_id := id_digest(entry)) in ids:
            groups.setdefault(own_id, _Group()).kept.append(_member(entry, entry.mark))
    for slot in spool.slots():
        for entry in spool.entries(slot) if slot.object_type == object_type else ():
            if (own_id := id_digest(entry)) in ids:
                member = _member(entry, _inside(spool.folder, entry.mark))
                groups.setdefault(own_id, _Group()).came.append(member)
    for deletion in spool.deletions(object_type):
        if (own_id := id_digest(deletion)) in groups and (mark := _inside(spool.folder, deletion.mark)) is not None:
            groups[own_id].deletions.append(mark)
    return groups


def _member(entry: Entry, mark: Mark | None) -> Member:
    return Member(entry.content, mark, entry.order, entry.moment)


def _settle(groups: dict[int, _Group]) -> set[int]:
    return {
        pair_digest(own_id, content)
        for own_id, group in groups.items()
        for content in settle(group.kept, group.came, group.deletions)
    }


def _inside(folder: str, mark: Mark | None) -> Mark | None:
    """Return a mark whose folder is told from the one that everything was in, which may have another name next time."""
    if mark is None or not folder or not mark.origin.folder:
        return mark
    return replace(mark, origin=replace(mark.origin, folder=mark.origin.folder[len(folder) :].lstrip("/")))


def _month(entry: Entry) -> int:
    return month_of(entry.moment) or 0
