"""Files that a person uploads again: what is in them is known, so they need not be read to show it. ADR 76."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from privateshare.errors import PrivateShareError
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.account_identities import account_identity
from privateshare.platform.library.archives import upload_fingerprint
from privateshare.platform.library.libraries import AccountGone, LibraryGone, open_library
from privateshare.platform.library.read_exports import ExportSummary
from privateshare.platform.library.remembered_imports import import_terms, load_imports
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Source

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnownUpload:
    """A file that was uploaded before. All of its objects were in this account when that was last looked at."""

    account_id: UUID
    summary: ExportSummary = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownUploads:
    """Recognises files of the accounts that a person may see.

    Attributes:
        platform: The platform.
        library_id: The person's library; None if they have none yet.
        account_ids: The accounts.
    """

    platform: Platform
    library_id: UUID | None = None
    account_ids: Collection[UUID] = ()

    async def find(self, source: Source, upload: bytes) -> KnownUpload | None:
        """Return what is in a file; None if it must be read to know that.

        Args:
            source: The source of the file.
            upload: The SHA-256 of its bytes.
        """
        if self.library_id is None or not self.account_ids:
            return None
        try:
            return await self._find(self.library_id, source, upload)
        except (
            LibraryGone,
            AccountGone,
            SealBroken,
            PrivateShareError,
            SQLAlchemyError,
        ) as error:  # Then the file is read.
            log.warning("files that were uploaded before are not recognised", error=type(error).__name__)
            return None

    async def _find(self, library_id: UUID, source: Source, upload: bytes) -> KnownUpload | None:
        async with self.platform.database.transaction() as db:
            library = await open_library(db, self.platform, library_id)
            query = select(AccountRow).where(
                AccountRow.library_id == library_id,
                AccountRow.id.in_(self.account_ids),
                AccountRow.id.not_in(library.lost_accounts),
                AccountRow.source_id == source.info.id,
                AccountRow.sample.is_(None),
            )
            for account in await db.scalars(query.order_by(AccountRow.id)):
                owner = account_identity(account, library).objects_owner
                terms = await asyncio.to_thread(import_terms, source.info, owner)
                imports = await load_imports(db, library, account, terms)
                summary = imports.summary_of(upload_fingerprint(library.account(account.id), upload))
                if summary is not None:
                    return KnownUpload(account.id, summary)
        return None
