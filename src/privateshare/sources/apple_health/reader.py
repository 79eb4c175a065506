"""What the elements of an export mean: handed to whoever collects days, nights, weighings and observations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

QUANTITY, CATEGORY = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifier"
MAX_PARTS_PER_ITEM = 100_000  # The parts of a workout are its laps, and in old exports the points of its route.
MAX_TYPES = 10_000
OTHER_TYPES = "others"

Attributes = Mapping[str, str]
RecordHandler = Callable[[Attributes], None]


@dataclass(slots=True)
class _Kind:
    """A type of record or item: its handler, and how many there were, were read, or could not be read."""

    handler: RecordHandler | None
    count: int = 0
    unreadable: int = 0
    items_read: int = 0


@dataclass(slots=True)
class Part:
    """An element inside of another, such as the statistics of a workout."""

    tag: str
    attributes: Attributes


@dataclass(slots=True)
class Item:
    """A workout, a day's rings or another element that is not a record, with all that is in it."""

    tag: str
    attributes: Attributes
    parts: list[Part] = field(default_factory=list)

    def metadata(self, key: str) -> str | None:
        """Return the value of the item's metadata of this name."""
        for part in self.parts:
            if part.tag == "MetadataEntry" and part.attributes.get("key") == key:
                return part.attributes.get("value")
        return None


ITEMS = frozenset({"Workout", "ActivitySummary", "ClinicalRecord", "Audiogram", "VisionPrescription"})


class ExportReader:
    """Sorts elements: records by their type to handlers, everything else as whole items.

    Records inside of a correlation, such as the two values of a blood pressure, are passed over: Apple writes each of
    them once more beside it. An element that Apple did not close ends where the next one begins.

    Attributes:
        me: What the export says of the person.
    """

    def __init__(
        self,
        records: Mapping[str, RecordHandler],
        on_item: Callable[[Item], bool],
        on_entered: Callable[[], None] | None = None,
    ) -> None:
        self._kinds = {name: _Kind(handler) for name, handler in records.items()}
        self._on_item, self._on_entered = on_item, on_entered
        self.me: Attributes = {}
        self._in_correlation = False
        self._item: Item | None = None
        self._handled = False

    def start(self, tag: str, attributes: Attributes) -> None:
        """Record that an element begins."""
        if tag == "Record":
            if self._item is not None:
                self._close_item()
            if self._in_correlation:
                return
            kind = self._kinds.get(attributes.get("type", "")) or self._new_kind(attributes.get("type", ""))
            kind.count += 1
            self._handled = kind.handler is not None
            if kind.handler is not None:
                try:
                    kind.handler(attributes)
                except (KeyError, ValueError, IndexError, OverflowError):
                    self._handled = False
                    kind.unreadable += 1
        elif tag in ITEMS:
            self._close_item()
            self._in_correlation = False
            self._item = Item(tag, attributes)
        elif self._item is not None:
            if len(self._item.parts) < MAX_PARTS_PER_ITEM:
                self._item.parts.append(Part(tag, attributes))
        elif tag == "MetadataEntry":
            if self._handled and attributes.get("key") == "HKWasUserEntered" and attributes.get("value") == "1":
                self._entered()
        elif tag == "Correlation":
            self._in_correlation, self._handled = True, False
        elif tag == "Me":
            self.me = attributes

    def end(self, tag: str) -> None:
        """Record that an element ends."""
        if tag == "Record":
            return
        if tag == "Correlation":
            self._in_correlation = False
        elif self._item is not None and tag == self._item.tag:
            self._close_item()

    def close(self) -> None:
        """Record that the file ends."""
        self._close_item()

    def counts(self) -> dict[str, int]:
        """Return how many records and items of each type there are."""
        return {name: kind.count for name, kind in self._kinds.items() if kind.count}

    def read(self) -> int:
        """Return how many records and items were read by a handler."""
        records = (kind.count - kind.unreadable for kind in self._kinds.values() if kind.handler is not None)
        return sum(records) + sum(kind.items_read for kind in self._kinds.values())

    def unreadable(self) -> dict[str, int]:
        """Return how many of each type cannot be read."""
        return {name: kind.unreadable for name, kind in self._kinds.items() if kind.unreadable}

    def _new_kind(self, name: str) -> _Kind:
        if len(self._kinds) >= MAX_TYPES:
            name = OTHER_TYPES
        return self._kinds.setdefault(name, _Kind(None))

    def _close_item(self) -> None:
        item, self._item = self._item, None
        if item is None:
            return
        kind = self._kinds.get(item.tag) or self._new_kind(item.tag)
        kind.count += 1
        try:
            if self._on_item(item):
                kind.items_read += 1
        except (KeyError, ValueError, IndexError, OverflowError):
            kind.unreadable += 1

    def _entered(self) -> None:
        if self._on_entered is not None:
            self._on_entered()
