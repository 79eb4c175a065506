"""How a journey ends: with consent, with a refusal, or with an error; and back to the app. Protocol 8.3, 8.4."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.consent.returning import Failure
from privateshare.platform.consent.walk import Walk
from privateshare.platform.db.tables import Account, AuthorizationCode, Consent, Session
from privateshare.platform.grants.consents import add_consent_accounts, give_consent
from privateshare.platform.grants.postboxes import create_postbox, wants_postbox
from privateshare.platform.grants.references import take_reference
from privateshare.platform.grants.secrets import digest
from privateshare.platform.grants.tokens import issue_code
from privateshare.platform.library.archives import agree_to_archives
from privateshare.platform.library.credentials import open_token, revoke_token
from privateshare.platform.library.erasure import undo_journey, withdraw_access
from privateshare.platform.library.keys import open_value, seal_value
from privateshare.platform.library.libraries import OpenLibrary, create_library, hold_library, open_library
from privateshare.platform.library.storages import tie_storage
from privateshare.platform.sync.sessions import end_session, start_session

OUTCOME = "journey outcome"


async def journey_library(walk: Walk) -> OpenLibrary:
    """The library of the person on this journey; a person who is new gets one, which is theirs once they consent.

    It is kept from being erased until the transaction ends.
    """
    if walk.journey.library_id is not None:
        await hold_library(walk.db, walk.journey.library_id)
        return await open_library(walk.db, walk.platform, walk.journey.library_id)
    library = await create_library(walk.db, walk.platform)
    walk.journey.library_id, walk.journey.provisional = library.id, True
    return library


async def accept(walk: Walk, accounts: Sequence[Account]) -> str:
    """Records that the person agrees, for these accounts, and starts the app's session; where the browser goes."""
    library = await journey_library(walk)
    consent = await give_consent(walk.db, walk.contract, library.id, [account.id for account in accounts], walk.now)
    await _tie_storage(walk, library.id)
    await agree_to_archives(walk.db, walk.journey)
    await _start_reading(walk, consent)
    lifetime = walk.platform.settings.code_lifetime
    code = await issue_code(walk.db, consent, walk.journey.challenge or "", walk.now, lifetime)
    reference = _new_reference(walk, accounts)
    walk.journey.provisional, walk.journey.consent_id = False, consent.id
    postbox = await create_postbox(walk.db, library, consent) if wants_postbox(walk.contract) else None
    return _finish(walk, walk.destination.success(code=code, account_reference=reference, postbox=postbox))


async def _tie_storage(walk: Walk, library_id: UUID) -> None:
    """Makes the storage that the app prepared this person's. Protocol 11.1."""
    handle = walk.parameters.storage_ref
    if handle is None:
        return
    storage_id = await take_reference(walk.db, walk.contract.id, "cloudId", handle, walk.now)
    if storage_id is not None:
        await tie_storage(walk.db, walk.contract, storage_id, library_id)


async def add_account(walk: Walk, account: Account | None) -> str:
    """Lets the app see one more account, as the person agreed before; where the browser goes. No code: protocol 8.3.

    None if what was added is on the person's device.
    """
    consent = await walk.db.get(Consent, walk.journey.consent_id) if walk.journey.consent_id else None
    if consent is None or consent.revoked_at is not None or (consent.expires_at or walk.now) < walk.now:
        return await abandon(walk, Failure.ONBOARD_ERROR)
    await add_consent_accounts(walk.db, consent, [account.id] if account else [])
    await agree_to_archives(walk.db, walk.journey)
    await _start_reading(walk, consent)
    return _finish(walk, walk.destination.success(account_reference=account.reference if account else None))


async def withdraw(walk: Walk, account: Account) -> str:
    """Gives up the platform's access to an account's source; where the browser goes. Protocol 7.4.

    What lets the platform in is forgotten in any case. The app is told of a failure if the source could not be told:
    there, the permission may stand until it ends by itself.
    """
    told, library = True, await journey_library(walk)
    await walk.db.refresh(account, with_for_update={"key_share": True})  # whoever renews its token comes first
    if account.sealed_credentials is not None:
        told = await revoke_token(account.source_id, open_token(library, account.id, account.sealed_credentials))
    await withdraw_access(walk.db, walk.platform, account)
    return _finish(walk, walk.destination.withdrawal(None if told else Failure.SERVER_ERROR))


async def abandon(walk: Walk, failure: Failure) -> str:
    """Ends the journey as if it had not been; where the browser goes. Protocol 8.4."""
    await walk.db.flush()
    await undo_journey(walk.db, walk.platform, walk.journey)
    if walk.journey.provisional:
        walk.journey.library_id, walk.journey.provisional = None, False
    return await fail(walk, failure)


async def fail(walk: Walk, failure: Failure) -> str:
    """End the journey, and the session that waited for it; return where the browser goes to tell the app why."""
    await end_session(walk.db, walk.journey.session_id, failure)
    return _finish(walk, walk.destination.failure(failure))


async def usable_outcome(walk: Walk) -> str | None:
    """Where this journey's browser went when it ended, to go there once more; None if its code was used meanwhile.

    It is for a person who pressed twice. The same code must not reach the app again after it was used: a second use
    revokes what the first issued (protocol 4.2).
    """
    if walk.journey.sealed_outcome is None:
        return None
    key = walk.key(OUTCOME)
    address = open_value(key, OUTCOME, walk.journey.id, walk.journey.sealed_outcome).decode()
    code = parse_qs(urlsplit(address).query).get("code", [""])[-1]
    return address if not code or await _is_unused(walk.db, code, walk.now) else None


async def _start_reading(walk: Walk, consent: Consent) -> None:
    """Starts the session that waited for this consent; with `triggerQuery=false` it stays for the app to trigger."""
    session = await walk.db.get(Session, walk.journey.session_id) if walk.journey.session_id else None
    if session is None or session.expires_at <= walk.now or walk.contract.kind == "write":
        return
    if not walk.parameters.trigger_query:
        session.options = session.options | {"sourceFetch": False}
    await start_session(walk.db, walk.platform, session, consent, walk.now)


def _new_reference(walk: Walk, accounts: Sequence[Account]) -> str | None:
    """The account connected last on this journey, if the person shares it."""
    references = {str(account.id): account.reference for account in accounts}
    connected = [references[id_] for id_ in walk.journey.account_ids if id_ in references]
    return connected[-1] if connected else None


def _finish(walk: Walk, address: str) -> str:
    walk.journey.finished_at = walk.now
    walk.journey.sealed_outcome = seal_value(walk.key(OUTCOME), OUTCOME, walk.journey.id, address.encode())
    return address


async def _is_unused(db: AsyncSession, code: str, now: datetime) -> bool:
    row = await db.scalar(select(AuthorizationCode).where(AuthorizationCode.code_hash == digest(code)))
    return row is not None and row.used_at is None and row.expires_at > now
