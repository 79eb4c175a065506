"""Merging new objects of one type with those in the library: which objects are kept, and which files change.

`deduplication.py` decides about objects with the same entity id. Only two digests of each object are held in memory;
whole objects are loaded only where a decision is needed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as with_values

from privateshare.platform.library.deduplication import Candidate, find_superseded
from privateshare.platform.library.export_age import changed_version
from privateshare.platform.library.object_buffer import Digests, ObjectBuffer, Slot, id_digest, pair_digest
from privateshare.protocol.object_time import month_of
from privateshare.sources.entries import Entry
from privateshare.sources.identity import UNKNOWN_VERSION, ObjectProvenance

# One pass over all incoming and stored objects decides about so many entity ids, so that memory is bounded.
IDS_PER_PASS = 100_000

StoredObjects = Callable[[AbstractSet[int] | None], Iterable[tuple[Slot, Entry]]]
"""A function that yields the objects in the library, each with the slot of its file. It is called several times.

Its argument is None for all objects, or else the digests of entity ids. Those of other ids need not be yielded then.
"""


@dataclass(frozen=True, slots=True)
class Merge:
    """The result of a merge of objects of one type: which objects are kept.

    Attributes:
        slots: The slots whose files must be written.
        drops: Whether any object that is stored or came in is not kept.
        digests: The digests of the objects that came in.
    """

    slots: Sequence[Slot]
    drops: bool
    _buffer: ObjectBuffer
    digests: Digests
    _dropped: set[int]

    def entries(self, slot: Slot) -> Iterator[Entry]:
        """Yield the incoming objects of a slot that are kept."""
        for entry in self._buffer.entries(slot):
            if self._dropped and self._is_dropped(entry):
                continue
            if entry.provenance is None:
                yield entry
            else:
                provenance = _relative_to_folder(self._buffer.folder, entry.provenance)
                yield with_values(entry, provenance=provenance)

    def keeps(self, slot: Slot, entry: Entry) -> bool:
        """Return whether a stored object is kept in this slot."""
        if self._is_dropped(entry):
            return False
        # An object that came in again is written to the slot that it was added to. That is another one if it was stored
        # when there were more or fewer months.
        return _is_in_place(self._buffer, slot, entry) or not self.digests.has(id_digest(entry), entry.content)

    def _is_dropped(self, entry: Entry) -> bool:
        return bool(self._dropped) and pair_digest(id_digest(entry), entry.content) in self._dropped


@dataclass(slots=True)
class _Group:
    """All objects with one entity id."""

    stored: list[Candidate] = field(default_factory=list)
    incoming: list[Candidate] = field(default_factory=list)
    deletions: list[ObjectProvenance] = field(default_factory=list)


def plan_merge(
    buffer: ObjectBuffer,
    object_type: int,
    stored: StoredObjects,
    *,
    writes_unchanged: bool = False,
    stored_digests: Sequence[Digests] | None = None,
) -> Merge:
    """Decide which objects of one type are kept. Blocks.

    Args:
        buffer: The incoming objects.
        object_type: The type.
        stored: The objects in the library.
        writes_unchanged: Whether a slot is also written if all of its incoming objects are stored already. That is
            needed if some of its files are lost.
        stored_digests: The digests of all objects in the library, if they are known. Those are then only loaded if one
            of them has the id of an object that came in.
    """
    digests = buffer.digests(object_type)
    if stored_digests is not None and not any(digests.shares_ids(some) for some in stored_digests):
        stored = _nothing
    undecided = digests.repeated() | {id_digest(deletion) for deletion in buffer.deletions(object_type)}
    slots, dropped = {slot for slot in buffer.slots() if slot.object_type == object_type}, set[int]()
    matched, moved = Counter[Slot](), set[Slot]()
    missing, present = set[int](), 0  # Of the stored objects, in an export that has everything of this type.
    for slot, entry in stored(_needed_ids(buffer, object_type, digests)):
        own_id = id_digest(entry)
        present += buffer.is_list(object_type) and digests.has_id(own_id)
        if digests.has(own_id, entry.content):
            if _is_in_place(buffer, slot, entry):
                matched[slot] += 1
            else:
                moved.add(slot)
        elif digests.has_id(own_id):
            undecided.add(own_id)
        elif buffer.covers(object_type, entry):  # The source does not have it any more. ADR 55.
            dropped.add(pair_digest(own_id, entry.content))
        elif buffer.is_list(object_type):
            missing.add(pair_digest(own_id, entry.content))
    if len(missing) <= present:  # Otherwise it is more likely that the export is cut off. ADR 64.
        dropped |= missing
    ids = sorted(undecided)
    for start in range(0, len(ids), IDS_PER_PASS):
        ids_of_pass = set(ids[start : start + IDS_PER_PASS])
        dropped |= _superseded(_groups(buffer, object_type, stored, ids_of_pass))
    if buffer.has_exact_contents and not writes_unchanged:
        slots -= {slot for slot, number in matched.items() if number == buffer.count_of(slot)}
    slots |= moved
    if dropped:
        slots |= {slot for slot, entry in stored(None) if pair_digest(id_digest(entry), entry.content) in dropped}
    return Merge(sorted(slots), bool(dropped), buffer, digests, dropped)


def _nothing(_: AbstractSet[int] | None) -> Iterable[tuple[Slot, Entry]]:
    return ()


def _needed_ids(buffer: ObjectBuffer, object_type: int, digests: Digests) -> AbstractSet[int] | None:
    """Return the ids of the stored objects that are compared with those that came in; None for all of them."""
    if buffer.finds_missing(object_type) or len(digests.ids) > IDS_PER_PASS:
        return None
    return frozenset(digests.ids)


def _groups(buffer: ObjectBuffer, object_type: int, stored: StoredObjects, ids: set[int]) -> dict[int, _Group]:
    groups: dict[int, _Group] = {}
    for _, entry in stored(ids):
        if (own_id := id_digest(entry)) in ids:
            groups.setdefault(own_id, _Group()).stored.append(_candidate(buffer, entry, entry.provenance))
    for slot in buffer.slots():
        for entry in buffer.entries(slot) if slot.object_type == object_type else ():
            if (own_id := id_digest(entry)) in ids:
                candidate = _candidate(buffer, entry, _relative_to_folder(buffer.folder, entry.provenance))
                groups.setdefault(own_id, _Group()).incoming.append(candidate)
    for deletion in buffer.deletions(object_type):
        if (own_id := id_digest(deletion)) in groups and (
            provenance := _relative_to_folder(buffer.folder, deletion.provenance)
        ) is not None:
            groups[own_id].deletions.append(provenance)
    return groups


def _candidate(buffer: ObjectBuffer, entry: Entry, provenance: ObjectProvenance | None) -> Candidate:
    version = changed_version(entry) if provenance is None and buffer.compares_changes else UNKNOWN_VERSION
    return Candidate(entry.content, provenance, entry.order, entry.moment, version)


def _superseded(groups: dict[int, _Group]) -> set[int]:
    return {
        pair_digest(own_id, content)
        for own_id, group in groups.items()
        for content in find_superseded(group.stored, group.incoming, group.deletions)
    }


def _relative_to_folder(folder: str, provenance: ObjectProvenance | None) -> ObjectProvenance | None:
    """Make the folder relative to the folder that contains all objects, whose name may differ in each export."""
    if provenance is None or not folder or not provenance.origin.folder:
        return provenance
    return replace(
        provenance, origin=replace(provenance.origin, folder=provenance.origin.folder[len(folder) :].lstrip("/"))
    )


def _is_in_place(buffer: ObjectBuffer, slot: Slot, entry: Entry) -> bool:
    """Return whether a stored object that came in again was added to the slot in which it is stored."""
    return _month(entry) == slot.month and buffer.has_slot(slot)


def _month(entry: Entry) -> int:
    return month_of(entry.moment) or 0
