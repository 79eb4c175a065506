"""Files that apps pushed to a person's library. Protocol 10.1, 10.3."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import structlog
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidRequest
from privateshare.platform.blobs.incoming import Received
from privateshare.platform.blobs.sealed import CHECK_ENDS_ABOVE_BYTES, check_ends, read_sealed
from privateshare.platform.blobs.sealing import SealBroken, Sealer
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.db.engine import AnyTransaction, statements_of
from privateshare.platform.db.statements import NoRows, Statement
from privateshare.platform.db.tables import ApplicationRow, ConsentRow, ContractRow, PushedFileRow
from privateshare.platform.library.libraries import FILE_HASH, OpenLibrary
from privateshare.protocol.messages import (
    CriteriaMetadata,
    Criterion,
    FileMetadata,
    PushDescriptor,
    TimeRange,
)
from privateshare.protocol.scope import window

INSERT_PUSHED_FILE = Statement("insert_pushed_file", NoRows)
INSERT_FILE_OF_CALLER = Statement("insert_file_of_caller", NoRows)
METADATA = "pushed metadata"  # The purpose under which the metadata is encrypted.

log = structlog.get_logger()


def read_descriptor(claims: Mapping[str, Any]) -> PushDescriptor:
    """Parse the descriptor in a JWT's claims. Raises InvalidRequest, which names the invalid fields."""
    try:
        return PushDescriptor.model_validate(claims.get("metadata"))
    except ValidationError as error:
        fields = {".".join(str(part) for part in item["loc"]) for item in error.errors()}
        raise InvalidRequest(
            f"FileDescriptor: the claim metadata is invalid: {', '.join(sorted(fields)) or 'it is not an object'}"
        ) from error


def pushed_file_metadata(descriptor: PushDescriptor, contract: ContractRow, now: datetime) -> FileMetadata:
    """Build the metadata that readers of a pushed file receive. Protocol 6.4."""
    return FileMetadata.model_validate(
        {
            "mimetype": descriptor.mime_type,
            "accounts": [{"accountid": account.account_id} for account in descriptor.accounts],
            "reference": descriptor.reference,
            "tags": descriptor.tags,
            "appid": contract.application_id,
            "contractid": contract.id,
            "partnerid": contract.application.partner_id,
            "created": int(now.timestamp() * 1000),
        }
    )


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file that is being uploaded to a person's library, with the app's description of it."""

    library: OpenLibrary
    descriptor: PushDescriptor
    name: UUID = field(default_factory=uuid4)

    @property
    def blob(self) -> str:
        """The key of the blob that the file is stored in."""
        return self.library.blob(f"pushed/{self.name}")

    def sealer(self) -> Sealer:
        """Create the sealer that encrypts the file."""
        return Sealer(self.library.key.value, self.library.blob_context(self.blob))

    async def store(
        self,
        db: AnyTransaction,
        contract: ContractRow,
        consent: ConsentRow,
        received: Received,
        now: datetime,
        insert: Statement[NoRows] = INSERT_PUSHED_FILE,
    ) -> None:
        """Store the row of the file once it is received under a consent, with its metadata encrypted."""
        metadata = pushed_file_metadata(self.descriptor, contract, now).model_dump(by_alias=True, exclude_none=True)
        row = {
            "library_id": self.library.id,
            "name": self.name,
            "contract_id": contract.id,
            "created_at": now,
            "sealed_metadata": self.library.seal(METADATA, self.name, orjson.dumps(metadata)),
            "blob": self.blob,
            "size": received.size,
            "sealed_sha256": self.library.seal(FILE_HASH, self.blob, received.sha256.encode()),
            "library_before": consent.library_before,
        }
        await (await statements_of(db)).write(insert, row)


def open_metadata(library: OpenLibrary, file: PushedFileRow) -> FileMetadata:
    """Decrypt the metadata of a pushed file."""
    return FileMetadata.model_validate(orjson.loads(library.open(METADATA, file.name, file.sealed_metadata)))


def open_sha256(library: OpenLibrary, file: PushedFileRow) -> str:
    """Decrypt the SHA-256 of a pushed file's content."""
    return library.open(FILE_HASH, file.blob, file.sealed_sha256).decode()


def pushed_file_entry(file: PushedFileRow) -> dict[str, Any]:
    """Build a pushed file's entry in the list of files, as JSON. Its name says nothing, and it never changes."""
    return {"name": str(file.name), "updatedDate": int(file.created_at.timestamp() * 1000)}


def parse_pushed_name(text: str) -> UUID | None:
    """Parse the name of a pushed file as lists give it; None if the text is no such name."""
    try:
        name = UUID(text)
    except ValueError:
        return None
    return name if str(name) == text else None


def open_pushed_content(blobs: BlobStore, library: OpenLibrary, file: PushedFileRow) -> Iterator[bytes]:
    """Decrypt the content of a pushed file, chunk by chunk. Raises UnreadableBlob."""
    if file.size > CHECK_ENDS_ABOVE_BYTES:
        check_ends(blobs, file.blob, library.key.value, library.blob_context(file.blob))
    return read_sealed(blobs, file.blob, library.key.value, library.blob_context(file.blob))


async def readable_pushed_files(
    db: AsyncSession,
    library: OpenLibrary,
    contract: ContractRow,
    consent: ConsentRow,
    session_criteria: Sequence[Criterion],
    now: datetime,
    name: UUID | None = None,
) -> list[tuple[PushedFileRow, FileMetadata | None]]:
    """Find the pushed files that a session of a read-raw contract may read. Protocol 5.2, 10.3.

    These are the files of the contract's partner, or, if the contract has criteria, the files that match them. The
    criteria of the contract as it is, of the contract as the person saw it, and of the session must all match, and the
    date from which on the person shares. A consent that is older than a merge covers the files of its own library.
    Metadata that cannot be decrypted is None, and matches no criterion that asks for any.

    Args:
        db: The transaction.
        library: The person's library.
        contract: The contract as it is.
        consent: The consent, with the contract as the person saw it.
        session_criteria: The session's own criteria.
        now: The time that relative times in criteria count from.
        name: The only file to look for; None for all.
    """
    layers = [contract.document.reading.criteria, consent.document.reading.criteria, list(session_criteria)]
    query = (
        select(PushedFileRow, ApplicationRow.partner_id)
        .join(ContractRow, ContractRow.id == PushedFileRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(PushedFileRow.library_id == library.id)
        .order_by(PushedFileRow.created_at, PushedFileRow.name)
    )
    if name is not None:
        query = query.where(PushedFileRow.name == name)
    if consent.library_before is not None:
        query = query.where(PushedFileRow.library_before == consent.library_before)
    if (since := consent.choice.since_date) is not None:
        query = query.where(PushedFileRow.created_at >= since)
    rows, own_partner = (await db.execute(query)).all(), contract.application.partner_id
    files = [file for file, partner in rows if layers[0] or partner == own_partner]
    return await asyncio.to_thread(_matching, library, files, layers, now)


def _matching(
    library: OpenLibrary, files: Sequence[PushedFileRow], layers: Sequence[Sequence[Criterion]], now: datetime
) -> list[tuple[PushedFileRow, FileMetadata | None]]:
    """Select the files that match every layer that has criteria. Blocks, because it decrypts each file's metadata."""
    described = ((file, _metadata_if_readable(library, file)) for file in files)
    return [
        (file, metadata)
        for file, metadata in described
        if all(not layer or any(_matches(criterion, file, metadata, now) for criterion in layer) for layer in layers)
    ]


def _metadata_if_readable(library: OpenLibrary, file: PushedFileRow) -> FileMetadata | None:
    try:
        return open_metadata(library, file)
    except SealBroken as error:
        log.error("the metadata of a pushed file cannot be decrypted", blob=file.blob, reason=str(error))
        return None


def _matches(criterion: Criterion, file: PushedFileRow, metadata: FileMetadata | None, now: datetime) -> bool:
    since = window(TimeRange(from_=criterion.from_, last=criterion.last), now)
    if since.start is not None and file.created_at.timestamp() * 1000 < since.start:
        return False
    wanted = criterion.metadata
    return wanted is None or (metadata is not None and _matches_metadata(wanted, metadata))


def _matches_metadata(wanted: CriteriaMetadata, metadata: FileMetadata) -> bool:
    """Return whether every field that the criterion names has one of the named values."""
    accounts = [account.get("accountId", account.get("accountid", "")) for account in wanted.accounts or []]
    pairs = (
        (wanted.app_id, [metadata.appid]),
        (wanted.contract_id, [metadata.contractid]),
        (wanted.mime_type, [metadata.mimetype]),
        (wanted.reference, metadata.reference or []),
        (wanted.tags, metadata.tags or []),
        (accounts, [account.accountid for account in metadata.accounts or []]),
    )
    return all(not values or not set(values).isdisjoint(held) for values, held in pairs)
