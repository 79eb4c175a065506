"""The accounts that a contract can see, and deleting an account or a person. Protocol 7."""

from typing import Annotated
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from privateshare.errors import DataUnreadable, NotFound
from privateshare.platform.api.callers import CallerForUser, UserCaller, authenticate, require_reader
from privateshare.platform.api.once import Once
from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.db.call_lookup import AlsoRead
from privateshare.platform.db.tables import AccountRow as AccountRow
from privateshare.platform.grants.contracts import check_redirect_uri
from privateshare.platform.grants.journeys import Start, begin_journey
from privateshare.platform.library.account_views import account_view
from privateshare.platform.library.accounts import SHOWN_ACCOUNTS, consented_accounts
from privateshare.platform.library.erasure import erase_account, forget_user
from privateshare.platform.library.libraries import LibraryGone, open_found_library, open_library
from privateshare.platform.library.session_view import ACCOUNTS
from privateshare.protocol.addresses import ONBOARD_PATH
from privateshare.protocol.messages import Account
from privateshare.protocol.wire import EmptyBody, Wire

router = APIRouter(tags=["accounts"])

AccountId = Annotated[str, Header(alias="accountId")]


class Location(Wire):
    """The address to send the person's browser to."""

    location: str


@router.get("/permission-access/accounts", response_model=list[Account])
async def list_accounts(request: Request) -> Response:
    """List the sources that the person connected, as far as this contract may see them. Protocol 7.1."""
    caller = require_reader(await authenticate(request, also=AlsoRead(SHOWN_ACCOUNTS)))
    platform, consent = caller.platform, caller.consent
    library = await open_found_library(platform, consent.library_id, caller.found)
    listed = (account_view(platform.sources, account, library).to_wire() for account in caller.found.also)
    content = orjson.dumps(list(listed))
    await platform.read_log.add(library, consent.id, caller.contract.id, ACCOUNTS, len(content))
    return Response(content, media_type="application/json")


@router.delete("/permission-access/service/h:accountId", response_model=EmptyBody)
async def delete_connected_account(caller: UserCaller, once: Once, account_id: AccountId) -> Response:
    """Delete an account, its credentials and all files that came from it. Protocol 7.2."""
    account = await _visible_account(caller, account_id)
    await erase_account(caller.db, caller.platform, account)
    await _record(caller, EventKind.ACCOUNT_DELETED, source=account.source_id)
    return await once.respond({})


@router.get("/permission-access/revoke/h:accountId")
async def get_revocation_address(
    caller: UserCaller, account_id: AccountId, redirect_uri: Annotated[str, Header(alias="redirectUri")]
) -> Location:
    """Return the address where the person can withdraw the permission that they gave at the source. Protocol 7.4."""
    account = await _visible_account(caller, account_id)
    start = Start(
        caller.contract,
        check_redirect_uri(caller.contract, redirect_uri),
        library_id=account.library_id,
        consent_id=caller.consent.id,
        account_id=account.id,
    )
    lifetime = caller.platform.settings.preauthorization_lifetime
    code = await begin_journey(caller.db, start, caller.now, lifetime)
    origin = caller.api.rsplit("/", 2)[0]
    return Location(location=f"{origin}{ONBOARD_PATH}revoke?{urlencode({'code': code})}")


@router.delete("/user", response_model=EmptyBody)
async def delete_person(once: Once, caller: UserCaller) -> Response:
    """Delete the person, as far as this app's partner is concerned. Tokens stop working at once. Protocol 7.5.

    `once` answers a repeated request before its token is checked, which no longer exists then.
    """
    await forget_user(caller.db, caller.platform, caller.consent, caller.contract.application.partner_id, caller.now)
    await _record(caller, EventKind.DELETED_BY_APP)
    return await once.respond({})


async def _record(caller: CallerForUser, kind: EventKind, **facts: object) -> None:
    """Record in the audit log what an app deleted, unless the whole library is gone or its key is lost."""
    try:
        library = await open_library(caller.db, caller.platform, caller.consent.library_id)
    except (LibraryGone, DataUnreadable):
        return
    facts |= {"consent": str(caller.consent.id), "contract": caller.contract.id}
    await record_event(caller.db, library, Event(kind, facts))


async def _visible_account(caller: CallerForUser, account_id: str) -> AccountRow:
    for account in await consented_accounts(caller.db, caller.consent.library_id, caller.consent.id):
        if account.public_id == account_id:
            return account
    raise NotFound("There is no account with this id that this contract may see")
