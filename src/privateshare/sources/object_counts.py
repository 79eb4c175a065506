"""How much an export holds, counted while it is read."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from privateshare.sources.contract import EncodedObjects
from privateshare.sources.entries import Entry
from privateshare.sources.frames import EntryPage

MAX_KNOWN_IDS = 200_000  # The hashes of so many ids of an object type take about 12 MB.


@dataclass(slots=True)
class CountedObjects:
    """How many objects of a type an export has, and the dates of the first and the last; None if none has a date.

    An object that comes again, such as a track of several playlists, is counted once, as it is stored once: up to
    some number of objects, so that memory stays small. `repeated` counts how often something with a date came again.
    """

    number: int = 0
    first: int | None = None
    last: int | None = None
    repeated: int = 0
    _known: set[int] = field(default_factory=set, repr=False, compare=False)

    def add(self, entries: Sequence[Entry]) -> None:
        """Count objects."""
        moments = [entry.moment for entry in entries if entry.moment is not None]
        if all(entry.provenance is None for entry in entries):
            self.add_plain([entry.entity_id for entry in entries if entry.moment is None], [])
            self.add_plain([entry.entity_id for entry in entries if entry.moment is not None], moments)
            return
        for entry in entries:  # Those with a provenance are all counted, and known to those without one.
            before = self.number
            self.add_plain([entry.entity_id], [])
            if entry.provenance is not None:
                self.number = before + 1
        self.add_plain([], moments)

    def add_plain(self, ids: Sequence[str], moments: Sequence[int]) -> None:
        """Count objects without a provenance, and take note of the dates of objects."""
        owns, known, before_all = [hash(own) for own in ids], self._known, self.number
        if len(known) + len(owns) <= MAX_KNOWN_IDS:
            before = len(known)
            known.update(owns)
            self.number += len(known) - before
        else:
            for own in owns:
                self.number += own not in known
                if len(known) < MAX_KNOWN_IDS:
                    known.add(own)
        if moments:
            self.repeated += len(owns) and len(owns) - (self.number - before_all)
            self.first = min(moments) if self.first is None else min(self.first, *moments)
            self.last = max(moments) if self.last is None else max(self.last, *moments)


@dataclass(slots=True)
class ObjectCounts:
    """What an export holds of each object type.

    Attributes:
        kinds: How much there is of each type.
        newest: The newest date of each type, without those in the future.
    """

    kinds: dict[int, CountedObjects] = field(default_factory=dict)
    newest: dict[int, int] = field(default_factory=dict)
    _now: int = field(default_factory=lambda: time.time_ns() // 1_000_000)

    def add(self, page: EntryPage) -> None:
        """Count the objects of a page."""
        for object_type, found in groupby(page.entries, itemgetter(0)):
            entries = [entry for _, entry in found if not entry.is_deletion]
            if not entries:
                continue
            self.kinds.setdefault(object_type, CountedObjects()).add(entries)
            ends = [entry.dates[1] for entry in entries if entry.dates is not None]
            self._note_newest(object_type, [end for end in ends if end is not None])

    def add_encoded(self, encoded: EncodedObjects) -> None:
        """Count objects that the source encoded itself."""
        self.kinds.setdefault(encoded.object_type, CountedObjects()).add_plain(encoded.ids, encoded.moments)
        self._note_newest(encoded.object_type, encoded.moments)

    def _note_newest(self, object_type: int, ends: Sequence[int]) -> None:
        past = [end for end in ends if end <= self._now]
        if past:
            self.newest[object_type] = max(*past, self.newest.get(object_type, past[0]))

    @property
    def repeated(self) -> int:
        """How often something with a date came again, and is stored once."""
        return sum(kind.repeated for kind in self.kinds.values())

    def to_json(self) -> dict[str, Any]:
        """Convert the counts to a JSON object."""
        kinds = [[type_, kind.number, kind.first, kind.last] for type_, kind in self.kinds.items()]
        return {"kinds": kinds, "newest": list(self.newest.items())}
