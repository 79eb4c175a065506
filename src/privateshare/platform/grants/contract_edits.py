"""New versions of contracts: what is less applies at once, and what is more only to people who agree to it.

A consent holds the document that the person saw, and every read is limited by both documents. So nothing has to be
changed in the consents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.db.tables import ConsentRow, ContractRow, live_consents
from privateshare.platform.grants.contracts import check_document, check_registrable
from privateshare.protocol import jwt
from privateshare.protocol.contract_changes import Difference, differences, grown_subjects
from privateshare.protocol.contract_document import ContractDocument


@dataclass(frozen=True, slots=True)
class ContractEdit:
    """The new values of a contract; None leaves a value as it is."""

    document: Mapping[str, Any]
    redirect_uris: Sequence[str] | None = None
    once: bool | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EditedContract:
    """What an edit changed, and how many live consents do not cover everything that the contract now asks for."""

    contract: ContractRow
    revision: str
    differences: Sequence[Difference]
    people_to_ask: int


async def load_for_edit(db: AsyncSession, contract_id: str, now: datetime) -> ContractRow:
    """Load a contract and lock it. Raises ConfigurationError if there is none, or it has ended."""
    contract = await db.get(ContractRow, contract_id, with_for_update={"of": ContractRow})
    if contract is None:
        raise ConfigurationError(
            f"there is no contract {contract_id}", hint="List them with: privateshare contract list"
        )
    if contract.expires_at is not None and contract.expires_at <= now:
        raise ConfigurationError(f"the contract {contract_id} has ended", hint="Register a new one")
    return contract


async def edit_contract(db: AsyncSession, contract: ContractRow, edit: ContractEdit, now: datetime) -> EditedContract:
    """Give a contract a new version of its document. Call it with a contract from `load_for_edit`.

    Raises ConfigurationError if the document or a redirect URI cannot be used.
    """
    before = contract.document
    revision = _next_revision(before)
    document = check_document({**edit.document, "revision": revision})
    for uri in edit.redirect_uris or ():
        check_registrable(uri)
    contract.document = document
    if edit.redirect_uris is not None:
        contract.redirect_uris = list(edit.redirect_uris)
    if edit.once is not None:
        contract.once = edit.once
    if edit.expires_at is not None:
        contract.expires_at = edit.expires_at
    await db.flush()
    changed = differences(before, document, now)
    return EditedContract(contract, revision, changed, await _people_to_ask(db, contract, document, now))


def replace_public_key(contract: ContractRow, pem: str, now: datetime, overlap: timedelta) -> None:
    """Give a contract another public key; the one that it has stays valid for a while.

    Raises ConfigurationError if it is no suitable key, or the one that the contract has.
    """
    new = jwt.public_pem(jwt.load_public_key(pem))
    if new == contract.public_key:
        raise ConfigurationError("the contract has this key already", hint="Make a new one, with --key-out FILE")
    contract.previous_public_key = contract.public_key if overlap else None
    contract.previous_key_until = now + overlap if overlap else None
    contract.public_key = new


def _next_revision(document: ContractDocument) -> str:
    """Return the number after a document's revision; 2 if that is no number."""
    revision = str(document.raw.get("revision", "1"))
    return str(int(revision) + 1) if revision.isascii() and revision.isdigit() and len(revision) < 10 else "2"


async def _people_to_ask(db: AsyncSession, contract: ContractRow, document: ContractDocument, now: datetime) -> int:
    """Count the live consents that are for less than the document asks for."""
    query = select(ConsentRow.document, func.count()).where(ConsentRow.contract_id == contract.id, live_consents(now))
    agreed = await db.execute(query.group_by(ConsentRow.document))
    return sum(number for seen, number in agreed if grown_subjects(seen, document, now))
