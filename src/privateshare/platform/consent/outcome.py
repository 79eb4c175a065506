"""The end of a journey: consent, a refusal or an error, and the redirect to the app. Protocol 8.3, 8.4."""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.consent.app_redirect import Failure
from privateshare.platform.consent.known_browser import remember_browser
from privateshare.platform.consent.page_text import shown_to
from privateshare.platform.consent.previews import finished_previews
from privateshare.platform.consent.rendering import RedirectInstead, redirect
from privateshare.platform.consent.source_choice import contract_reach, shared_kinds
from privateshare.platform.consent.visit import Visit
from privateshare.platform.db.tables import NO_LIBRARY_YET, AccountRow, AuthorizationCodeRow, ConsentRow, SessionRow
from privateshare.platform.grants.consent_events import PERSON, consent_agreed, withdraw_consent
from privateshare.platform.grants.consents import Agreed, live_consent, record_consent, share_more_accounts
from privateshare.platform.grants.journeys import find_consent
from privateshare.platform.grants.postboxes import create_postbox, wants_postbox
from privateshare.platform.grants.receipts import Shown
from privateshare.platform.grants.references import take_reference
from privateshare.platform.grants.tokens import issue_code
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.keys.wrapping import open_value, seal_value
from privateshare.platform.library.archives import agree_to_archives
from privateshare.platform.library.credentials import open_token, revoke_token
from privateshare.platform.library.erasure import erase_account, withdraw_access
from privateshare.platform.library.libraries import OpenLibrary, create_library, lock_library, open_library
from privateshare.platform.library.storages import assign_storage
from privateshare.platform.library.undecided_accounts import agree_to_accounts, undo_journey
from privateshare.platform.sync.sessions import end_session, start_session
from privateshare.protocol.scope import reach_of_contract

OUTCOME = "journey outcome"


async def journey_library(visit: Visit) -> OpenLibrary:
    """Open the library of this journey. A new person gets a provisional one, which becomes theirs once they consent.

    The library cannot be erased until the transaction ends.
    """
    if visit.journey.library_id is not None:
        await lock_library(visit.db, visit.journey.library_id)
        return await open_library(visit.db, visit.platform, visit.journey.library_id)
    library = await create_library(visit.db, visit.platform)
    visit.journey.library_id, visit.journey.provisional = library.id, True
    return library


async def accept(
    visit: Visit, accounts: Sequence[AccountRow], agreed: Agreed | None = None, shown: Shown | None = None
) -> str:
    """Record the person's consent for these accounts, and start the app's session; return where the browser goes.

    `agreed` is what they chose; by default it is all that the contract asks for, until the contract ends. `shown` is
    what they saw, for their receipt.

    Raises RedirectInstead if the person must prove who they are first.
    """
    if not visit.proven and not _is_about_this_journey_alone(visit, accounts):
        raise RedirectInstead(redirect(visit.address("person")))
    library, unproven = await journey_library(visit), not visit.proven
    ids = [account.id for account in accounts]
    await _agree_to_accounts(visit, library, ids)
    linked = await _linked_consent(visit, library.id)
    earlier = None if unproven else await live_consent(visit.db, visit.contract.id, library.id, visit.now, linked)
    consent = await record_consent(
        visit.db, visit.contract, library.id, ids, visit.now, agreed=agreed, unproven=unproven, linked=linked
    )
    saw = shown or shown_to(visit)
    await consent_agreed(visit.db, visit.platform, library, consent, saw, visit.now, changed=earlier is consent)
    await _remember_browser(visit, library)
    await _assign_storage(visit, consent)
    await agree_to_archives(visit.db, visit.journey)
    await _start_reading(visit, consent)
    code = await issue_code(visit.db, visit.platform, consent, visit.journey.challenge or "", visit.now)
    reference = _new_reference(visit, accounts)
    visit.journey.provisional, visit.journey.consent_id = False, consent.id
    postbox = await create_postbox(visit.db, library, consent) if wants_postbox(visit.contract) else None
    return _finish(visit, visit.destination.success(code=code, account_reference=reference, postbox=postbox))


async def _agree_to_accounts(visit: Visit, library: OpenLibrary, shared: Sequence[UUID]) -> None:
    """Keep the accounts that the person shares, and those that they connected on this journey without sharing them."""
    connected = [UUID(id_) for id_ in visit.journey.account_ids]
    await agree_to_accounts(visit.db, library.id, {*connected, *shared}, visit.journey)


async def _linked_consent(visit: Visit, library_id: UUID) -> ConsentRow | None:
    """Return the consent that the app linked to, if the visitor did not say that they are somebody else."""
    id_ = visit.journey.linked_consent_id
    return await visit.db.get(ConsentRow, (library_id, id_)) if id_ is not None else None


def _is_about_this_journey_alone(visit: Visit, accounts: Sequence[AccountRow]) -> bool:
    """Tell whether this consent shares nothing of the library but what was connected on this journey."""
    return visit.contract.kind == "read" and all(account.unproven_on == visit.journey.id for account in accounts)


async def _remember_browser(visit: Visit, library: OpenLibrary) -> None:
    """Give the person's browser a secret, so that it proves who they are from now on."""
    if visit.proven and not any(secret.library_id == library.id for secret in visit.browsers):
        await remember_browser(visit.request, visit.db, library, visit.now)


async def _assign_storage(visit: Visit, consent: ConsentRow) -> None:
    """Assign the storage that the app prepared to this person. Protocol 11.1."""
    handle = visit.parameters.storage_ref
    if handle is None:
        return
    storage_id = await take_reference(visit.db, visit.contract.id, "cloudId", handle, visit.now)
    if storage_id is not None:
        await assign_storage(visit.db, visit.contract, storage_id, consent.library_id, consent.sub)


async def add_accounts(visit: Visit, accounts: Sequence[AccountRow]) -> str:
    """Add accounts to the consent that the person gave before; return where the browser goes.

    There is no new code (protocol 8.3). There are no accounts if the app reads the source on the person's device.
    """
    consent = await find_consent(visit.db, visit.journey, lock=True)
    if consent is None or consent.revoked_at is not None or (consent.expires_at or visit.now) < visit.now:
        return await abandon(visit, Failure.ONBOARD_ERROR)
    library = await journey_library(visit)
    await _agree_to_accounts(visit, library, [account.id for account in accounts])
    if accounts:
        kinds = {account.id: _asked_kinds(visit, consent, account) for account in accounts}
        await share_more_accounts(visit.db, consent, kinds)
    await consent_agreed(visit.db, visit.platform, library, consent, shown_to(visit), visit.now, changed=True)
    await _remember_browser(visit, library)
    await agree_to_archives(visit.db, visit.journey)
    await _start_reading(visit, consent)
    reference = _new_reference(visit, accounts)
    return _finish(visit, visit.destination.success(account_reference=reference))


def _asked_kinds(visit: Visit, consent: ConsentRow, account: AccountRow) -> Sequence[int]:
    """Return the kinds that the contract asks for of a source, and asked for when the person agreed to it."""
    source = visit.platform.sources.connectable[account.source_id]
    agreed = shared_kinds(reach_of_contract(consent.document, visit.now), source.info)
    return [kind for kind in shared_kinds(contract_reach(visit.contract, visit.now), source.info) if kind in agreed]


async def withdraw(visit: Visit, account: AccountRow, *, removes: bool = False, stops: bool = False) -> str:
    """Withdraw the platform's access to an account's source; return where the browser goes. Protocol 7.4.

    With `removes`, also delete what was fetched of it, if the person proved who they are. With `stops`, also stop
    sharing with the app.

    The platform deletes its token in any case. The app gets an error if the source could not be asked to revoke it,
    because the token may then stay valid there until it expires.
    """
    revoked, library = True, await journey_library(visit)
    await visit.db.refresh(account, with_for_update={"key_share": True})  # Wait for a token refresh.
    if account.sealed_credentials is not None:
        token = open_token(library, account.id, account.sealed_credentials)
        revoked = await revoke_token(visit.platform.sources, account.source_id, token)
    await withdraw_access(visit.db, visit.platform, account)
    consent = await find_consent(visit.db, visit.journey)
    if stops and consent is not None:
        await withdraw_consent(visit.db, visit.platform, consent, visit.now, PERSON)
    if removes and visit.proven:
        await erase_account(visit.db, visit.platform, account)
    await record_event(visit.db, library, Event(EventKind.SOURCE_WITHDRAWN, {"source": account.source_id}), visit.now)
    return _finish(visit, visit.destination.withdrawal(None if revoked else Failure.SERVER_ERROR))


async def abandon(visit: Visit, failure: Failure) -> str:
    """Undo and end the journey; return where the browser goes. Protocol 8.4."""
    await visit.db.flush()
    await undo_journey(visit.db, visit.platform, visit.journey)
    if visit.journey.provisional:
        visit.journey.library_id, visit.journey.provisional = None, False
    return await fail(visit, failure)


async def fail(visit: Visit, failure: Failure) -> str:
    """End the journey, and the session that waited for it, with an error; return where the browser goes."""
    await end_session(visit.db, visit.journey.session_id, failure)
    return _finish(visit, visit.destination.failure(failure))


def outcome_address(visit: Visit) -> str | None:
    """Return the address to which the finished journey redirected, even if its code was used since."""
    if visit.journey.sealed_outcome is None:
        return None
    return open_value(visit.key(OUTCOME), OUTCOME, visit.journey.id, visit.journey.sealed_outcome).decode()


async def usable_outcome(visit: Visit) -> str | None:
    """Return the address to which the finished journey redirected, or None if its code was used since.

    This is for a person who submits the last form twice. A used code must not reach the app again, because a second use
    revokes the tokens that the first use issued (protocol 4.2).
    """
    address = outcome_address(visit)
    if address is None:
        return None
    code = parse_qs(urlsplit(address).query).get("code", [""])[-1]
    return address if not code or await _is_unused(visit, code) else None


async def _start_reading(visit: Visit, consent: ConsentRow) -> None:
    """Start the session that waited for this consent; with `triggerQuery=false` the app starts the fetch itself."""
    id_ = visit.journey.session_id
    session = await visit.db.get(SessionRow, (NO_LIBRARY_YET, id_)) if id_ else None
    if session is None or session.expires_at <= visit.now or visit.contract.kind == "write":
        return
    if not visit.parameters.trigger_query:
        session.options = session.options.model_copy(update={"source_fetch": False})
    previews = await finished_previews(visit.db, visit.journey.id)
    await start_session(visit.db, visit.platform, session, visit.contract, consent, visit.now, previews=previews)


def _new_reference(visit: Visit, accounts: Sequence[AccountRow]) -> str | None:
    """Return the reference of the account connected last on this journey, if the person shares it."""
    references = {str(account.id): account.reference for account in accounts}
    connected = [references[id_] for id_ in visit.journey.account_ids if id_ in references]
    return connected[-1] if connected else None


def _finish(visit: Visit, address: str) -> str:
    visit.journey.finished_at = visit.now
    visit.journey.sealed_outcome = seal_value(visit.key(OUTCOME), OUTCOME, visit.journey.id, address.encode())
    return address


async def _is_unused(visit: Visit, code: str) -> bool:
    row = await visit.db.get(AuthorizationCodeRow, (visit.journey.library_id, hash_secret(code)))
    return row is not None and row.used_at is None and row.expires_at > visit.now
