"""Which exports are in an account already, so that they are neither read nor merged again. ADR 66, 76, 77.

It is sealed with the account's key, and erased with the account. It is forgotten in the transaction of any change of
the account's files, and is not believed if files are lost, or if the account has fewer objects than it had.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson
import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow, FileRow
from privateshare.platform.library.known_pages import FINGERPRINT_BYTES
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.read_exports import ExportSummary
from privateshare.sources.archive_sources import package_of_source
from privateshare.sources.contract import SourceInfo
from privateshare.sources.reading_version import reading_version
from privateshare.version import VERSION

IMPORTS = "imports"
MAX_EXPORTS = 20
MAX_PAGES = 20_000  # Each has about 1,000 objects.

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RememberedExport:
    """An export of which everything is in an account.

    Attributes:
        fingerprint: The HMAC of its objects.
        upload: The HMAC of the bytes of the file that was uploaded; None if they must be read each time.
        summary: What a person saw of it before they added it; None if its file must be read each time.
    """

    fingerprint: bytes = field(repr=False)
    upload: bytes | None = field(default=None, repr=False)
    summary: ExportSummary | None = field(default=None, repr=False)

    @property
    def stays_known(self) -> bool:
        """Whether importing it again still changes nothing after other objects were added to the account.

        This is not so for a complete export, because its import removes what the export lacks.
        """
        return self.summary is not None and not self.summary.complete

    def to_json(self) -> dict[str, Any]:
        """Convert it to a JSON object."""
        return {
            "fingerprint": self.fingerprint.hex(),
            "upload": self.upload.hex() if self.upload is not None else None,
            "summary": self.summary.to_json() if self.summary is not None else None,
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "RememberedExport":
        """Convert the result of `to_json` back. Raises ValueError, TypeError or KeyError."""
        upload, summary = written["upload"], written["summary"]
        return cls(
            bytes.fromhex(written["fingerprint"]),
            None if upload is None else bytes.fromhex(upload),
            None if summary is None else ExportSummary.from_json(summary),
        )


@dataclass(slots=True)
class RememberedImports:
    """The exports of which everything is in an account.

    Attributes:
        terms: What decides what reading and importing the same file does: the version of the platform and of the code
            that reads it, the schema, the owner and the object types.
        exports: The exports, the oldest first.
        pages: The fingerprints of pages whose objects are in the account, with their object types, the oldest first.
        stored: The sealed form, as it is in the database.
    """

    terms: str = ""
    exports: list[RememberedExport] = field(default_factory=list)
    pages: dict[bytes, int] = field(default_factory=dict, repr=False)
    stored: bytes | None = field(default=None, repr=False)

    def has(self, fingerprint: bytes) -> bool:
        """Return whether an export with this fingerprint need not be imported again."""
        return any(one.fingerprint == fingerprint for one in self.exports)

    def summary_of(self, upload: bytes) -> ExportSummary | None:
        """Return what is in a file with these bytes; None if it is not known and must be read."""
        return next((one.summary for one in self.exports if one.upload == upload), None)

    def add(self, export: RememberedExport) -> None:
        """Remember an export. The oldest are forgotten."""
        others = [one for one in self.exports if one.fingerprint != export.fingerprint]
        self.exports = [*others, export][-MAX_EXPORTS:]

    def add_pages(self, pages: Mapping[bytes, int]) -> None:
        """Remember pages. The oldest are forgotten."""
        others = {one: object_type for one, object_type in self.pages.items() if one not in pages}
        self.pages = dict(list((others | dict(pages)).items())[-MAX_PAGES:])

    def forget(self) -> None:
        """Forget everything."""
        self.exports, self.pages = [], {}

    def note_change(self, object_type: int, *, adds_only: bool) -> None:
        """Forget what may not hold any more after files of a type changed.

        Args:
            object_type: The type.
            adds_only: Whether all objects that were there are there still, and have no versions to compare.
        """
        if adds_only:
            self.exports = [one for one in self.exports if one.stays_known]
        else:
            self.exports = []
            self.pages = {page: type_ for page, type_ in self.pages.items() if type_ != object_type}


def import_terms(source: SourceInfo, owner: str) -> str:
    """Return a text that differs if reading and importing the same file could do something else. Blocks.

    Args:
        source: The source.
        owner: What the objects of the account call their owner.
    """
    reading = reading_version(package_of_source().get(source.id))
    terms = (VERSION, reading, source.schema.standard, source.schema.version, owner, sorted(source.object_types))
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
        exports = [RememberedExport.from_json(one) for one in told["exports"]]
        pages = {page: int(type_) for type_, packed in told["pages"].items() for page in _unpacked(packed)}
        found = RememberedImports(told["terms"], exports, pages, stored)
    except (SealBroken, ValueError, TypeError, KeyError, AttributeError) as error:
        log.error("what was imported before cannot be read", account=account.public_id, error=type(error).__name__)
        return nothing
    now = await _totals(db, account)
    return found if found.terms == terms and now == totals else nothing


async def save_imports(db: AsyncSession, library: OpenLibrary, account: AccountRow, imports: RememberedImports) -> None:
    """Store what is remembered, unless the account changed meanwhile. The account is locked."""
    this = (AccountRow.library_id == library.id, AccountRow.id == account.id)
    totals, sealed = await _totals(db, account), None
    if totals is not None and await db.scalar(select(AccountRow.sealed_imports).where(*this)) == imports.stored:
        exports = [one.to_json() for one in imports.exports]
        pages: dict[str, bytes] = {}
        for page, object_type in imports.pages.items():
            pages[str(object_type)] = pages.get(str(object_type), b"") + page
        packed = {object_type: b64encode(joined).decode() for object_type, joined in pages.items()}
        told = {"terms": imports.terms, "exports": exports, "pages": packed, "totals": list(totals.items())}
        sealed = library.account(account.id).seal(IMPORTS, account.id, orjson.dumps(told))
    await db.execute(update(AccountRow).where(*this).values(sealed_imports=sealed))
    imports.stored = sealed


def _unpacked(packed: str) -> Iterator[bytes]:
    joined = b64decode(packed)
    return (joined[at : at + FINGERPRINT_BYTES] for at in range(0, len(joined), FINGERPRINT_BYTES))


async def forget_imports(db: AsyncSession, account: AccountRow, imports: RememberedImports) -> None:
    """Forget what is stored, in the transaction that changes files of the account.

    What still holds is stored again when the import has ended.
    """
    this = (AccountRow.library_id == account.library_id, AccountRow.id == account.id)
    await db.execute(
        update(AccountRow).where(*this, AccountRow.sealed_imports.is_not(None)).values(sealed_imports=None)
    )
    imports.stored = None


async def _totals(db: AsyncSession, account: AccountRow) -> dict[int, int] | None:
    """Return the numbers of stored objects by type; None if any file is lost."""
    query = select(
        FileRow.object_type, func.sum(FileRow.object_count).label("number"), func.count(FileRow.lost).label("lost")
    ).where(FileRow.library_id == account.library_id, FileRow.account_id == account.id)
    rows = (await db.execute(query.group_by(FileRow.object_type))).all()
    return None if any(row.lost for row in rows) else {row.object_type: int(row.number) for row in rows}
