"""Receipts for people: what they agreed to, as a signed document after ISO/IEC TS 27560. Protocol 15.2.

The terms are those of the W3C's Data Privacy Vocabulary (DPV), and of its guide for ISO/IEC TS 27560. What it has no
term for is in our own namespace. A receipt is sealed with the person's key, and erased with the library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import orjson
import structlog
from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.audit.entries import EventKind
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow, ConsentAccountRow, ConsentRow, ContractRow, ReceiptRow
from privateshare.platform.grants.consents import public_user_id
from privateshare.platform.library.accounts import accounts_of
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.runtime import Platform
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.choice import Choice
from privateshare.protocol.contract_document import ContractDocument, DataRequest
from privateshare.protocol.receipts import AGREED, NAMESPACE, Document, sign_receipt

PURPOSE = "receipt"
PROFILE = "https://w3id.org/dpv/schema/dpv-27560#receipt-record"
CONTEXT = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "ps": NAMESPACE,
    "schema": "https://schema.org/",
}
STATUS = {
    EventKind.CONSENT_GIVEN: "dpv:ConsentGiven",
    EventKind.CONSENT_CHANGED: "dpv:RenewedConsentGiven",
    EventKind.CONSENT_WITHDRAWN: "dpv:ConsentWithdrawn",
}
# These change while a consent is used, and are not what was agreed.
CHANGING = {"used_at", "revoked_at", "library_id", "deletion_asked_at", "deletion_confirmed_at"}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person saw when they decided, and where.

    Attributes:
        origin: The platform's address; empty if it is unknown.
        language: The language of the notice.
        notice: The text of the page; empty if the page had no notice of its own, such as the one to withdraw.
    """

    origin: str = ""
    language: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it was signed."""

    id: UUID
    consent_id: UUID
    event: EventKind
    created_at: datetime
    content: bytes


async def issue_receipt(
    db: AsyncSession,
    platform: Platform,
    library: OpenLibrary,
    consent: ConsentRow,
    event: EventKind,
    shown: Shown,
    by: str,
    now: datetime,
) -> None:
    """Write a receipt of a consent as it is now, sign it, and store it sealed in the person's library."""
    id_ = uuid4()
    contract = await db.get_one(ContractRow, consent.contract_id)
    document = {
        "@context": CONTEXT,
        "@id": id_.urn,
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": [PROFILE, NAMESPACE.rstrip("#")],
        "dct:identifier": str(id_),
        "dct:created": _moment(now),
        "dct:publisher": _publisher(platform, shown.origin),
        "dpv:hasRecordOfActivity": {
            "@id": consent.id.urn,
            "@type": "dpv:ConsentRecord",
            "dct:identifier": str(consent.id),
            "dpv:hasDataSubject": await _subject(db, consent, contract),
            "dpv:hasDataController": _controller(contract),
            "dpv:hasConsentStatus": {
                "@type": STATUS[event],
                "dpv:isIndicatedAtTime": _moment(now),
                "dpv:isIndicatedBy": by,
                "ps:event": str(event),
            },
            "dpv:hasLegalBasis": "dpv:Consent",
            "dpv:hasNotice": await _notice(db, library, consent, shown),
            "dpv:hasProcess": _process(consent, contract),
        },
        AGREED: await _agreed(db, consent, contract),
    }
    content = sign_receipt(document, platform.signer.public_entry, platform.signer.sign_statement)
    row = ReceiptRow(
        library_id=library.id,
        id=id_,
        consent_id=consent.id,
        event=event,
        created_at=now,
        sealed=library.seal(PURPOSE, id_, content),
    )
    db.add(row)
    await db.flush()


async def list_receipts(db: AsyncSession, library: OpenLibrary) -> Sequence[Receipt]:
    """List a person's receipts, the newest first. One that cannot be decrypted is left out, and logged."""
    query = select(ReceiptRow).where(ReceiptRow.library_id == library.id).order_by(ReceiptRow.created_at.desc())
    opened = [_open_if_readable(library, row) for row in await db.scalars(query)]
    return [receipt for receipt in opened if receipt is not None]


async def find_receipt(db: AsyncSession, library: OpenLibrary, receipt_id: UUID) -> Receipt | None:
    """Find a receipt of a person; None if there is none with this id in their library that can be decrypted."""
    row = await db.get(ReceiptRow, (library.id, receipt_id))
    return _open_if_readable(library, row) if row is not None else None


def _open_if_readable(library: OpenLibrary, row: ReceiptRow) -> Receipt | None:
    try:
        content = library.open(PURPOSE, row.id, row.sealed)
    except SealBroken as error:
        log.error("a receipt cannot be decrypted", receipt=str(row.id), reason=str(error))
        return None
    return Receipt(row.id, row.consent_id, EventKind(row.event), row.created_at, content)


# --- the parts of a receipt ---


def _publisher(platform: Platform, origin: str) -> Document:
    settings = platform.settings
    address = origin or settings.origin or ""
    named = {
        "@id": address,
        "@type": "dpv:DataProcessor",
        "schema:name": settings.operator_name,
        "schema:contactPoint": settings.operator_contact,
        "ps:keys": f"{address}/v1.7/jwks/oauth" if address else None,
    }
    return {name: value for name, value in named.items() if value}


async def _subject(db: AsyncSession, consent: ConsentRow, contract: ContractRow) -> Document:
    id_ = consent.sub or await public_user_id(db, consent.library_id, contract.application.partner_id)
    return {"@type": "dpv:DataSubject", "dct:identifier": id_}


def _controller(contract: ContractRow) -> Document:
    application, links = contract.application, contract.document.resources
    return {
        "@type": "dpv:DataController",
        "dct:identifier": application.partner_id,
        "schema:name": application.partner.name,
        "schema:application": {"dct:identifier": application.id, "schema:name": application.name},
        "schema:url": links.home_page,
        "dpv:hasPolicy": links.privacy_policy,
    }


async def _notice(db: AsyncSession, library: OpenLibrary, consent: ConsentRow, shown: Shown) -> Document:
    """Describe the notice. Where a page had none of its own, it is that of the consent's latest receipt.

    If that receipt is missing or damaged, the notice is empty: nothing must prevent a withdrawal.
    """
    if not shown.notice:
        return await _earlier_notice(db, library, consent)
    return {
        "@type": "dpv:ConsentNotice",
        "dct:language": shown.language,
        "dct:description": shown.notice,
        "ps:sha256": sha256(shown.notice.encode()).hexdigest(),
    }


async def _earlier_notice(db: AsyncSession, library: OpenLibrary, consent: ConsentRow) -> Document:
    query = select(ReceiptRow).where(ReceiptRow.library_id == library.id, ReceiptRow.consent_id == consent.id)
    row = await db.scalar(query.order_by(ReceiptRow.created_at.desc()).limit(1))
    receipt = _open_if_readable(library, row) if row is not None else None
    if receipt is None:
        return {"@type": "dpv:ConsentNotice", "dct:description": ""}
    notice: Document = orjson.loads(receipt.content)["dpv:hasRecordOfActivity"]["dpv:hasNotice"]
    return notice


def _process(consent: ConsentRow, contract: ContractRow) -> Document:
    document, writes = consent.document, contract.kind == "write"
    reading = document.reading
    until = {"@type": "dpv:UntilTimeDuration", "schema:endDate": _moment(consent.expires_at)}
    process = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@type": "dpv:Purpose",
            "dct:description": document.writing.purpose if writes else reading.purpose,
        },
        "dpv:hasProcessing": "dpv:Store" if writes else "dpv:MakeAvailable",
        "dpv:hasDuration": until if consent.expires_at else {"@type": "dpv:UntilEventDuration"},
    }
    if writes:
        return process
    keeping, sharing = reading.data_retention, reading.external_share_policy
    return process | {
        "dpv:hasPersonalData": _data(consent, reading),
        "dpv:hasStorageCondition": _policy(keeping.data_retained, keeping.description),
        "dpv:hasRecipient": _policy(sharing.shared_externally, sharing.description),
    }


def _policy(value: bool | None, words: str) -> Document:
    """Say what an app says about keeping data or passing it on. `ps:does` is null if it does not say."""
    return {"ps:does": value, "dct:description": words}


def _data(consent: ConsentRow, request: DataRequest) -> list[Document]:
    """List the kinds of data: those that the person chose, or else the groups that the contract asks for."""
    known = catalogue()
    if consent.choice.accounts is None:
        groups = (known.service_groups.get(group.id) for group in request.service_groups)
        named = [group.reference for group in groups if group is not None]
    else:
        chosen = {kind for account in consent.choice.accounts.values() for kind in account.kinds}
        kinds = (known.object_types.get(kind) for kind in sorted(chosen))
        named = [kind.reference for kind in kinds if kind is not None]
    return [{"@type": "dpv:PersonalData", "dct:title": name} for name in named]


async def _agreed(db: AsyncSession, consent: ConsentRow, contract: ContractRow) -> Document:
    """Copy everything that the consent holds, so that its digest stands for precisely what was agreed."""
    accounts = select(ConsentAccountRow.account_id, AccountRow.source_id, AccountRow.public_id).join(
        AccountRow,
        (AccountRow.library_id == ConsentAccountRow.library_id) & (AccountRow.id == ConsentAccountRow.account_id),
    )
    covered = await db.execute(accounts.where(*accounts_of(consent)).order_by(AccountRow.number))
    columns = [column.key for column in inspect(ConsentRow).columns if column.key not in CHANGING]
    return {
        "consent": {name: _plain(getattr(consent, name)) for name in columns},
        "contract": {"kind": contract.kind, "application": contract.application_id},
        "accounts": [{"id": str(id_), "source": source, "reference": public} for id_, source, public in covered],
    }


def _plain(value: Any) -> Any:
    """Turn a value of a column into JSON. Raises TypeError for an unknown type, so that nothing is left out unseen."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, ContractDocument):
        return _plain(value.raw)
    if isinstance(value, Choice):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, Sequence):
        return [_plain(entry) for entry in value]
    raise TypeError(f"a receipt cannot hold a value of the type {type(value).__name__}")


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
