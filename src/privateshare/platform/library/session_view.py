"""One session's view of a library: what it lists and delivers. Protocol 6."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import DataUnreadable, FileNotFound
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import AccountRow, ConsentRow, ContractRow, PushedFileRow, SessionRow
from privateshare.platform.library.accounts import account_view, consented_accounts
from privateshare.platform.library.delivery import (
    Delivery,
    ReadPermission,
    deliver,
    list_files,
    readable,
    readable_file,
    readable_files,
)
from privateshare.platform.library.encoding import compressed, fingerprint
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.pushed_files import content, open_sha256, pushed_entry, pushed_name, readable_pushed
from privateshare.platform.library.unreadable import check_readable, refusal_of
from privateshare.platform.runtime import Platform
from privateshare.protocol.messages import Compression, Criterion, FileEntry, FileMetadata

ACCOUNTS_FILE = "accounts.json"
NO_FILE = "There is no such file in this session"


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session that a person consented to, and what its contract may read of their library.

    `criteria` says which pushed files the session asks for.
    """

    platform: Platform
    db: AsyncSession
    contract: ContractRow
    consent: ConsentRow
    session: SessionRow
    criteria: Sequence[Criterion]

    async def entries(self) -> list[FileEntry]:
        """The files of the session as they are now. Protocol 6.2."""
        library = await self._library()
        if self.contract.kind == "read-raw":
            return [pushed_entry(file) for file, _ in await self._pushed(library)]
        may = self._may()
        files = await readable_files(self.db, self.consent, may)
        listed = await asyncio.to_thread(list_files, MappedFiles(self.platform.blobs, library), files, may)
        for error in listed.unreadable:
            if not isinstance(refusal := await refusal_of(self.platform, error), DataUnreadable):
                raise refusal
        return listed.entries

    async def delivery(self, name: str) -> Delivery:
        """One file. Raises FileNotFound, also for what exists and is not for this session. Protocol 6.3."""
        library, may = await self._library(), self._may()
        if name == ACCOUNTS_FILE:
            return await self._accounts(library, may)
        if self.contract.kind == "read-raw":
            return await self._pushed_file(library, name, may)
        file = await readable_file(self.db, self.consent, may, name)
        if file is None:
            raise FileNotFound(NO_FILE)
        check_readable(self.platform, file.blob)
        try:
            delivery = await asyncio.to_thread(deliver, MappedFiles(self.platform.blobs, library), file, may)
        except UnreadableBlob as error:
            raise await refusal_of(self.platform, error) from error
        if delivery is None:
            raise FileNotFound(NO_FILE)
        return delivery

    async def older_accounts(self) -> Delivery:
        """accounts.json in its older shape, and never compressed. Protocol 14 (c), (f)."""
        accounts = await consented_accounts(self.db, self.consent.id)
        library = await self._library()
        told = [
            {"id": view.id, "name": view.username, "service": {"name": view.service_provider_name}}
            for view in (account_view(self.platform.sources, account, library) for account in accounts)
        ]
        data = orjson.dumps({"accounts": told, "consentid": str(self.consent.id)})
        return Delivery(_accounts_entry(accounts), Compression.NONE, len(data), fingerprint(data), iter([data]))

    def _may(self) -> ReadPermission:
        return readable(self.contract, self.consent, self.session)

    async def _library(self) -> OpenLibrary:
        return await open_library(self.db, self.platform, self.consent.library_id)

    async def _accounts(self, library: OpenLibrary, may: ReadPermission) -> Delivery:
        """What 7.1 answers, as a file. Protocol 6.6."""
        accounts = await consented_accounts(self.db, self.consent.id)
        data = orjson.dumps([account_view(self.platform.sources, account, library).to_wire() for account in accounts])
        chunks = compressed([data], may.compression)
        return Delivery(_accounts_entry(accounts), may.compression, len(data), fingerprint(data), chunks)

    async def _pushed(self, library: OpenLibrary, name: UUID | None = None) -> list[tuple[PushedFileRow, FileMetadata]]:
        now = self.session.created_at
        return await readable_pushed(self.db, library, self.contract, self.consent, self.criteria, now, name)

    async def _pushed_file(self, library: OpenLibrary, name: str, may: ReadPermission) -> Delivery:
        """A pushed file as it came. Protocol 10.3."""
        named = pushed_name(name)
        found = await self._pushed(library, named) if named else []
        if not found:
            raise FileNotFound(NO_FILE)
        file, metadata = found[0]
        check_readable(self.platform, file.blob)
        try:
            data = await asyncio.to_thread(content, self.platform.blobs, library, file)
        except UnreadableBlob as error:
            raise await refusal_of(self.platform, error) from error
        chunks = compressed(data, may.compression)
        told = metadata.model_dump(by_alias=True, exclude_none=True)
        return Delivery(pushed_entry(file), may.compression, file.size, open_sha256(library, file), chunks, told)


def _accounts_entry(accounts: Sequence[AccountRow]) -> FileEntry:
    updated = max((int(account.updated_at.timestamp() * 1000) for account in accounts), default=1)
    return FileEntry(name=ACCOUNTS_FILE, updated_date=updated)
