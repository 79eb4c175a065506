"""Which exports are in an account already, so that the same objects are not merged again. ADR 66.

It is sealed with the account's key, and erased with the account. It is forgotten in the transaction of any change of
the account's files, and is not believed if files are lost, or if the account has fewer objects than it had.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256

import orjson
import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow, FileRow
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.sources.contract import ObjectSchema
from privateshare.version import VERSION

IMPORTS = "imports"
MAX_EXPORTS = 20

log = structlog.get_logger()


@dataclass(slots=True)
class RememberedImports:
    """The exports of which everything is in an account.

    Attributes:
        terms: What decides what an import of the same objects does: the platform's version, the schema, the owner and
            the object types.
        fingerprints: The fingerprints of the exports, the oldest first.
        stored: The sealed form, as it is in the database.
    """

    terms: str = ""
    fingerprints: list[str] = field(default_factory=list)
    stored: bytes | None = field(default=None, repr=False)

    def has(self, fingerprint: bytes) -> bool:
        """Return whether an export with this fingerprint need not be imported again."""
        return fingerprint.hex() in self.fingerprints

    def add(self, fingerprint: bytes) -> None:
        """Remember an export. The oldest are forgotten."""
        others = [one for one in self.fingerprints if one != fingerprint.hex()]
        self.fingerprints = [*others, fingerprint.hex()][-MAX_EXPORTS:]


def import_terms(schema: ObjectSchema, owner: str, object_types: Collection[int]) -> str:
    """Return a text that differs if an import of the same objects could do something else."""
    terms = (VERSION, schema.standard, schema.version, owner, sorted(object_types))
    return sha256(repr(terms).encode()).hexdigest()


async def load_imports(db: AsyncSession, library: OpenLibrary, account: AccountRow, terms: str) -> RememberedImports:
    """Load what is remembered of an account. It is empty if that is not certain to hold."""
    this = (AccountRow.library_id == library.id, AccountRow.id == account.id)
    stored = await db.scalar(select(AccountRow.sealed_imports).where(*this))
    nothing = RememberedImports(terms, stored=stored)
    if stored is None:
        return nothing
    try:
        told = orjson.loads(library.account(account.id).open(IMPORTS, account.id, stored))
        totals = {int(object_type): int(number) for object_type, number in told["totals"]}
        found = RememberedImports(told["terms"], [str(one) for one in told["fingerprints"]], stored)
    except (SealBroken, ValueError, TypeError, KeyError) as error:
        log.error("what was imported before cannot be read", account=account.public_id, error=type(error).__name__)
        return nothing
    now = await _totals(db, account)
    return found if found.terms == terms and now == totals else nothing


async def save_imports(db: AsyncSession, library: OpenLibrary, account: AccountRow, imports: RememberedImports) -> None:
    """Store what is remembered, unless the account changed meanwhile. The account is locked."""
    this = (AccountRow.library_id == library.id, AccountRow.id == account.id)
    totals, sealed = await _totals(db, account), None
    if totals is not None and await db.scalar(select(AccountRow.sealed_imports).where(*this)) == imports.stored:
        told = {"terms": imports.terms, "fingerprints": imports.fingerprints, "totals": list(totals.items())}
        sealed = library.account(account.id).seal(IMPORTS, account.id, orjson.dumps(told))
    await db.execute(update(AccountRow).where(*this).values(sealed_imports=sealed))
    imports.stored = sealed


async def forget_imports(db: AsyncSession, account: AccountRow, imports: RememberedImports) -> None:
    """Forget everything, in the transaction that changes files of the account."""
    this = (AccountRow.library_id == account.library_id, AccountRow.id == account.id)
    await db.execute(
        update(AccountRow).where(*this, AccountRow.sealed_imports.is_not(None)).values(sealed_imports=None)
    )
    imports.fingerprints, imports.stored = [], None


async def _totals(db: AsyncSession, account: AccountRow) -> dict[int, int] | None:
    """Return the numbers of stored objects by type; None if any file is lost."""
    query = select(
        FileRow.object_type, func.sum(FileRow.object_count).label("number"), func.count(FileRow.lost).label("lost")
    ).where(FileRow.library_id == account.library_id, FileRow.account_id == account.id)
    rows = (await db.execute(query.group_by(FileRow.object_type))).all()
    return None if any(row.lost for row in rows) else {row.object_type: int(row.number) for row in rows}
