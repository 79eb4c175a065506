"""Connecting a source: it becomes a new account of the library, or updates the account that it belongs to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import AccountRow, JourneyRow, LibraryRow
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.library.account_identities import (
    account_hash,
    account_identity,
    is_same_owner,
    seal_identity,
)
from privateshare.platform.library.credentials import seal_token
from privateshare.platform.library.libraries import OpenLibrary, add_account_key, next_account_number
from privateshare.platform.library.undecided_accounts import agree_to_sign_in, is_connected_elsewhere, take_part
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Identity, JsonObject, SourceInfo

ANOTHER: Literal["another"] = "another"


@dataclass(frozen=True, slots=True)
class ConnectedSource:
    """A source that a person connected, and the identity it reported.

    Attributes:
        source: The source.
        identity: Whose account at the source it is.
        sample: The name of the sample data set, if the person chose one.
        token: The OAuth token response, if the person signed in. An uploaded archive has neither sample nor token.
        brought_in: Whether it comes from an archive of another PrivateShare. An account that is there already then
            stays connected as it is.
        belongs_to: The account that the person chose for an export that does not name its owner, or `ANOTHER` if they
            said that it is none of those that are here.
        may_be_declined: Whether the person may still decline what they do on this journey. Accounts that others have to
            do with then stay as they are.
    """

    source: SourceInfo
    identity: Identity
    sample: str | None = None
    token: JsonObject | None = field(default=None, repr=False)
    brought_in: bool = False
    belongs_to: UUID | Literal["another"] | None = None
    may_be_declined: bool = False

    def keeps(self, *, is_own: bool) -> bool:
        """Return whether an account stays as it is. `is_own` says whether only this journey has to do with it."""
        return self.brought_in or (self.may_be_declined and not is_own)


async def connect_account(
    db: AsyncSession,
    platform: Platform,
    library: OpenLibrary,
    connected: ConnectedSource,
    expected: UUID | None = None,
    *,
    unproven_on: UUID | None = None,
    journey: JourneyRow | None = None,
) -> AccountRow:
    """Add an account for a connected source, or update the account that the person connected before.

    Args:
        db: The transaction. The library is locked in it against other new accounts.
        platform: Where the new account's key is created.
        library: The person's library.
        connected: The source, and the identity it reported.
        expected: The only account that may be updated although its identity differs; None for any of the source. If its
            key is lost, a new account is added.
        unproven_on: The journey, if the visitor has not proved on it that the library is theirs. Then only an account
            from the same journey is updated, or the expected account if the visitor signed in to that very account.
        journey: The journey on which the source is connected; None on the person's own pages.

    Returns:
        The new or updated account.

    Raises:
        KeyStoreUnavailable: The key of a new account cannot be created.
    """
    # Without it, a form that was sent twice could connect the same new account twice.
    await db.execute(select(LibraryRow.id).where(LibraryRow.id == library.id).with_for_update(key_share=True))
    if connected.belongs_to == ANOTHER and not connected.identity.named:
        connected = replace(connected, identity=_of_its_own(connected.identity))
    identity_hash = account_hash(library, connected.source.id, connected.identity, unproven_on)
    of_source = select(AccountRow).where(
        AccountRow.library_id == library.id, AccountRow.source_id == connected.source.id
    )
    found = list(await db.scalars(of_source.order_by(AccountRow.number).with_for_update()))
    _set_aside_lost(library, [entry for entry in found if entry.unproven_on == unproven_on])
    found = [entry for entry in found if entry.id not in library.lost_accounts]
    journey_id = journey.id if journey is not None else None
    own = {entry.id for entry in found if entry.undecided and not await is_connected_elsewhere(db, entry, journey_id)}
    account = _find_account(library, found, connected, expected, unproven_on, identity_hash, own)
    if account is None:
        account = await _new_account(db, platform, library, connected, identity_hash)
        account.unproven_on, account.undecided = unproven_on, journey is not None
        own.add(account.id)
    await take_part(db, platform, account, journey_id)
    if connected.keeps(is_own=account.id in own):
        return account
    _update(library, account, connected)
    await db.flush()
    if connected.token is not None and account.undecided and journey is not None:
        journey.signed_in_ids = sorted({*journey.signed_in_ids, str(account.id)})
    elif connected.token is not None:
        await agree_to_sign_in(db, library.id, account.id)
    return account


def _find_account(
    library: OpenLibrary,
    readable: Sequence[AccountRow],
    connected: ConnectedSource,
    expected: UUID | None,
    unproven_on: UUID | None,
    identity_hash: bytes,
    own: Collection[UUID],
) -> AccountRow | None:
    """Find the account that a connected source belongs to; None if it is a new one.

    Args:
        library: The person's library.
        readable: The accounts of the source whose keys are there, oldest first.
        connected: The source, and the identity it reported.
        expected: As in `connect_account`.
        unproven_on: As in `connect_account`.
        identity_hash: The hash of the identity.
        own: The accounts that only this journey has anything to do with.
    """
    if expected in library.lost_accounts:
        expected = None
    signed_in = _signed_in_again(library, [entry for entry in readable if entry.id == expected], connected)
    if signed_in is not None:
        return signed_in
    accounts = [entry for entry in readable if entry.unproven_on == unproven_on]
    if connected.belongs_to is None or connected.identity.named:
        known = next((entry for entry in accounts if entry.identity_hash == identity_hash), None)
        if known is not None:
            return known
    if connected.belongs_to == ANOTHER:
        return None
    possible = [entry for entry in accounts if expected in (None, entry.id)]
    if isinstance(connected.belongs_to, UUID):
        possible = [entry for entry in possible if entry.id == connected.belongs_to]
    return _possibly_same(library, possible, connected, identity_hash, own)


def _update(library: OpenLibrary, account: AccountRow, connected: ConnectedSource) -> None:
    """Update an account, new or known, as it was connected now."""
    if connected.token is not None:  # The source itself says whose account it is. A file may have said something else.
        account.sealed_details = seal_identity(library, account.id, connected.identity)
    account.signed_in = account.signed_in or (connected.token is not None and connected.source.proves_person)
    account.sample = connected.sample
    if connected.token is not None:
        account.sealed_credentials = seal_token(library, account.id, connected.token)
    elif connected.sample is not None or account.needs_login:
        # An upload leaves a sign-in as it is. If the source does not accept that any more, the account goes on without.
        account.sealed_credentials = None
    account.needs_login = False
    account.updated_at = datetime.now(UTC)


def _set_aside_lost(library: OpenLibrary, accounts: Sequence[AccountRow]) -> None:
    """Take the identities of accounts whose key is lost, so that the person can connect the same accounts anew.

    They stay in the list of sources until the person removes them, or the operator restores the keys.
    """
    for account in accounts:
        if account.id in library.lost_accounts:
            nobody = Identity(str(account.id), "")
            account.identity_hash = account_hash(library, account.source_id, nobody, account.id)


def _of_its_own(identity: Identity) -> Identity:
    """Return the identity of a further account whose owner is not named."""
    return replace(identity, provider_account_id=f"{identity.provider_account_id}-{new_id()}")


def _signed_in_again(
    library: OpenLibrary, accounts: Sequence[AccountRow], connected: ConnectedSource
) -> AccountRow | None:
    if connected.token is None:
        return None
    return next(
        (entry for entry in accounts if is_same_owner(account_identity(entry, library), connected.identity)), None
    )


def _possibly_same(
    library: OpenLibrary,
    accounts: Sequence[AccountRow],
    connected: ConnectedSource,
    identity_hash: bytes,
    own: Collection[UUID],
) -> AccountRow | None:
    """Find the account that an archive belongs to when their identities differ; None if no account or several match.

    Some archives name their owner, and others of the same account do not. An archive without a named owner belongs to
    the source's only account. An archive with a named owner belongs to the only account without one. That account
    takes over the name and the owner's id. Its objects go on to refer to the id that they referred to before. Those in
    `own` are of this journey alone.
    """
    others = [account for account in accounts if account.sample is None]
    if len(others) != 1:
        return None
    if not connected.identity.named:
        return others[0]
    known = account_identity(others[0], library)
    if known.named:
        return None
    if connected.may_be_declined and connected.keeps(is_own=others[0].id in own):
        return others[0]
    renamed = replace(connected.identity, id_in_objects=known.objects_owner)
    others[0].sealed_details = seal_identity(library, others[0].id, renamed)
    others[0].identity_hash = identity_hash
    return others[0]


async def _new_account(
    db: AsyncSession, platform: Platform, library: OpenLibrary, connected: ConnectedSource, identity_hash: bytes
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
    account.sealed_details = seal_identity(library, id_, connected.identity)
    return account


async def is_proof_of_person(db: AsyncSession, library: OpenLibrary, source_id: int, identity: Identity) -> bool:
    """Return whether signing in at a source with this identity proves that the visitor is the library's person.

    It does if the person signed in there with the same identity before. An account that was connected without proof,
    or from a file, proves nothing.
    """
    if not identity.named:
        return False
    query = select(AccountRow.id).where(
        AccountRow.library_id == library.id,
        AccountRow.source_id == source_id,
        AccountRow.identity_hash == account_hash(library, source_id, identity),
        AccountRow.unproven_on.is_(None),
        AccountRow.signed_in.is_(True),
    )
    return await db.scalar(query) is not None


async def adopt_accounts(db: AsyncSession, library: OpenLibrary, journey_id: UUID) -> None:
    """Assign the accounts of a journey to the person, after the visitor has proved to be that person.

    An account that the person has connected already is not merged: it can be shared on this journey only.
    """
    query = select(AccountRow).where(AccountRow.library_id == library.id).with_for_update()
    accounts = list(await db.scalars(query))
    taken = {(account.source_id, account.identity_hash) for account in accounts}
    for account in accounts:
        if account.unproven_on != journey_id or account.id in library.lost_accounts:
            continue
        identity_hash = account_hash(library, account.source_id, account_identity(account, library))
        if (account.source_id, identity_hash) not in taken:
            account.identity_hash, account.unproven_on = identity_hash, None
    await db.flush()
