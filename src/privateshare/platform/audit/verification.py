"""Verifying the audit log: whether any entry was changed, removed, moved or replaced since it was written."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from sqlalchemy import func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidJWT
from privateshare.platform.audit.chain import HEAD_TYPE, ChainEnd, decode_link, first_link, next_link
from privateshare.platform.audit.entries import entry_digest
from privateshare.platform.db.tables import AuditEntryRow, AuditHeadRow, FormerLibraryRow, LibraryRow
from privateshare.platform.keys.signing import database_name, verified_public_keys
from privateshare.platform.keys.wrapping import MasterKey
from privateshare.protocol import jwt

CHUNK_ENTRIES = 1000
MAX_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head: how many entries the log had, the link of the last one, and when it was signed."""

    entries: int
    link: bytes
    time: str


@dataclass(slots=True)
class Verification:
    """The result of verifying the log. It is intact if there are no problems.

    Attributes:
        entries: The number of the last entry.
        waiting: Entries that have no number yet, so that the chain does not protect them yet.
        erased: Entries whose content was erased with its person.
        heads: The heads that were checked.
        saved_heads: The heads that somebody saved elsewhere, and that were compared with the log.
        problems: What is wrong, in sentences.
    """

    entries: int = 0
    waiting: int = 0
    erased: int = 0
    heads: int = 0
    saved_heads: int = 0
    problems: list[str] = field(default_factory=list)

    def report(self, problem: str) -> None:
        """Add a problem. After many, further ones add nothing."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


async def verify_log(db: AsyncSession, master_key: MasterKey, saved: Sequence[str] = ()) -> Verification:
    """Verify the whole log, and compare it with heads that were saved elsewhere.

    Without saved heads, a log that was cut off after a head, or written anew by somebody who has the signing key,
    looks intact.
    """
    result, name = Verification(), await database_name(db)
    keys = await verified_public_keys(db, master_key)
    awaited = _saved_heads(saved, keys, name, result)
    end = ChainEnd(0, first_link(name))
    async for rows in _numbered(db):
        heads = await _heads(db, keys, name, end.number, rows[-1].number or 0, result)
        for row in rows:
            end = _check_entry(row, end, result)
            for head in (heads.get(end.number), *awaited.pop(end.number, ())):
                if head is not None and head.link != end.link:
                    result.report(f"entry {end.number} differs from the head of {head.time}: the log was rewritten")
        await _check_erased(db, rows, result)
    result.entries = end.number
    await _check_end(db, end, result)
    for head in (head for heads in awaited.values() for head in heads):
        result.report(f"the log had {head.entries} entries on {head.time}, and not all are there: some were removed")
    await _check_waiting(db, result)
    return result


def _check_entry(row: AuditEntryRow, end: ChainEnd, result: Verification) -> ChainEnd:
    """Check that an entry follows the one before; return where the chain is after it."""
    number, link = row.number or 0, row.link or b""
    if number != end.number + 1:
        result.report(f"the entries {end.number + 1} to {number - 1} are missing")
    elif next_link(end.link, number, row.digest) != link:
        result.report(f"entry {number} does not follow entry {end.number}: it was changed, replaced or moved")
    _check_content(row, f"entry {number}", result)
    return ChainEnd(number, link)


def _check_content(row: AuditEntryRow, name: str, result: Verification) -> None:
    if row.content is None:
        result.erased += 1
    elif entry_digest(row.id, row.log_id, row.created_at, row.content) != row.digest:
        result.report(f"{name} was changed after it was written")


async def _numbered(db: AsyncSession) -> AsyncIterator[Sequence[AuditEntryRow]]:
    """Yield the entries in the order of their numbers, in chunks."""
    last = 0
    while True:
        query = select(AuditEntryRow).where(AuditEntryRow.number > last).order_by(AuditEntryRow.number)
        rows = (await db.scalars(query.limit(CHUNK_ENTRIES))).all()
        if not rows:
            return
        yield rows
        last = rows[-1].number or 0
        db.expunge_all()


async def _heads(
    db: AsyncSession, keys: Mapping[str, RSAPublicKey], name: str, after: int, until: int, result: Verification
) -> Mapping[int, Head]:
    """Load and check the signed heads after one entry and until another."""
    query = select(AuditHeadRow).where(AuditHeadRow.number > after, AuditHeadRow.number <= until)
    heads = {}
    for row in await db.scalars(query):
        head = read_head(row.signed, keys, name)
        if head is None or head.entries != row.number:
            result.report(f"the head at entry {row.number} has no valid signature of this platform")
        else:
            heads[row.number] = head
            result.heads += 1
    return heads


async def _check_erased(db: AsyncSession, rows: Iterable[AuditEntryRow], result: Verification) -> None:
    """Check that content is missing only of people who were erased."""
    emptied: dict[UUID | None, int] = {row.log_id: row.number or 0 for row in rows if row.content is None}
    if not emptied:
        return
    ids = [id_ for id_ in emptied if id_ is not None]
    present = union_all(*(select(row.log_id).where(row.log_id.in_(ids)) for row in (LibraryRow, FormerLibraryRow)))
    for id_ in {*await db.scalars(present), *([None] if None in emptied else [])}:
        result.report(f"the content of entry {emptied[id_]} is missing, and nobody was erased: it was removed")


async def _check_end(db: AsyncSession, end: ChainEnd, result: Verification) -> None:
    last = await db.scalar(select(func.max(AuditHeadRow.number))) or 0
    if last > end.number:
        result.report(f"a head was signed at entry {last}, and the log ends at {end.number}: the end is missing")
    elif last < end.number:
        result.report(f"the log ends at entry {end.number}, and the last head is that of {last}: heads were removed")


async def _check_waiting(db: AsyncSession, result: Verification) -> None:
    result.waiting = await db.scalar(select(func.count()).where(AuditEntryRow.number.is_(None))) or 0
    waiting = select(AuditEntryRow).where(AuditEntryRow.number.is_(None)).limit(CHUNK_ENTRIES)
    for row in await db.scalars(waiting):
        _check_content(row, f"the entry {row.id}, which waits for its number,", result)


def _saved_heads(
    saved: Sequence[str], keys: Mapping[str, RSAPublicKey], name: str, result: Verification
) -> dict[int, list[Head]]:
    found: dict[int, list[Head]] = {}
    for signed in saved:
        head = read_head(signed, keys, name)
        if head is None:
            result.report("a saved head has no valid signature of this platform, or is of another log")
        else:
            found.setdefault(head.entries, []).append(head)
            result.saved_heads += 1
    return found


def read_head(signed: str, keys: Mapping[str, RSAPublicKey], name: str) -> Head | None:
    """Verify a signed head of the log with this name, and return what it says; None if it is not valid."""
    try:
        header = jwt.read_header(signed)
        claims = jwt.verify(signed, keys[str(header.get("kid"))])
        if header.get("typ") != HEAD_TYPE or claims["log"] != name:
            return None
        return Head(int(claims["entries"]), decode_link(str(claims["head"])), str(claims["time"]))
    except (InvalidJWT, KeyError, ValueError, TypeError):
        return None
