"""Reading exports of tables and JSON: a reader declares what it reads, and the source is the same for all."""

import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import (
    Brand,
    Broken,
    FileMark,
    Identity,
    JsonObject,
    ObjectSchema,
    Sample,
    SourceInfo,
    Upload,
)
from privateshare.sources.export_source import ExportSource, Owned, UploadedExport
from privateshare.sources.failures import NotTaken, Reason, shown_name
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import Mapped
from privateshare.sources.tables import NotATable, TableKind, TableRow, UnclearTableDates, find_table
from privateshare.sources.upload_records import UploadReader

START_BYTES = 1024
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s entries has no name or date that can be read.",
    "%(num)s of %(total)s entries have no name or date that can be read.",
    Broken("The entries of the file have no names or dates that can be read. Request the export again."),
)
# What mappings raise for values that are not as they should be.
UNREADABLE_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
SAMPLES = (Sample("default", "An invented person", "Invented data of the last year."),)
DIGIME = ObjectSchema("digime", "1.0.0")
UNNAMED = "someone"  # The owner of an export that does not say whose it is.


class DeclaredReader:
    """A reader of one export. Subclasses declare tables, and override what they need of the rest.

    Attributes:
        tables: The kinds of tables.
        wanted: The object types of the source. Two sources may read the same export.
        complete: The object types of which the export proves to hold everything.
        owners: The accounts that the export says it is of, with their names.
        names: The names of the people whose export it is, if it has no id of the account.
    """

    tables: ClassVar[Sequence[TableKind]] = ()

    def __init__(self, export: UploadedExport, wanted: Collection[int]) -> None:
        self.wanted = wanted
        self.account, self.left_out, self.now = export.account, export.left_out, export.now
        self.complete = export.complete
        self.owners: dict[str, str] = {}
        self.names: set[str] = set()
        self._upload = UploadReader(self.role_of, export.left_out)

    def objects(self, files: Iterable[UploadedFile]) -> Iterator[Mapped]:
        """Yield the objects of all files. Entries that cannot be read are counted."""
        for file in files:
            yield from self.objects_of_file(file)
        yield from (mapped for mapped in self.remaining_objects() if mapped[0] in self.wanted)
        self._upload.estimate()

    def objects_of_file(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the objects of one file."""
        with file.open() as stream:
            start = stream.read(START_BYTES).lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
        is_json = start.startswith((b"{", b"[")) or file.path.lower().endswith((".json", ".jsonl", ".ndjson"))
        if is_json or not self.tables:
            yield from self._objects_of_records(file)
        else:
            yield from self._objects_of_table(file)

    def role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        """Return the role of an object in the JSON files."""
        del thing, key
        return ObjectRole.UNKNOWN

    def objects_of_record(self, found: FoundRecord) -> Iterator[Mapped]:
        """Yield the objects of a record. Raises one of UNREADABLE_ERRORS if it cannot be read."""
        del found
        yield from ()

    def remaining_objects(self) -> Iterator[Mapped]:
        """Yield the objects that are made of several files, after all of them."""
        yield from ()

    def note_owner(self, own_id: str, name: str = "") -> None:
        """Take note of whose export it is."""
        if own_id:
            self.owners[own_id] = name or self.owners.get(own_id, "") or own_id

    def checked(self, objects: Callable[[Any], Iterator[Mapped]], entry: Any) -> Sequence[Mapped]:
        """Return the objects of an entry, and count it as read or left out."""
        try:
            found = list(objects(entry))
        except UNREADABLE_ERRORS:
            self.left_out.leave_out(UNREADABLE)
            return ()
        mapped = [one for one in found if one[0] in self.wanted]
        self.left_out.read += bool(mapped)
        if not mapped:  # Another source may take them.
            for object_type, _ in found:
                self.left_out.pass_over(NotTaken(object_type=object_type))
        return mapped

    def _objects_of_records(self, file: UploadedFile) -> Iterator[Mapped]:
        for found in self._upload.records_of(file):
            yield from self.checked(self.objects_of_record, found)

    def _objects_of_table(self, file: UploadedFile) -> Iterator[Mapped]:
        name = shown_name(file.path)
        try:
            table = find_table(file, self.tables)

            def objects(row: TableRow) -> Iterator[Mapped]:
                return table.kind.objects(self, row)

            for row in table.rows(self.now):
                yield from self.checked(objects, row)
            self.complete.update(table.kind.complete)
        except NotATable:
            self.left_out.name_other_file(file.path)
        except UnclearTableDates:
            problem = Broken(
                "%(name)s does not show whether 02/03 is in February or in March. Export it with other dates.",
                name=name,
            )
            self.left_out.name_damaged(name, problem)
        except csv.Error:
            self.left_out.name_damaged_file(file.path)


def declare(
    source_id: int,
    service_group: ServiceGroup,
    object_types: Sequence[ObjectType],
    colour: str,
    accept: str,
    marks: Sequence[FileMark],
    instructions: Sequence[str],
) -> SourceInfo:
    """Declare a source with the same id as its service type, the colour of its drawing, and its uploads."""
    return SourceInfo(
        id=source_id,
        service_type=source_id,
        service_group=service_group,
        object_types=object_types,
        schema=DIGIME,
        samples=SAMPLES,
        brand=Brand(colour),
        upload=Upload(accept, instructions, marks),
    )


class ReadExportSource(ExportSource):
    """A source of exports that an `DeclaredReader` reads."""

    def __init__(
        self,
        info: SourceInfo,
        service: str,
        reader: Callable[[UploadedExport, Collection[int]], DeclaredReader],
        sample_files: Callable[[datetime], Iterable[UploadedFile]],
        skipped_endings: Iterable[str] = (),
        *,
        reads_once: bool = True,
    ) -> None:
        """Take what differs between sources.

        Args:
            info: The declaration.
            service: The name of the service, for people.
            reader: Makes a reader of an export.
            sample_files: Makes the files of the sample.
            skipped_endings: Files with these endings are not read, without a report.
            reads_once: Whether the objects need nothing of the owner but the id.
        """
        self.info, self._service = info, service
        self._reader, self._sample_files = reader, sample_files
        self.skipped_endings, self.reads_once = frozenset(skipped_endings), reads_once

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return self._sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return self._reader(export, self.info.object_types).objects(export.files)

    def read_owned(self, export: UploadedExport) -> Owned:
        """Yield all objects, and return whose it is. Raises Broken."""
        reader = self._reader(export, self.info.object_types)
        yield from reader.objects(export.files)
        export.left_out.check(
            Broken(
                "The file holds no data of %(service)s that can be read. "
                "Request the export again, and upload it as you received it.",
                service=self._service,
            )
        )
        if len(reader.owners) > 1 or len(reader.names) > 1:
            raise Broken("The archive holds the data of several accounts. Upload the archive of one account.")
        owner, name = next(iter(reader.owners.items()), (UNNAMED, next(iter(reader.names), self._service)))
        return Identity(owner, name, "USER", named=owner != UNNAMED)
