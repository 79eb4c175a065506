"""The data of a library, as its owner browses it: kinds with their months, pages of objects, search, and one object."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import func, select

from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import FileRow
from privateshare.platform.library.libraries import AccountGone, KeyLost
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.unreadable_files import report_unreadable
from privateshare.platform.me.object_texts import JsonObject
from privateshare.platform.me.visitor import Visitor
from privateshare.protocol.object_time import object_time

PAGE_OBJECTS = 50
MAX_FOUND = 200
MAX_SEARCHED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KindCount:
    """The number of objects of one kind, from one account, in one month (yyyymm); None for those without a date."""

    account_id: UUID
    service_group: int
    object_type: int
    month: int | None
    objects: int


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a list: the file that it is in, its place there, and its time in milliseconds."""

    file_id: UUID
    index: int
    account_id: UUID
    thing: JsonObject
    moment: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. `complete` is false if there may be more, and `unreadable` counts files that cannot be read."""

    objects: Sequence[ListedObject]
    complete: bool = True
    unreadable: int = 0


async def kind_counts(visitor: Visitor) -> Sequence[KindCount]:
    """Count the objects of a library by account, kind and month."""
    columns = (FileRow.account_id, FileRow.service_group, FileRow.object_type, FileRow.month)
    query = select(*columns, func.sum(FileRow.object_count)).where(FileRow.library_id == visitor.library.id)
    rows = await visitor.db.execute(query.group_by(*columns))
    return [KindCount(account, group, kind, month, int(found)) for account, group, kind, month, found in rows if found]


async def files_of_kind(visitor: Visitor, object_type: int, month: int | None = None) -> Sequence[FileRow]:
    """Return the files of one kind, the newest month first; with `month` only those of it, where 0 means no date."""
    query = select(FileRow).where(
        FileRow.library_id == visitor.library.id, FileRow.object_type == object_type, FileRow.object_count > 0
    )
    if month is not None:
        query = query.where(FileRow.month == (month or None))
    newest_first = query.order_by(FileRow.month.desc().nulls_last(), FileRow.part.desc(), FileRow.id)
    return list(await visitor.db.scalars(newest_first))


async def read_objects(visitor: Visitor, files: Sequence[FileRow], search: str = "") -> Found:
    """Read the objects of files, the newest first; with `search` only those that contain this text.

    At most MAX_SEARCHED_BYTES are read. Files that cannot be read are counted, and reported to the operator.
    """
    mapped_files = MappedFiles(visitor.platform.blobs, visitor.library)
    found: list[ListedObject] = []
    read = unreadable = 0
    for file in files:
        read += file.size
        if read > MAX_SEARCHED_BYTES and found:
            return Found(found, complete=False, unreadable=unreadable)
        try:
            found += await asyncio.to_thread(_read_file, mapped_files, file, search)
        except UnreadableBlob as error:
            await report_unreadable(visitor.platform, error)
            unreadable += 1
        except (KeyLost, AccountGone):
            unreadable += 1
        if search and len(found) > MAX_FOUND:
            return Found(found[:MAX_FOUND], complete=False, unreadable=unreadable)
    return Found(found, unreadable=unreadable)


def _read_file(mapped_files: MappedFiles, file: FileRow, search: str) -> list[ListedObject]:
    objects = list(_matching(mapped_files, file, search.casefold()))
    return sorted(objects, key=lambda one: (one.moment or 0, one.index), reverse=True)


def _matching(mapped_files: MappedFiles, file: FileRow, search: str) -> Iterator[ListedObject]:
    for index, text in enumerate(mapped_files.texts(file)):
        thing = orjson.loads(text)
        if isinstance(thing, dict) and (not search or _contains(thing, search)):
            yield ListedObject(file.id, index, file.account_id, thing, object_time(file.schema_standard, thing))


def _contains(value: object, search: str) -> bool:
    """Return whether any text or number in an object contains the searched text."""
    if isinstance(value, dict):
        return any(_contains(inner, search) for inner in value.values())
    if isinstance(value, list):
        return any(_contains(inner, search) for inner in value)
    return value is not None and search in str(value).casefold()


async def find_object(visitor: Visitor, object_type: int, file_id: UUID, index: int) -> ListedObject | None:
    """Find one object of the library; None if there is none at this place."""
    file = await visitor.db.get(FileRow, (visitor.library.id, file_id))
    if file is None or file.object_type != object_type:
        return None
    found = await read_objects(visitor, [file])
    return next((one for one in found.objects if one.index == index), None)
