"""What is in a person's accounts, kind by kind: how many objects, of which dates, and the newest of them.

It is computed from the mapped files with the person's key, for the person alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import FileRow
from privateshare.platform.library.delivery import ReadPermission, allowed_objects, count_readable
from privateshare.platform.library.libraries import KeyLost
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_lines import ObjectLine, describe_object
from privateshare.protocol.object_time import moment_of
from privateshare.protocol.window import Window

EXAMPLES = 3
# The bytes of JSON that are parsed to count and to show examples. What exceeds this is not shown, and counted whole.
MAX_PARSED_BYTES = 64 * 1024 * 1024


@dataclass
class Holding:
    """What an account has of one kind.

    Attributes:
        total: How many objects there are, of any date.
        count: How many of them lie within the dates that are asked for.
        at_most: Whether `count` may be too high, because there is too much to count it exactly.
        first: The earliest date, as far as it is asked for.
        last: The latest date.
        examples: The newest objects.
    """

    total: int = 0
    count: int = 0
    at_most: bool = False
    first: datetime | None = None
    last: datetime | None = None
    examples: list[ObjectLine] = field(default_factory=list)


@dataclass
class AccountHoldings:
    """What is in one account, by kind.

    `is_whole` is false if some of its files cannot be read. `failed` are the kinds that could not be fetched.
    """

    kinds: dict[int, Holding] = field(default_factory=dict)
    is_whole: bool = True
    failed: frozenset[int] = frozenset()


async def files_of_accounts(db: AsyncSession, library_id: UUID, account_ids: Sequence[UUID]) -> list[FileRow]:
    """Return the files of these accounts, the newest first."""
    query = select(FileRow).where(FileRow.library_id == library_id, FileRow.account_id.in_(account_ids))
    return list(await db.scalars(query.order_by(FileRow.month.desc().nulls_last(), FileRow.part.desc(), FileRow.name)))


def count_holdings(
    mapped_files: MappedFiles, files: Sequence[FileRow], permission: ReadPermission
) -> dict[UUID, AccountHoldings]:
    """Count what is in files, the newest first, as far as it may be read. Blocks.

    A file that cannot be read is left out, and its account's `is_whole` is then false.
    """
    found: dict[UUID, AccountHoldings] = {}
    budget = _Budget(MAX_PARSED_BYTES)
    for file in files:
        kind = (file.account_id, file.service_group, file.service_type, file.object_type)
        if not permission.allows_kind(*kind) or not file.object_count:
            continue
        account = found.setdefault(file.account_id, AccountHoldings())
        try:
            _add_file(account.kinds.setdefault(file.object_type, Holding()), mapped_files, file, permission, budget)
        except (UnreadableBlob, KeyLost, SealBroken):
            account.is_whole = False
    return found


@dataclass
class _Budget:
    left: int

    def allows(self, size: int) -> bool:
        """Return whether this many bytes may be parsed, and count them as parsed."""
        self.left -= size
        return self.left >= 0


def _add_file(
    holding: Holding, mapped_files: MappedFiles, file: FileRow, permission: ReadPermission, budget: _Budget
) -> None:
    holding.total += file.object_count
    window = mapped_files.window(file)
    if not permission.touches(window):
        return
    if permission.allows_whole(window):
        count = file.object_count
    elif budget.allows(file.size):
        count = count_readable(mapped_files, file, permission) or 0
    else:
        count, holding.at_most = file.object_count, True
    if not count:
        return
    holding.count += count
    if window is not None:
        _add_dates(holding, window, permission)
    if len(holding.examples) < EXAMPLES and budget.allows(file.size):
        holding.examples += _newest(mapped_files, file, permission, EXAMPLES - len(holding.examples))


def _add_dates(holding: Holding, window: Window, permission: ReadPermission) -> None:
    """Extend the dates by those of a file, as far as they are asked for."""
    if window.start is None or window.end is None:
        return
    first = moment_of(max([window.start, *_outer(permission, 0)]))
    last = moment_of(min([window.end, *_outer(permission, 1)]))
    if first is not None and last is not None and first <= last:
        holding.first = min(filter(None, (holding.first, first)))
        holding.last = max(filter(None, (holding.last, last)))


def _outer(permission: ReadPermission, side: int) -> Iterator[int]:
    """Yield the earliest start, or the latest end, of the times that each limit allows."""
    for reach in permission.reaches:
        bounds = [(window.start, window.end)[side] for window in reach.windows or ()]
        known = [bound for bound in bounds if bound is not None]
        if known and len(known) == len(bounds):
            yield max(known) if side else min(known)


def _newest(mapped_files: MappedFiles, file: FileRow, permission: ReadPermission, number: int) -> list[ObjectLine]:
    texts = allowed_objects(mapped_files, file, permission)[-number:]
    return [describe_object(file.schema_standard, orjson.loads(text)) for text in reversed(texts)]
