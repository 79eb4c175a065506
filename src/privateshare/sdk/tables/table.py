"""A table of the objects of one type.

It may have more objects than fit into memory: one file at a time is parsed, and a table remembers only in which file
the newest version of each object is.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from privateshare.protocol.object_time import FHIR
from privateshare.sdk.lazy import LazyModule
from privateshare.sdk.tables.checked_scan import CheckedScan
from privateshare.sdk.tables.columns import Columns, ObjectInFile
from privateshare.sdk.tables.contents import Content, Record, digest_of
from privateshare.sdk.tables.flat import flattening_of
from privateshare.sdk.tables.outputs import Rows
from privateshare.sdk.tables.shapes import Nested
from privateshare.sdk.tables.view_definitions import view_of

if TYPE_CHECKING:
    import pyarrow
else:  # An optional extra.
    pyarrow = LazyModule("pyarrow")


class Table(Rows):
    """The objects of one type, from several files. `standard` is their schema: `digime` or `fhir`."""

    def __init__(self, name: str, standard: str) -> None:
        self.name: str = name
        self.standard: str = standard
        self._key = (name, standard)
        self._columns = Columns(standard)
        self._contents: dict[int, Content] = {}  # Files with objects of this table, oldest first.
        self._identities: dict[int, Sequence[int]] = {}  # The identity of each object of these files.
        self._shared: set[int] = set()  # Files that have objects of other tables too.
        self._newest: dict[int, int] = {}  # The newest file of each object, by its identity.
        self._more: dict[int, int] = {}  # How many more objects of one identity that file has.
        self._scan = CheckedScan(self._columns.shape, is_fhir=standard == FHIR)
        self._source = blake2b(f"{name}\0{standard}".encode("utf-8", "replace"), digest_size=16)

    def __len__(self) -> int:
        return len(self._newest) + sum(self._more.values())

    def records(self) -> Iterator[Record]:
        """Yield the objects one by one, for a table that does not fit into memory. See `to_records`."""
        return map(self._columns.record, self.rows())

    def flat(self) -> Rows:
        """Return the objects as rows without nested values, with the columns that most analyses need.

        Plays have artist, track, album and ms. FHIR resources have code, value, unit, start, end and more, and one row
        for each component. Other objects have their fields, and nested ones as `track_name`.
        """
        return flattening_of(self.name, self.standard)(self.name, self.rows, self.source)

    def view(self, definition: Mapping[str, Any]) -> Rows:
        """Return rows that a definition selects from FHIR resources with FHIRPath.

        Args:
            definition: A ViewDefinition of SQL on FHIR, as a dictionary; or the FHIRPath of each column by its name,
                such as `{"code": "code.coding.first().code"}`.

        Returns:
            The rows: of resources that the definition's `where` selects, and one for each element of its `forEach`.

        Raises:
            ConfigurationError: The definition is invalid, or the extra `privateshare[fhir]` is not installed.
        """
        return view_of(definition, self.name, self.rows, self.source)

    def rows(self) -> Iterator[ObjectInFile]:
        """Yield the objects in their newest version, with the files that they are from."""
        for number, content in self._contents.items():
            objects = content.read().objects
            if number in self._shared:
                objects = [thing for thing in objects if content.table_of(thing) == self._key]
            newest = self._newest
            for thing, identity in zip(objects, self._identities[number], strict=False):
                if newest.get(identity) == number:
                    yield ObjectInFile(content, thing)

    def schema(self, nested: Nested) -> "pyarrow.Schema":
        """Return the types of the columns."""
        return self._columns.schema(nested)

    def batches(self, nested: Nested, size: int) -> Iterator["pyarrow.RecordBatch"]:
        """Yield the objects as Arrow batches of up to `size` rows."""
        waiting: list[ObjectInFile] = []
        for row in self.rows():
            waiting.append(row)
            if len(waiting) == size:
                yield self._columns.batch(waiting, nested)
                waiting = []
        if waiting:
            yield self._columns.batch(waiting, nested)

    def source(self) -> bytes:
        """Return what identifies the content that the rows are made of."""
        return self._source.digest()

    def add(
        self, number: int, content: Content, digest: bytes, things: Iterable[Record], *, is_shared: bool = False
    ) -> None:
        """Add the objects of a file that belong to this table. Files are added from the oldest to the newest.

        Args:
            number: The number of the file.
            content: The file.
            digest: What identifies the file's content.
            things: The objects.
            is_shared: Whether the file has objects of other tables too.
        """
        if is_shared:
            self._shared.add(number)
        identities, add, identity = array("q"), self._columns.add, content.identity
        for thing in things:
            identities.append(identity(thing))
            add(thing)
            if self.standard == FHIR:
                self._scan.types.add(thing["resourceType"])
        self._scan.forget()
        self._add_identities(number, content, digest, identities)

    def add_checked(self, number: int, content: Content, data: bytes) -> bool:
        """Add a file if all of its objects certainly belong to this table and need no new columns."""
        identities = self._scan.identities(data, content.place)
        if identities is None:
            return False
        self._add_identities(number, content, digest_of(data), identities)
        return True

    def _add_identities(self, number: int, content: Content, digest: bytes, identities: Sequence[int]) -> None:
        self._contents[number], self._identities[number] = content, identities
        origin = "\0".join(str(value) for value in content.origin.values())
        self._source.update(origin.encode("utf-8", "replace") + b"\0" + digest)
        newest, more = self._newest, self._more
        for identity in identities:
            if newest.get(identity) == number:
                more[identity] = more.get(identity, 0) + 1
            else:
                newest[identity] = number
                more.pop(identity, None)
