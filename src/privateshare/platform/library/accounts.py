"""The sources that a person connected. Protocol 7.1."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID, uuid4

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import AccountRow, ConsentAccountRow
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.library.credentials import seal_token
from privateshare.platform.library.libraries import KeyLost, OpenLibrary, add_account_key, next_account_number
from privateshare.platform.runtime import Platform
from privateshare.protocol import messages
from privateshare.protocol.catalogue import catalogue
from privateshare.sources.contract import Identity, JsonObject, SourceInfo
from privateshare.sources.registry import Sources

DETAILS = "account details"


@dataclass(frozen=True, slots=True)
class Connected:
    """What a person connected: whose it is, and the sample or the sign-in that it comes from, if it is no archive."""

    source: SourceInfo
    identity: Identity
    sample: str | None = None
    token: JsonObject | None = field(default=None, repr=False)


async def connect_account(
    db: AsyncSession,
    platform: Platform,
    library: OpenLibrary,
    connected: Connected,
    expected: UUID | None = None,
    *,
    unproven_on: UUID | None = None,
) -> AccountRow:
    """Connect an account in a library; connecting the same one again renews it.

    Args:
        db: The transaction.
        platform: The platform.
        library: The library that it joins.
        connected: What was connected.
        expected: The account that it may be, if it does not say whose it is.
        unproven_on: The journey, if nobody proved on it that the library is theirs. Then what is connected joins only
            what was connected on the same journey, or the expected account by signing in to that very one.

    Raises:
        KeyStoreUnavailable: The key of a new account could not be kept.
    """
    identity_hash = _identity_hash(library, connected.source.id, connected.identity, unproven_on)
    of_source = select(AccountRow).where(
        AccountRow.library_id == library.id, AccountRow.source_id == connected.source.id
    )
    found = list(await db.scalars(of_source.order_by(AccountRow.number).with_for_update()))
    account = _signed_in_again(library, [entry for entry in found if entry.id == expected], connected)
    if account is None:
        accounts = [entry for entry in found if entry.unproven_on == unproven_on]
        possible = [entry for entry in accounts if expected in (None, entry.id)]
        known = (entry for entry in accounts if entry.identity_hash == identity_hash)
        account = next(known, None) or _possibly_same(library, possible, connected, identity_hash)
    if account is None:
        account = await _new_account(db, platform, library, connected, identity_hash)
        account.unproven_on = unproven_on
    account.signed_in = account.signed_in or connected.token is not None
    account.sample = connected.sample
    account.sealed_credentials = seal_token(library, account.id, connected.token) if connected.token else None
    account.needs_login = False
    account.updated_at = datetime.now(UTC)
    await db.flush()
    return account


def _signed_in_again(library: OpenLibrary, accounts: Sequence[AccountRow], connected: Connected) -> AccountRow | None:
    if connected.token is None:
        return None
    return next((entry for entry in accounts if is_same(entry, library, connected.identity)), None)


def _possibly_same(
    library: OpenLibrary, accounts: Sequence[AccountRow], connected: Connected, identity_hash: bytes
) -> AccountRow | None:
    """The account that an archive belongs to though they are not named alike; None if there is none, or several.

    Some archives do not say whose they are, and others of the same account do. An archive without a name belongs to
    the one account of its source that there is. One with a name belongs to the one account that has none, which has
    the name from then on, and keeps the id that its objects are known by.
    """
    others = [account for account in accounts if account.sample is None]
    if len(others) != 1:
        return None
    if not connected.identity.named:
        return others[0]
    known = account_identity(others[0], library)
    if known.named:
        return None
    renamed = replace(connected.identity, provider_account_id=known.provider_account_id)
    others[0].sealed_details = _sealed_details(library, others[0].id, renamed)
    others[0].identity_hash = identity_hash
    return others[0]


def _sealed_details(library: OpenLibrary, account_id: UUID, identity: Identity) -> bytes:
    details = {
        "provider_account_id": identity.provider_account_id,
        "display_name": identity.display_name,
        "named": identity.named,
    }
    return library.account(account_id).seal(DETAILS, account_id, orjson.dumps(details))


async def _new_account(
    db: AsyncSession, platform: Platform, library: OpenLibrary, connected: Connected, identity_hash: bytes
) -> AccountRow:
    id_ = uuid4()
    account = AccountRow(
        library_id=library.id,
        id=id_,
        number=await next_account_number(db, library.id),
        public_id=f"{connected.source.service_type}_{new_id()}",
        reference=new_id(),
        source_id=connected.source.id,
        service_type=connected.source.service_type,
        service_group=connected.source.service_group,
        type=connected.identity.type,
        identity_hash=identity_hash,
        sealed_details=b"",
    )
    db.add(account)
    await db.flush()
    await add_account_key(platform, library, id_)
    account.sealed_details = _sealed_details(library, id_, connected.identity)
    return account


def account_identity(account: AccountRow, library: OpenLibrary) -> Identity:
    """Whose account it is."""
    details = orjson.loads(library.account(account.id).open(DETAILS, account.id, account.sealed_details))
    named = details.get("named", True)
    return Identity(details["provider_account_id"], details["display_name"], account.type, named=named)


def is_same(account: AccountRow, library: OpenLibrary, identity: Identity) -> bool:
    """Tell whether an account is certainly this one: both say whose they are, and it is the same."""
    known = account_identity(account, library)
    return known.named and identity.named and known.provider_account_id == identity.provider_account_id


def may_be_of(account: AccountRow, library: OpenLibrary, identity: Identity) -> bool:
    """Whether an account may be this one: it is, or one of the two does not say whose it is."""
    connected_hash = _identity_hash(library, account.source_id, identity)
    known = account_identity(account, library)
    return account.identity_hash == connected_hash or not identity.named or not known.named


async def is_proof_of_person(db: AsyncSession, library: OpenLibrary, source_id: int, identity: Identity) -> bool:
    """Tell whether who signed in at a source as this is the library's person: they signed in there as the same before.

    An account that nobody proved to be the person's own proves nothing, nor does one that came from a file.
    """
    if not identity.named:
        return False
    query = select(AccountRow.id).where(
        AccountRow.library_id == library.id,
        AccountRow.source_id == source_id,
        AccountRow.identity_hash == _identity_hash(library, source_id, identity),
        AccountRow.unproven_on.is_(None),
        AccountRow.signed_in.is_(True),
    )
    return await db.scalar(query) is not None


async def adopt_accounts(db: AsyncSession, library: OpenLibrary, journey_id: UUID) -> None:
    """Make what was connected on a journey the person's own, now that they proved who they are.

    What they have already stays apart: it can be shared on this journey alone.
    """
    query = select(AccountRow).where(AccountRow.library_id == library.id).with_for_update()
    accounts = list(await db.scalars(query))
    taken = {(account.source_id, account.identity_hash) for account in accounts}
    for account in accounts:
        if account.unproven_on != journey_id or account.id in library.lost_accounts:
            continue
        identity_hash = _identity_hash(library, account.source_id, account_identity(account, library))
        if (account.source_id, identity_hash) not in taken:
            account.identity_hash, account.unproven_on = identity_hash, None
    await db.flush()


def display_name(account: AccountRow, library: OpenLibrary) -> str | None:
    """The name that the source knows the person by; None if the account's key is lost, which hides no other account."""
    try:
        return account_identity(account, library).display_name
    except KeyLost:
        return None


async def consented_accounts(db: AsyncSession, consent_id: UUID) -> list[AccountRow]:
    """The accounts that a consent lets its contract see, oldest first."""
    query = (
        select(AccountRow)
        .join(
            ConsentAccountRow,
            (ConsentAccountRow.library_id == AccountRow.library_id) & (ConsentAccountRow.account_id == AccountRow.id),
        )
        .where(ConsentAccountRow.consent_id == consent_id)
        .order_by(AccountRow.number)
    )
    return list(await db.scalars(query))


async def library_accounts(db: AsyncSession, library_id: UUID) -> list[AccountRow]:
    """All accounts of a library, oldest first."""
    return list(
        await db.scalars(select(AccountRow).where(AccountRow.library_id == library_id).order_by(AccountRow.number))
    )


def account_view(sources: Sources, account: AccountRow, library: OpenLibrary) -> messages.Account:
    """Describe an account to an app. Protocol 7.1."""
    entries = catalogue()
    group = entries.service_groups[account.service_group]
    service = entries.service_types[account.service_type]
    source = sources.listed.get(account.source_id)  # None if the operator took it out of the settings
    return messages.Account(
        id=account.public_id,
        reference=account.reference,
        type=account.type,
        created_date=_milliseconds(account.created_at),
        updated_date=_milliseconds(account.updated_at),
        service_group_id=group.id,
        service_group_name=group.name,
        service_type_id=service.id,
        service_type_name=service.name,
        service_type_reference=service.reference,
        source_id=account.source_id,
        access_token_status=messages.AccessTokenStatus(authorized=not account.needs_login),
        service_provider_id=account.source_id,
        service_provider_name=source.name if source else None,
        service_provider_reference=source.reference if source else None,
        username=display_name(account, library),
        sample=True if account.sample else None,
    )


def _identity_hash(library: OpenLibrary, source_id: int, identity: Identity, unproven_on: UUID | None = None) -> bytes:
    """Recognise an account again without telling whose it is: it takes the library's key to make.

    What was connected without proof is recognised on the same journey alone.
    """
    told = f"{source_id} {identity.provider_account_id}"
    if unproven_on is not None:
        told = f"{unproven_on} {told}"
    return hmac.digest(library.key.value, f"account identity {told}".encode(), sha256)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
