"""A buffer for objects that are about to be written to files. What exceeds its memory goes, encrypted, to disk."""

import os
import tempfile
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise, takewhile
from operator import itemgetter
from typing import IO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from privateshare.protocol import zstd
from privateshare.protocol.object_time import FHIR, month_of
from privateshare.sources.contract import Covered, JsonObject, ObjectSchema
from privateshare.sources.entries import Entry, entry_of, pack_entries, unpack_entries
from privateshare.sources.identity import ObjectProvenance

MAX_MEMORY_BYTES = 16 * 1024 * 1024
# The memory that one entry takes in addition to its data.
ENTRY_OVERHEAD_BYTES = 350
ENTRY_WITH_PROVENANCE_OVERHEAD_BYTES = 650
# A file takes its time to write, however small it is, and a record of 46 KB can name 100,000 months.
MAX_SLOTS = 10_000
MAX_SLOTS_OF_STAGES = 1000
SPILL_LEVEL = 1
DELETIONS_MONTH = -1  # Entries that record deletions have this in place of a month.


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """The part of an account that an object belongs to: its type, and its month as yyyymm, or 0 without a date."""

    object_type: int
    month: int


def id_digest(entry: Entry) -> int:
    """Compute a number that identifies an entry's entity id, in this process."""
    return hash(entry.entity_id)  # A keyed hash, so that nobody can choose ids that have the same.


def pair_digest(entry_digest: int, content: int) -> int:
    """Compute a number that identifies an entry's entity id and content, in this process."""
    return hash((entry_digest, content))


class Digests:
    """The digests of the incoming objects of one type, sorted, in 16 bytes for each object.

    Attributes:
        ids: The digests of entity ids.
    """

    def __init__(self, ids: Iterable[int], pairs: Iterable[int]) -> None:
        self.ids: Sequence[int] = array("q", sorted(ids))
        self._unsorted_pairs = pairs

    @cached_property
    def pairs(self) -> Sequence[int]:
        """The digests of entity ids and contents. They are only needed if the account has objects already."""
        return array("q", sorted(self._unsorted_pairs))

    def has_id(self, entry_digest: int) -> bool:
        """Return whether an object with this entity id came in."""
        return _contains(self.ids, entry_digest)

    def has(self, entry_digest: int, content: int) -> bool:
        """Return whether an object with this entity id and content came in."""
        return _contains(self.pairs, pair_digest(entry_digest, content))

    def shares_ids(self, other: "Digests") -> bool:
        """Return whether an object of these has the entity id of one of the others."""
        fewer, more = sorted((self.ids, other.ids), key=len)
        return any(_contains(more, number) for number in fewer)

    def repeated(self) -> set[int]:
        """Return the digests of entity ids that several incoming objects have."""
        return {one for one, other in pairwise(self.ids) if one == other}


def _contains(numbers: Sequence[int], number: int) -> bool:
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number


class ObjectBuffer:
    """A context manager that collects objects and returns them slot by slot, in bounded memory."""

    def __init__(self, schema: ObjectSchema, max_memory: int = MAX_MEMORY_BYTES) -> None:
        self._schema, self._max_memory = schema, max_memory
        self._in_memory: dict[Slot, list[Entry]] = {}
        self._slots: set[Slot] = set()
        self._slot_by_place: dict[tuple[int, int], Slot] = {}  # Building a slot takes longer than finding it.
        self._counts: Counter[Slot] = Counter()
        self._bytes = 0
        self._blocks: dict[Slot, list[tuple[int, int]]] = {}
        self._ids: dict[int, array[int]] = {}
        self._pairs: dict[int, array[int]] = {}
        self._folder: tuple[str, ...] | None = None
        self._covered: dict[int, list[Covered]] = {}
        self._lists: set[int] = set()
        self.compares_changes = False
        self.lacks_known = False  # Whether objects were left out that are known to be in the account.
        self._count, self._has_deletions = 0, False
        self._file: IO[bytes] | None = None
        # File offsets are safe as nonces, because this key encrypts only this file and each offset once.
        self._cipher = AESGCM(os.urandom(32))

    @property
    def can_be_written_in_stages(self) -> bool:
        """Whether the objects may be written before all of them are known, and those that follow later.

        Not if some have a provenance, since all versions of such an object are compared with one another, or if objects
        that are missing count as deleted, nor if they are of very many months, each of which may be written in each
        stage.
        """
        needs_all = self._folder is not None or self._has_deletions or bool(self._covered or self._lists)
        return not needs_all and len(self._slots) <= MAX_SLOTS_OF_STAGES

    def __enter__(self) -> "ObjectBuffer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(
        self, object_type: int, thing: JsonObject, text: bytes | None = None, provenance: ObjectProvenance | None = None
    ) -> None:
        """Add one object. `text` and `provenance` have the meaning that they have in `entry_of`."""
        self.add_entry(object_type, entry_of(self._schema, thing, text, provenance))

    def add_entries(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Add entries, which is faster than adding one by one."""
        for object_type, found in groupby(entries, itemgetter(0)):
            of_type = [entry for _, entry in found]
            if any(entry.provenance is not None or entry.is_deletion for entry in of_type):
                for entry in of_type:
                    self.add_entry(object_type, entry)
            else:
                self._add_plain(object_type, of_type)

    def _add_plain(self, object_type: int, entries: Sequence[Entry]) -> None:
        """Add objects of one type without a provenance."""
        ids = [hash(entry.entity_id) for entry in entries]
        self._ids.setdefault(object_type, array("q")).extend(ids)
        contents = (entry.content for entry in entries)
        self._pairs.setdefault(object_type, array("q")).extend(map(pair_digest, ids, contents))
        for slot, found in groupby(entries, lambda entry: self._slot_of(object_type, entry)):
            of_slot = list(found)
            self._in_memory.setdefault(slot, []).extend(of_slot)
            self._counts[slot] += len(of_slot)
        for order, entry in enumerate(entries, self._count):
            entry.order = order
        self._count += len(entries)
        self._bytes += sum(len(entry.data) for entry in entries) + ENTRY_OVERHEAD_BYTES * len(entries)
        if self._bytes > self._max_memory:
            self._spill()

    def add_entry(self, object_type: int, entry: Entry) -> None:
        """Add an entry: an object, or the record of a deletion."""
        if entry.is_deletion:
            slot, self._has_deletions = Slot(object_type, DELETIONS_MONTH), True
        else:
            slot = self._slot_of(object_type, entry)
            self._record_digests(object_type, entry)
        if entry.provenance is None:
            entry.order = self._count
            self._count += 1
        self._in_memory.setdefault(slot, []).append(entry)
        self._counts[slot] += 1
        self._bytes += len(entry.data) + (
            ENTRY_OVERHEAD_BYTES if entry.provenance is None else ENTRY_WITH_PROVENANCE_OVERHEAD_BYTES
        )
        if self._bytes > self._max_memory:
            self._spill()

    def _slot_of(self, object_type: int, entry: Entry) -> Slot:
        """Return the slot of an object's month, or that of undated objects where there are too many months."""
        place = object_type, month_of(entry.moment) or 0
        slot = self._slot_by_place.get(place)
        if slot is None:
            slot = Slot(object_type, 0)
            if len(self._slots) < MAX_SLOTS:
                slot = self._slot_by_place[place] = Slot(*place)
            self._slots.add(slot)
        return slot

    def _record_digests(self, object_type: int, entry: Entry) -> None:
        own_id = id_digest(entry)
        self._ids.setdefault(object_type, array("q")).append(own_id)
        self._pairs.setdefault(object_type, array("q")).append(pair_digest(own_id, entry.content))
        if entry.provenance is not None:
            folder = tuple(entry.provenance.origin.folder.split("/"))
            if self._folder is None:
                self._folder = folder
            elif folder[: len(self._folder)] != self._folder:
                both = takewhile(lambda pair: pair[0] == pair[1], zip(self._folder, folder, strict=False))
                self._folder = tuple(name for name, _ in both)

    @property
    def folder(self) -> str:
        """The folder of the archive that contains all objects."""
        return "/".join(self._folder or ())

    def object_types(self) -> list[int]:
        """Return the object types of all entries, and of what was covered, sorted."""
        with_entries = {slot.object_type for slot in self._in_memory.keys() | self._blocks.keys()}
        return sorted(with_entries | self._covered.keys() | self._lists)

    def digests(self, object_type: int) -> Digests:
        """Return the digests of the objects of one type."""
        return Digests(self._ids.get(object_type, ()), self._pairs.get(object_type, ()))

    @property
    def count(self) -> int:
        """The number of objects that were added and have no provenance."""
        return self._count

    def count_of(self, slot: Slot) -> int:
        """Return how many objects were added to a slot, equal ones too."""
        return self._counts[slot]

    @property
    def has_exact_contents(self) -> bool:
        """Whether objects with the same digest of their content are the same to the last byte, with the same origin."""
        return self._schema.standard != FHIR and self._folder is None

    def cover(self, object_type: int, covered: Covered) -> None:
        """Note that everything in a part of a type was added."""
        self._covered.setdefault(object_type, []).append(covered)

    def take_as_list(self, object_type: int) -> None:
        """Note that an export has everything of a type. What is missing in it was deleted, unless most is missing."""
        self._lists.add(object_type)

    def is_list(self, object_type: int) -> bool:
        """Return whether an export has everything of a type."""
        return object_type in self._lists

    def finds_missing(self, object_type: int) -> bool:
        """Return whether stored objects of a type that did not come in may have been deleted."""
        return object_type in self._covered or object_type in self._lists

    def covers(self, object_type: int, entry: Entry) -> bool:
        """Return whether an object would have been added if it were still there."""
        return any(covered.includes(entry.moment) for covered in self._covered.get(object_type, ()))

    def deletions(self, object_type: int) -> Iterator[Entry]:
        """Yield the entries that record deletions of objects of this type."""
        return self.entries(Slot(object_type, DELETIONS_MONTH))

    def has_slot(self, slot: Slot) -> bool:
        """Return whether objects were added to a slot."""
        return slot in self._slots

    def slots(self) -> list[Slot]:
        """Return the slots of all objects, sorted."""
        return sorted(slot for slot in self._in_memory.keys() | self._blocks.keys() if slot.month != DELETIONS_MONTH)

    def entries(self, slot: Slot) -> Iterator[Entry]:
        """Yield the objects of a slot in the order in which they were added."""
        for offset, length in self._blocks.get(slot, ()):
            yield from self._read(offset, length)
        yield from self._in_memory.get(slot, ())

    def _spill(self) -> None:
        """Encrypt everything in memory and move it to a temporary file without a name."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `__exit__` closes it.
        for slot, entries in self._in_memory.items():
            packed = zstd.compress(b"".join(pack_entries(entries)), SPILL_LEVEL)
            offset = self._file.seek(0, os.SEEK_END)
            sealed = self._cipher.encrypt(offset.to_bytes(12, "big"), packed, None)
            self._file.write(sealed)
            self._blocks.setdefault(slot, []).append((offset, len(sealed)))
        self._in_memory, self._bytes = {}, 0

    def _read(self, offset: int, length: int) -> Iterator[Entry]:
        assert self._file is not None
        self._file.seek(offset)
        packed = self._cipher.decrypt(offset.to_bytes(12, "big"), self._file.read(length), None)
        yield from unpack_entries(zstd.decompress(packed))
