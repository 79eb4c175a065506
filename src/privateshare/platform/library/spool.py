"""Objects on their way into files: kept by slot in bounded memory; what is too much waits sealed in a nameless file."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import orjson
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from privateshare.protocol.object_time import month_of
from privateshare.protocol.window import Window
from privateshare.sources.contract import JsonObject, ObjectSchema
from privateshare.sources.entries import Entry, entry_of

MAX_MEMORY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """Which file an object goes into: its type, and its month (yyyymm) if it has one, else 0."""

    object_type: int
    month: int


class Spool:
    """Collects objects, then gives them back slot by slot. Use it with `with`."""

    def __init__(self, schema: ObjectSchema, max_memory: int = MAX_MEMORY_BYTES) -> None:
        self._schema, self._max_memory = schema, max_memory
        self._waiting: dict[Slot, list[Entry]] = {}
        self._bytes = 0
        self._blocks: dict[Slot, list[tuple[int, int]]] = {}
        self._file: IO[bytes] | None = None
        # zero-based numbers are nonces enough: this key lives and dies with this file
        self._cipher = AESGCM(os.urandom(32))

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, object_type: int, thing: JsonObject, text: bytes | None = None) -> None:
        """Take one object. `text`: its JSON in one line, if it is to stay as it was written."""
        entry = entry_of(self._schema, thing, text)
        slot = Slot(object_type, month_of(entry.moment) or 0)
        self._waiting.setdefault(slot, []).append(entry)
        self._bytes += len(entry.data) + 200  # the entry's own weight
        if self._bytes > self._max_memory:
            self._spill()

    def slots(self) -> list[Slot]:
        """Every slot that something waits for, in order."""
        return sorted(self._waiting.keys() | self._blocks.keys())

    def entries(self, slot: Slot) -> Iterator[Entry]:
        """The objects of a slot, in the order they came."""
        for offset, length in self._blocks.get(slot, ()):
            yield from self._read(offset, length)
        yield from self._waiting.get(slot, ())

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        for slot, entries in self._waiting.items():
            packed = zstandard.compress(orjson.dumps([_packed(entry) for entry in entries]))
            offset = self._file.seek(0, os.SEEK_END)
            sealed = self._cipher.encrypt(offset.to_bytes(12, "big"), packed, None)
            self._file.write(sealed)
            self._blocks.setdefault(slot, []).append((offset, len(sealed)))
        self._waiting, self._bytes = {}, 0

    def _read(self, offset: int, length: int) -> Iterator[Entry]:
        assert self._file is not None
        self._file.seek(offset)
        packed = self._cipher.decrypt(offset.to_bytes(12, "big"), self._file.read(length), None)
        for entity_id, moment, window, data in orjson.loads(zstandard.decompress(packed)):
            yield Entry(entity_id, moment, Window(*window) if window else None, data.encode())


def _packed(entry: Entry) -> tuple[object, ...]:
    window = entry.window and (entry.window.start, entry.window.end)
    return entry.entity_id, entry.moment, window, entry.data.decode()
