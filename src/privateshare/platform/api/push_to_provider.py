"""Pushing to the source of an account. Protocol 10.2.

    nonce, committed -> the source is asked, with no transaction open -> its answer, committed with the nonce

So a resource is handed on at most once for one signed request, however often that is sent (protocol 2.3): a repeat gets
the answer of the first, once there is one. If this process dies in between, nobody knows whether the source kept the
resource, and repeats are refused: to hand it on once more would be to guess. The app looks there, and pushes anew.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from privateshare.errors import (
    ApiError,
    InvalidContractDataRequest,
    InvalidRequest,
    NotFound,
    ServiceAuthorizationError,
    Unavailable,
)
from privateshare.platform.api.callers import UserCall, authenticate, require_user
from privateshare.platform.api.once import begin_once
from privateshare.platform.api.pushing import writer
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.http.errors import request_id
from privateshare.platform.http.requests import platform_of
from privateshare.platform.library.accounts import account_identity, consented_accounts
from privateshare.platform.library.credentials import fresh_token
from privateshare.platform.library.libraries import LibraryGone, OpenLibrary, open_library
from privateshare.platform.operating.admission import place_given_up
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import (
    Connection,
    JsonObject,
    NeedsLogin,
    PushAnswer,
    PushSource,
    SourceFailure,
    TryLater,
)

router = APIRouter(tags=["push"])

OK, CREATED, REDIRECTED = 200, 201, 300
STANDARDS = {("fhir", "stu3"), ("fhir", "3.0.2"), ("fhir", "r4"), ("fhir", "4.0.1")}  # ours: R4
MAX_TOLD = 300  # characters of what a source says, in a message

_RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")  # it goes into an address


@dataclass(frozen=True, slots=True)
class Target:
    """The account that a resource is for, and what it takes to reach its source."""

    platform: Platform
    library: OpenLibrary
    account: AccountRow
    source: PushSource

    def push(self, token: JsonObject, resource_type: str, content: bytes) -> PushAnswer:
        """Hands it on; this blocks. Raises as the source does."""
        identity = account_identity(self.account, self.library)
        connection = Connection(token=token, provider_account_id=identity.provider_account_id)
        return self.source.push(connection, resource_type, content)


@router.post("/permission-access/import/h:accountId/{standard}/{version}", response_model=dict[str, Any])
async def push_to_provider(
    request: Request,
    standard: str,
    version: str,
    body: dict[str, Any],
    account_id: Annotated[str, Header(alias="accountId")],
) -> Response:
    """Hands a resource on to the source of an account, and answers what the source said. Protocol 10.2.

    Kept by the source: 201 or 200 with what it answered. Refused by it (its 4xx): `InvalidRequest`, 400. Failed, or
    fell silent, so that it may have kept it: `Unavailable`, 503. Both carry the source's status and body in `source`
    beside `error`. Not reached, so that it may be sent again: `Unavailable` with `Retry-After`. The person must sign
    in there again: `ServiceAuthorizationError`, 511. Never 401: clients would refresh their own token and push again.
    """
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        user = writer(await require_user(await authenticate(request, db)))
        once = await begin_once(request, user)
        once.begin_elsewhere()
        target = await _target(user, account_id, standard, version)
        resource_type = _resource_type(body)
    content = await request.body()  # as it came: a number read and written again may be another
    try:
        async with place_given_up():
            answer = await _hand_on(target, resource_type, content)
    except (SourceFailure, LibraryGone, SQLAlchemyError) as error:
        async with platform.database.transaction() as db:
            await (await once.resume(db)).forget()
        raise (_refusal(error) if isinstance(error, SourceFailure) else error) from error
    async with platform.database.transaction() as db:
        return await (await once.resume(db)).answer(*_told(request, answer))


async def _target(user: UserCall, account_id: str, standard: str, version: str) -> Target:
    """What the resource is for. Raises InvalidRequest, NotFound, InvalidContractDataRequest."""
    if (standard, version) not in STANDARDS:
        raise InvalidRequest(f"{standard} {version} cannot be pushed; fhir in stu3, 3.0.2, r4 or 4.0.1 can")
    accounts = {account.public_id: account for account in await consented_accounts(user.db, user.consent.id)}
    account = accounts.get(account_id)
    if account is None:
        raise NotFound("There is no such account here")
    source = user.platform.sources.connectable.get(account.source_id)
    if not isinstance(source, PushSource) or not source.info.takes:
        raise InvalidContractDataRequest("The source of this account takes no data")
    if (standard, version) not in source.info.takes:
        raise InvalidRequest(f"The source of this account takes {' or '.join(sorted(v for _, v in source.info.takes))}")
    library = await open_library(user.db, user.platform, account.library_id)
    return Target(user.platform, library, account, source)


def _resource_type(body: JsonObject) -> str:
    name = body.get("resourceType")
    if not isinstance(name, str) or not _RESOURCE_TYPE.fullmatch(name):
        raise InvalidRequest("resourceType must name the type of the resource")
    return name


async def _hand_on(target: Target, resource_type: str, content: bytes) -> PushAnswer:
    """What the source said. An access token that it does not accept is renewed once: it took nothing then."""
    token = await fresh_token(target.platform, target.library, target.account.id)
    try:
        return await asyncio.to_thread(target.push, token, resource_type, content)
    except NeedsLogin:
        token = await fresh_token(target.platform, target.library, target.account.id, refused=token)
        return await asyncio.to_thread(target.push, token, resource_type, content)


def _refusal(failure: SourceFailure) -> ApiError:
    """Why nothing was handed on."""
    if isinstance(failure, NeedsLogin):
        return ServiceAuthorizationError("The person must sign in to the source again", detail=str(failure))
    wait = failure.retry_after if isinstance(failure, TryLater) else None
    return Unavailable("The source is not available", retry_after=wait, detail=str(failure))


def _told(request: Request, answer: PushAnswer) -> tuple[JsonObject, int]:
    """Body and status of our answer."""
    if OK <= answer.status < REDIRECTED:
        return answer.content, CREATED if answer.status == CREATED else OK
    error: ApiError = Unavailable(f"The source failed, and may have kept the resource{_reason(answer)}")
    if answer.certain:
        error = InvalidRequest(f"The source refused the resource{_reason(answer)}")
    told = {"code": error.code, "message": error.message, "reference": request_id(request)}
    return {"error": told, "source": {"status": answer.status, "content": answer.content}}, error.status


def _reason(answer: PushAnswer) -> str:
    """The source's status, and its first words if it gave an OperationOutcome."""
    issues = answer.content.get("issue")
    issue = issues[0] if isinstance(issues, list) and issues and isinstance(issues[0], dict) else {}
    details = issue.get("details")
    told = (details.get("text") if isinstance(details, dict) else None) or issue.get("diagnostics")
    return f" ({answer.status}): {str(told)[:MAX_TOLD]}" if told else f" ({answer.status})"
