"""A session's view of a library: the files that it may list and read. Protocol 6."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from privateshare.errors import DataUnreadable, FileNotFound
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import ConsentRow, ContractRow, PushedFileRow, SessionRow
from privateshare.platform.library.account_views import account_view
from privateshare.platform.library.accounts import ShownAccount, shown_accounts
from privateshare.platform.library.delivery import (
    Delivery,
    ReadPermission,
    files_named,
    first_readable,
    list_readable_files,
    list_whole_files,
    open_delivery,
    read_permission,
    readable_files,
    reads_before_delivery,
)
from privateshare.platform.library.encoding import compress, sha256_hex
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles, StoredFile
from privateshare.platform.library.pushed_files import (
    open_pushed_content,
    open_sha256,
    parse_pushed_name,
    pushed_file_entry,
    readable_pushed_files,
)
from privateshare.platform.library.unreadable_files import UNREADABLE, check_readable, unreadable_error
from privateshare.platform.runtime import Platform
from privateshare.protocol.messages import Compression, Criterion, FileMetadata

ACCOUNTS_FILE = "accounts.json"
ACCOUNTS, PUSHED = "accounts", "pushed"  # Names for the audit log, beside those of object types.
NO_FILE = "There is no such file in this session"


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session that a person consented to, and what its contract may read of their library, which is open.

    Files are encrypted to `public_key`, which is the app's. `criteria` says which pushed files the session asks for.
    """

    platform: Platform
    contract: ContractRow
    public_key: str
    consent: ConsentRow
    session: SessionRow
    criteria: Sequence[Criterion]
    library: OpenLibrary

    async def entries(self) -> list[dict[str, Any]]:
        """List the files of the session as they are now, as JSON. Protocol 6.2."""
        if self.contract.kind == "read-raw":
            return [pushed_file_entry(file) for file, _ in await self._pushed()]
        permission = self._permission()
        if not permission.limits_time:
            return await list_whole_files(self.platform.database, self.consent, permission)
        files = await readable_files(self.platform.database, self.consent, permission)
        mapped_files = MappedFiles(self.platform.blobs, self.library)
        listed = await asyncio.to_thread(list_readable_files, mapped_files, files, permission)
        for error in listed.unreadable:
            # An unreadable file stays in the list; one that was replaced meanwhile makes the client retry.
            if not isinstance(failure := await unreadable_error(self.platform, error), DataUnreadable):
                raise failure
        return listed.entries

    async def delivery(self, name: str, found: Iterable[StoredFile] | None = None) -> Delivery:
        """Open one file for reading. `found` are the mapped files of this name, if they were read. Protocol 6.3.

        Raises:
            FileNotFound: There is no such file, or the session may not read it.
            DataUnreadable: The stored file is damaged or missing.
            Unavailable: The file was replaced meanwhile; the client should retry.
        """
        permission = self._permission()
        if name == ACCOUNTS_FILE:
            return await self._accounts(permission)
        if self.contract.kind == "read-raw":
            return await self._pushed_file(name, permission)
        if found is None:
            found = await files_named(self.platform.database, self.consent, name)
        file = first_readable(found, permission)
        if file is None:
            raise FileNotFound(NO_FILE)
        check_readable(self.platform, file.blob)
        mapped_files = MappedFiles(self.platform.blobs, self.library)
        try:
            if reads_before_delivery(file, permission):
                delivery = await asyncio.to_thread(open_delivery, mapped_files, file, permission)
            else:
                delivery = open_delivery(mapped_files, file, permission)
        except UnreadableBlob as error:
            raise await unreadable_error(self.platform, error) from error
        if delivery is None:
            raise FileNotFound(NO_FILE)
        return delivery

    async def older_accounts(self) -> Delivery:
        """Build accounts.json in its older format, without compression. Protocol 14 (c), (f)."""
        accounts = await self._consented_accounts()
        views = [
            {"id": view.id, "name": view.username, "service": {"name": view.service_provider_name}}
            for view in (account_view(self.platform.sources, account, self.library) for account in accounts)
        ]
        data = orjson.dumps({"accounts": views, "consentid": str(self.consent.id)})
        return Delivery(_accounts_entry(accounts), Compression.NONE, len(data), sha256_hex(data), iter([data]))

    async def log_read(self, delivery: Delivery) -> None:
        """Count a read for the audit log and the operator, before it is answered. Raises Unavailable."""
        kind = kind_of_file(delivery)
        await self.platform.read_log.add(self.library, self.consent.id, self.contract.id, kind, delivery.size)
        self.platform.usage.count_read(self.contract.id, self.consent.id, 1, delivery.size)

    def _permission(self) -> ReadPermission:
        return read_permission(self.contract, self.consent, self.session)

    async def _consented_accounts(self) -> list[ShownAccount]:
        return await shown_accounts(self.platform.database, self.consent)

    async def _accounts(self, permission: ReadPermission) -> Delivery:
        """Build accounts.json: the list of accounts of section 7.1 as a file. Protocol 6.6."""
        accounts = await self._consented_accounts()
        views = [account_view(self.platform.sources, account, self.library) for account in accounts]
        data = orjson.dumps([view.to_wire() for view in views])
        chunks = compress([data], permission.compression)
        return Delivery(_accounts_entry(accounts), permission.compression, len(data), sha256_hex(data), chunks)

    async def _pushed(self, name: UUID | None = None) -> list[tuple[PushedFileRow, FileMetadata | None]]:
        now, library = self.session.created_at, self.library
        async with self.platform.database.transaction() as db:
            return await readable_pushed_files(db, library, self.contract, self.consent, self.criteria, now, name)

    async def _pushed_file(self, name: str, permission: ReadPermission) -> Delivery:
        """Open a pushed file for reading. Protocol 10.3."""
        named = parse_pushed_name(name)
        found = await self._pushed(named) if named else []
        if not found:
            raise FileNotFound(NO_FILE)
        file, metadata = found[0]
        check_readable(self.platform, file.blob)
        if metadata is None:
            self.platform.metrics.count_unreadable()
            raise DataUnreadable(UNREADABLE)
        try:
            data = await asyncio.to_thread(open_pushed_content, self.platform.blobs, self.library, file)
        except UnreadableBlob as error:
            raise await unreadable_error(self.platform, error) from error
        chunks = compress(data, permission.compression)
        described = metadata.model_dump(by_alias=True, exclude_none=True)
        sha256 = open_sha256(self.library, file)
        return Delivery(pushed_file_entry(file), permission.compression, file.size, sha256, chunks, described)


def _accounts_entry(accounts: Sequence[ShownAccount]) -> dict[str, Any]:
    updated = max((int(account.updated_at.timestamp() * 1000) for account in accounts), default=1)
    return {"name": ACCOUNTS_FILE, "updatedDate": updated}


def kind_of_file(delivery: Delivery) -> str:
    """Name the kind of data in a file for the audit log: its object type, or "accounts" or "pushed"."""
    if delivery.pushed is not None:
        return PUSHED
    return str(delivery.entry.get("objectType", ACCOUNTS))
