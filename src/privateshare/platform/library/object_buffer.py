"""Objects on their way into files: kept by slot in bounded memory; what is too much waits sealed in a nameless file."""

import os
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import IO

import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from privateshare.protocol.object_time import month_of
from privateshare.sources.contract import JsonObject, ObjectSchema
from privateshare.sources.entries import Entry, digest, entry_of, in_order, pack_entries, unpack_entries
from privateshare.sources.identity import Mark

MAX_MEMORY_BYTES = 64 * 1024 * 1024
ENTRY_BYTES, MARK_BYTES = 250, 550  # of an entry and its mark, beside its data
DELETIONS = -1  # in the place of a month: what says that objects were deleted

_MASK = 2**64 - 1
_ODD = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """Which file an object goes into: its type, and its month (yyyymm) if it has one, else 0."""

    object_type: int
    month: int


def id_digest(entry: Entry) -> int:
    """Return a number that only entries of the same entity id have."""
    return digest(entry.entity_id.encode())


def pair_digest(entry_digest: int, content: int) -> int:
    """Return a number that only entries of the same entity id and content have."""
    return (entry_digest * _ODD + content) & _MASK


@dataclass(frozen=True, slots=True)
class Digests:
    """What objects of one type came, in sixteen bytes each: sorted numbers of their ids, and of their contents too."""

    ids: Sequence[int]
    pairs: Sequence[int]

    def has_id(self, entry_digest: int) -> bool:
        """Whether an object of this entity id came."""
        return _holds(self.ids, entry_digest)

    def has(self, entry_digest: int, content: int) -> bool:
        """Whether this very object came."""
        return _holds(self.pairs, pair_digest(entry_digest, content))

    def repeated(self) -> set[int]:
        """Return the entity ids of which several objects came."""
        return {one for one, other in pairwise(self.ids) if one == other}


def _holds(numbers: Sequence[int], number: int) -> bool:
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number


class ObjectBuffer:
    """Collects objects, then gives them back slot by slot. Use it with `with`."""

    def __init__(self, schema: ObjectSchema, max_memory: int = MAX_MEMORY_BYTES) -> None:
        self._schema, self._max_memory = schema, max_memory
        self._waiting: dict[Slot, list[Entry]] = {}
        self._bytes = 0
        self._blocks: dict[Slot, list[tuple[int, int]]] = {}
        self._ids: dict[int, array[int]] = {}
        self._pairs: dict[int, array[int]] = {}
        self._folder: tuple[str, ...] | None = None
        self._count = 0
        self._file: IO[bytes] | None = None
        # zero-based numbers are nonces enough: this key lives and dies with this file
        self._cipher = AESGCM(os.urandom(32))

    def __enter__(self) -> "ObjectBuffer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, object_type: int, thing: JsonObject, text: bytes | None = None, mark: Mark | None = None) -> None:
        """Take one object; `text` and `mark` as `entry_of` has them."""
        self.add_entry(object_type, entry_of(self._schema, thing, text, mark))

    def add_entry(self, object_type: int, entry: Entry) -> None:
        """Take one object, or what says that one was deleted."""
        if entry.is_deletion:
            slot = Slot(object_type, DELETIONS)
        else:
            slot = Slot(object_type, month_of(entry.moment) or 0)
            self._note(object_type, entry)
        if entry.mark is None:
            entry = in_order(entry, self._count)
            self._count += 1
        self._waiting.setdefault(slot, []).append(entry)
        self._bytes += len(entry.data) + (ENTRY_BYTES if entry.mark is None else MARK_BYTES)
        if self._bytes > self._max_memory:
            self._spill()

    def _note(self, object_type: int, entry: Entry) -> None:
        own_id = id_digest(entry)
        self._ids.setdefault(object_type, array("Q")).append(own_id)
        self._pairs.setdefault(object_type, array("Q")).append(pair_digest(own_id, entry.content))
        if entry.mark is not None:
            folder = tuple(entry.mark.origin.folder.split("/"))
            if self._folder is None:
                self._folder = folder
            elif folder[: len(self._folder)] != self._folder:
                both = takewhile(lambda pair: pair[0] == pair[1], zip(self._folder, folder, strict=False))
                self._folder = tuple(name for name, _ in both)

    @property
    def folder(self) -> str:
        """The folder of the archive that everything was in."""
        return "/".join(self._folder or ())

    def object_types(self) -> list[int]:
        """Return every object type that something waits for, in order."""
        return sorted({slot.object_type for slot in self._waiting.keys() | self._blocks.keys()})

    def digests(self, object_type: int) -> Digests:
        """Return what came of an object type, to be asked for."""
        ids, pairs = self._ids.get(object_type, array("Q")), self._pairs.get(object_type, array("Q"))
        return Digests(array("Q", sorted(ids)), array("Q", sorted(pairs)))

    def deletions(self, object_type: int) -> Iterator[Entry]:
        """Yield what says that objects of this type were deleted."""
        return self.entries(Slot(object_type, DELETIONS))

    def slots(self) -> list[Slot]:
        """Return every slot that objects wait for, in order."""
        return sorted(slot for slot in self._waiting.keys() | self._blocks.keys() if slot.month != DELETIONS)

    def entries(self, slot: Slot) -> Iterator[Entry]:
        """The objects of a slot, in the order they came."""
        for offset, length in self._blocks.get(slot, ()):
            yield from self._read(offset, length)
        yield from self._waiting.get(slot, ())

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        for slot, entries in self._waiting.items():
            packed = zstandard.compress(b"".join(pack_entries(entries)))
            offset = self._file.seek(0, os.SEEK_END)
            sealed = self._cipher.encrypt(offset.to_bytes(12, "big"), packed, None)
            self._file.write(sealed)
            self._blocks.setdefault(slot, []).append((offset, len(sealed)))
        self._waiting, self._bytes = {}, 0

    def _read(self, offset: int, length: int) -> Iterator[Entry]:
        assert self._file is not None
        self._file.seek(offset)
        packed = self._cipher.decrypt(offset.to_bytes(12, "big"), self._file.read(length), None)
        yield from unpack_entries(zstandard.decompress(packed))
