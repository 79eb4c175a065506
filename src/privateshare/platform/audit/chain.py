"""The chain of the audit log: entries are numbered, each is linked to the one before, and the end is signed.

    link of entry n = SHA-256(link of entry n-1, n, digest of entry n)

Entries are stored without a number, at once and by many processes. One process at a time then numbers those that wait,
in batches, and signs the last link: the head of the log. Whoever keeps a published head can later tell whether any
entry up to it was changed, removed or moved, even by an operator who holds every key.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog
from sqlalchemy import ARRAY, BigInteger, LargeBinary, Uuid, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import AuditEntryRow, AuditHeadRow
from privateshare.platform.keys.signing import Signer, database_name
from privateshare.protocol import jwt

HEAD_TYPE = "privateshare-log-head+jwt"
BATCH_ENTRIES = 1000
_ADVISORY_LOCK = 0x70736C

_NUMBER_ENTRIES = text("""
UPDATE audit_entries SET number = batch.number, link = batch.link
  FROM unnest(:ids, :numbers, :links) AS batch (id, number, link)
 WHERE audit_entries.id = batch.id
""").bindparams(
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("numbers", type_=ARRAY(BigInteger)),
    bindparam("links", type_=ARRAY(LargeBinary)),
)


log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The last entry of the chain: its number, and its link. An empty log ends at number 0."""

    number: int
    link: bytes


def first_link(name: str) -> bytes:
    """Return the link that the chain of the log with this name starts from."""
    return sha256(b"privateshare audit log 1\0" + name.encode()).digest()


def next_link(link: bytes, number: int, digest: bytes) -> bytes:
    """Compute the link of the entry that follows."""
    return sha256(link + number.to_bytes(8, "big") + digest).digest()


def encode_link(link: bytes) -> str:
    """Encode a link for a head, as base64url without padding."""
    return urlsafe_b64encode(link).rstrip(b"=").decode()


def decode_link(encoded: str) -> bytes:
    """Decode the link of a head. Raises ValueError."""
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


async def append_entries(db: AsyncSession, signer: Signer, now: datetime) -> int:
    """Number the entries that wait, link them to the chain, and sign its new end. Returns how many were appended.

    Returns 0 at once if another process is doing this. A batch is limited, so call again while entries wait.
    """
    if not await db.scalar(select(func.pg_try_advisory_xact_lock(_ADVISORY_LOCK))):
        return 0
    waits = select(AuditEntryRow.id, AuditEntryRow.digest).where(AuditEntryRow.number.is_(None))
    waiting = (await db.execute(waits.order_by(AuditEntryRow.created_at, AuditEntryRow.id).limit(BATCH_ENTRIES))).all()
    if not waiting:
        return 0
    name = await database_name(db)
    end = await chain_end(db, name)
    numbers, links = [], []
    number, link = end.number, end.link
    for _, digest in waiting:
        number += 1
        link = next_link(link, number, digest)
        numbers.append(number)
        links.append(link)
    await db.execute(_NUMBER_ENTRIES, {"ids": [id_ for id_, _ in waiting], "numbers": numbers, "links": links})
    db.add(AuditHeadRow(number=number, signed=sign_head(signer, name, ChainEnd(number, link), now)))
    await db.flush()
    return len(waiting)


async def chain_end(db: AsyncSession, name: str) -> ChainEnd:
    """Return the last entry of the chain.

    If a head was signed for entries that are missing now, the chain continues after that head: what is missing then
    stays visible as a gap.
    """
    last = select(AuditEntryRow.number, AuditEntryRow.link).where(AuditEntryRow.number.is_not(None))
    found = (await db.execute(last.order_by(AuditEntryRow.number.desc()).limit(1))).one_or_none()
    end = ChainEnd(0, first_link(name))
    if found is not None and found.number is not None and found.link is not None:
        end = ChainEnd(found.number, found.link)
    head = await db.scalar(select(AuditHeadRow).order_by(AuditHeadRow.number.desc()).limit(1))
    if head is None or head.number <= end.number:
        return end
    log.error("entries of the audit log are missing; run: privateshare audit verify", last=end.number, head=head.number)
    return ChainEnd(head.number, decode_link(str(jwt.read_unverified(head.signed)["head"])))


def sign_head(signer: Signer, name: str, end: ChainEnd, now: datetime) -> str:
    """Sign the end of the chain of the log with this name, as a JWT."""
    moment = now.isoformat(timespec="seconds")
    claims = {"log": name, "entries": end.number, "head": encode_link(end.link), "time": moment}
    return signer.sign_statement(claims, HEAD_TYPE)


async def newest_head(db: AsyncSession) -> str | None:
    """Return the newest signed head; None for an empty log."""
    return await db.scalar(select(AuditHeadRow.signed).order_by(AuditHeadRow.number.desc()).limit(1))
