"""Files that apps pushed to a person's library. Protocol 10.1, 10.3."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidRequest
from privateshare.platform.blobs.incoming import Received
from privateshare.platform.blobs.sealed import CHECK_ENDS_ABOVE_BYTES, check_ends, read_sealed
from privateshare.platform.blobs.sealing import Sealer
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.db.tables import ApplicationRow, ConsentRow, ContractRow, PushedFileRow
from privateshare.platform.library.libraries import FILE_HASH, OpenLibrary
from privateshare.protocol.messages import CriteriaMetadata, Criterion, FileEntry, FileMetadata, TimeRange
from privateshare.protocol.scope import window
from privateshare.protocol.wire import Wire

METADATA = "pushed metadata"


class DescribedAccount(Wire):
    """An account as the app names it; what else Android says of one is not kept."""

    account_id: str = ""


class Descriptor(Wire):
    """What the app says of the file: the claim `metadata` of the header FileDescriptor."""

    mime_type: str
    accounts: list[DescribedAccount]
    reference: list[str] | None = None
    tags: list[str] | None = None


def read_descriptor(claims: Mapping[str, Any]) -> Descriptor:
    """The descriptor in a JWT's claims. Raises InvalidRequest, naming the field that is wrong."""
    try:
        return Descriptor.model_validate(claims.get("metadata"))
    except ValidationError as error:
        fields = {".".join(str(part) for part in item["loc"]) for item in error.errors()}
        raise InvalidRequest(
            f"FileDescriptor: metadata is wrong in {', '.join(sorted(fields)) or 'its form'}"
        ) from error


def metadata_of(descriptor: Descriptor, contract: ContractRow, now: datetime) -> FileMetadata:
    """What a reader is told of a pushed file. Protocol 6.4."""
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
class Arrival:
    """A file on its way into a person's library, and what the app says of it."""

    library: OpenLibrary
    descriptor: Descriptor
    name: UUID = field(default_factory=uuid4)

    @property
    def blob(self) -> str:
        """Where its bytes go."""
        return self.library.blob(f"pushed/{self.name}")

    def sealer(self) -> Sealer:
        """What seals them."""
        return Sealer(self.library.key.value, self.library.blob_context(self.blob))

    def to_row(self, contract: ContractRow, received: Received, now: datetime) -> PushedFileRow:
        """The file, once all of it has arrived; its metadata is sealed too."""
        metadata = metadata_of(self.descriptor, contract, now).model_dump(by_alias=True, exclude_none=True)
        return PushedFileRow(
            library_id=self.library.id,
            name=self.name,
            contract_id=contract.id,
            created_at=now,
            sealed_metadata=self.library.seal(METADATA, self.name, orjson.dumps(metadata)),
            blob=self.blob,
            size=received.size,
            sealed_sha256=self.library.seal(FILE_HASH, self.blob, received.sha256.encode()),
        )


def open_metadata(library: OpenLibrary, file: PushedFileRow) -> FileMetadata:
    """The metadata of a pushed file."""
    return FileMetadata.model_validate(orjson.loads(library.open(METADATA, file.name, file.sealed_metadata)))


def open_sha256(library: OpenLibrary, file: PushedFileRow) -> str:
    """The hash of the bytes as they were pushed."""
    return library.open(FILE_HASH, file.blob, file.sealed_sha256).decode()


def pushed_entry(file: PushedFileRow) -> FileEntry:
    """A pushed file's entry in a list: its name is opaque, and it never changes."""
    return FileEntry(name=str(file.name), updated_date=int(file.created_at.timestamp() * 1000))


def pushed_name(text: str) -> UUID | None:
    """The name of a pushed file, as a list has it; None for what is none."""
    try:
        name = UUID(text)
    except ValueError:
        return None
    return name if str(name) == text else None


def content(blobs: BlobStore, library: OpenLibrary, file: PushedFileRow) -> Iterator[bytes]:
    """The bytes as they were pushed. Raises UnreadableBlob."""
    if file.size > CHECK_ENDS_ABOVE_BYTES:
        check_ends(blobs, file.blob, library.key.value, library.blob_context(file.blob))
    return read_sealed(blobs, file.blob, library.key.value, library.blob_context(file.blob))


async def readable_pushed(
    db: AsyncSession,
    library: OpenLibrary,
    contract: ContractRow,
    consent: ConsentRow,
    asked: Sequence[Criterion],
    now: datetime,
    name: UUID | None = None,
) -> list[tuple[PushedFileRow, FileMetadata]]:
    """The pushed files that a read-raw contract may read: those of its partner, or those that its criteria name.

    With `name`, the one of this name, if it is among them. The contract as it is, as the person saw it, and the session
    must all agree. Protocol 5.2, 10.3.
    """
    layers = [contract.document.reading.criteria, consent.document.reading.criteria, list(asked)]
    query = (
        select(PushedFileRow, ApplicationRow.partner_id)
        .join(ContractRow, ContractRow.id == PushedFileRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(PushedFileRow.library_id == library.id)
        .order_by(PushedFileRow.created_at, PushedFileRow.name)
    )
    if name is not None:
        query = query.where(PushedFileRow.name == name)
    rows, mine = (await db.execute(query)).all(), contract.application.partner_id
    files = [file for file, partner in rows if layers[0] or partner == mine]
    return await asyncio.to_thread(_matching, library, files, layers, now)


def _matching(
    library: OpenLibrary, files: Sequence[PushedFileRow], layers: Sequence[Sequence[Criterion]], now: datetime
) -> list[tuple[PushedFileRow, FileMetadata]]:
    """The files that every layer with criteria lets through. Blocks: the metadata of each is opened."""
    told = ((file, open_metadata(library, file)) for file in files)
    return [
        (file, metadata)
        for file, metadata in told
        if all(not layer or any(_matches(criterion, file, metadata, now) for criterion in layer) for layer in layers)
    ]


def _matches(criterion: Criterion, file: PushedFileRow, metadata: FileMetadata, now: datetime) -> bool:
    since = window(TimeRange(from_=criterion.from_, last=criterion.last), now)
    if since.start is not None and file.created_at.timestamp() * 1000 < since.start:
        return False
    return criterion.metadata is None or _matches_metadata(criterion.metadata, metadata)


def _matches_metadata(wanted: CriteriaMetadata, metadata: FileMetadata) -> bool:
    """Every field that is named must hold one of its values."""
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
