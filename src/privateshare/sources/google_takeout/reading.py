"""Readers for the files of Google's products in an export."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.failures import Broken, LeftOut, NotTaken, Reason, shown_name
from privateshare.sources.google_activity.activities import is_activity, is_of_youtube
from privateshare.sources.google_activity.pages import activities_of, is_page
from privateshare.sources.google_takeout.activity_mapping import TitleFrames, activity_object
from privateshare.sources.google_takeout.browsing import bookmarks_of, is_bookmarks, is_visit, visit_object
from privateshare.sources.json_records import FoundRecord, ObjectRole, RoleOf
from privateshare.sources.object_building import Mapped
from privateshare.sources.upload_records import UploadReader, records_of_files

LEARNED_TITLES = 400
OF_YOUTUBE = NotTaken(object_type=ObjectType.WATCH)  # Another source takes them.
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s entries has no date that can be read.",
    "%(num)s of %(total)s entries have no date that can be read.",
    Broken("The entries of the export have no dates that can be read. Request the export again."),
)
# What mappings raise for values that are not as they should be.
UNREADABLE_ERRORS = (ValueError, TypeError, AttributeError, OverflowError)


class RecordMapping(Protocol):
    """A mapping of the records of an export."""

    def mapped(self, found: FoundRecord, path: str) -> Mapped | None:
        """Map a record. Returns None if it is not imported. Raises one of UNREADABLE_ERRORS."""


def objects_of_records(export: UploadedExport, role_of: RoleOf, mapping: RecordMapping) -> Iterator[Mapped]:
    """Yield the objects of all JSON files."""
    upload = UploadReader(role_of, export.left_out)
    for file in export.files:
        for found in upload.records_of(file):
            try:
                mapped = mapping.mapped(found, file.path)
            except UNREADABLE_ERRORS:
                export.left_out.leave_out(UNREADABLE)
                continue
            if mapped is None:
                export.left_out.pass_over_in(file.path)
            else:
                export.left_out.read += 1
                yield mapped
    upload.estimate()


class TakeoutActivityReader:
    """A reader of My Activity, and of the history and bookmarks of browsers."""

    def __init__(self, export: UploadedExport) -> None:
        self._export = export
        self._upload = UploadReader(_role_of, export.left_out)

    def objects(self) -> Iterator[Mapped]:
        """Yield the objects of all files. Activities that are not imported are counted for each file."""
        for file in self._export.files:
            if is_bookmarks(file):
                yield from self._bookmarks(file)
            elif is_page(file):
                yield from self._activities(file, activities_of(file, self._export.now))
            elif file.path.lower().endswith((".html", ".htm")):
                self._export.left_out.name_other_file(file.path)
            else:
                yield from self._activities(file, (found.thing for found in self._upload.records_of(file)))
        self._upload.estimate()

    def _bookmarks(self, file: UploadedFile) -> Iterator[Mapped]:
        for bookmark in bookmarks_of(file, self._export.account):
            if bookmark is None:
                self._export.left_out.leave_out(UNREADABLE)
            else:
                self._export.left_out.read += 1
                yield bookmark

    def _activities(self, file: UploadedFile, things: Iterable[JsonObject]) -> Iterator[Mapped]:
        account, frames = self._export.account, TitleFrames(_first_activities(file))
        others = 0
        for thing in things:
            if is_activity(thing) and is_of_youtube(thing):
                self._export.left_out.pass_over(OF_YOUTUBE)
                continue
            try:
                mapped = visit_object(account, thing) if is_visit(thing) else activity_object(account, thing, frames)
            except UNREADABLE_ERRORS:
                self._export.left_out.leave_out(UNREADABLE)
                continue
            if mapped is None:
                others += not is_visit(thing)
            else:
                self._export.left_out.read += 1
                yield mapped
        self._name_others(file, others)

    def _name_others(self, file: UploadedFile, number: int) -> None:
        if number:
            name = shown_name(file.path)
            problem = Broken(
                "%(name)s holds %(count)d activities that are neither searches nor visits. They are not imported.",
                name=name,
                count=number,
            )
            self._export.left_out.name_unused(name, problem)


def _role_of(thing: JsonObject, _: str) -> ObjectRole:
    return ObjectRole.RECORD if is_activity(thing) or is_visit(thing) else ObjectRole.UNKNOWN


def _first_activities(file: UploadedFile) -> list[JsonObject]:
    """Return the first activities of a JSON file. Pages have titles without words around them."""
    if file.path.lower().endswith((".html", ".htm")):
        return []
    try:
        found = (one.thing for one in records_of_files([file], _role_of, LeftOut()))
        return [thing for thing in islice(found, LEARNED_TITLES) if is_activity(thing)]
    except Broken:
        return []  # It is reported when the file is read.
