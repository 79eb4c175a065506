"""Pushing a resource to the source of an account. Protocol 10.2.

    commit the nonce -> send the resource, with no transaction open -> commit the source's response with the nonce

So a resource is sent at most once for one signed request, however often that request is sent (protocol 2.3). A repeated
request gets the recorded response. If this process dies in between, nobody knows whether the source stored the
resource, and repeated requests are refused. The app should check at the source, and then push again.
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
from privateshare.platform.api.callers import CallerForUser, authenticate, require_user
from privateshare.platform.api.once import begin_once
from privateshare.platform.api.pushing import record_push, require_write_contract
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.http.errors import request_id
from privateshare.platform.http.requests import platform_of
from privateshare.platform.library.account_identities import account_identity
from privateshare.platform.library.accounts import consented_accounts
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

OK, CREATED, MULTIPLE_CHOICES = 200, 201, 300
STANDARDS = {("fhir", "stu3"), ("fhir", "3.0.2"), ("fhir", "r4"), ("fhir", "4.0.1")}
MAX_SOURCE_MESSAGE_CHARACTERS = 300

_RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")  # The resource type becomes part of a URL.


@dataclass(frozen=True, slots=True)
class Target:
    """The account that a resource is sent to, with everything that is needed to reach its source."""

    platform: Platform
    library: OpenLibrary
    account: AccountRow
    source: PushSource

    def push(self, token: JsonObject, resource_type: str, content: bytes) -> PushAnswer:
        """Send the resource to the source. Blocks. Raises the errors of the source."""
        identity = account_identity(self.account, self.library)
        connection = Connection(token=token, provider_account_id=identity.objects_owner)
        return self.source.push(connection, resource_type, content)


@router.post("/permission-access/import/h:accountId/{standard}/{version}", response_model=dict[str, Any])
async def push_resource(
    request: Request,
    standard: str,
    version: str,
    body: dict[str, Any],
    account_id: Annotated[str, Header(alias="accountId")],
) -> Response:
    """Send a resource to the source of an account, and return the source's response. Protocol 10.2.

    If the source stored the resource: 201 or 200 with the source's body. If it rejected the resource (4xx):
    `InvalidRequest`, 400. If it failed or did not respond, so that it may have stored the resource: `Unavailable`, 503.
    Both errors have the source's status and body in `source` beside `error`. If the source was not reached, so that a
    retry is safe: `Unavailable` with `Retry-After`. If the person must sign in at the source again:
    `ServiceAuthorizationError`, 511. The status is never 401, since clients would refresh their own token and retry.
    """
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        user = require_write_contract(await require_user(await authenticate(request, db)))
        once = await begin_once(request, user, db)
        await once.begin_external_change()
        target = await _target(user, account_id, standard, version)
        resource_type = _resource_type(body)
    content = await request.body()  # The bytes are not parsed and written again, which could change numbers.
    try:
        async with place_given_up():
            answer = await _send(target, resource_type, content)
    except (SourceFailure, LibraryGone, SealBroken, SQLAlchemyError) as error:
        async with platform.database.transaction() as db:
            await (await once.resume(db)).forget()
        raise (_source_error(error) if isinstance(error, SourceFailure) else error) from error
    async with platform.database.transaction() as db:
        if OK <= answer.status < MULTIPLE_CHOICES:
            await record_push(db, target.library, user.consent.id, user.contract, len(content))
        return await (await once.resume(db)).respond(*_body_and_status(request, answer))


async def _target(user: CallerForUser, account_id: str, standard: str, version: str) -> Target:
    """Find the account that a resource is for. Raises InvalidRequest, NotFound, InvalidContractDataRequest."""
    if (standard, version) not in STANDARDS:
        raise InvalidRequest(f"{standard} {version} cannot be pushed; use fhir with stu3, 3.0.2, r4 or 4.0.1")
    covered = await consented_accounts(user.db, user.consent.library_id, user.consent.id)
    accounts = {account.public_id: account for account in covered}
    account = accounts.get(account_id)
    if account is None:
        raise NotFound("There is no account with this id that this contract may see")
    source = user.platform.sources.connectable.get(account.source_id)
    if not isinstance(source, PushSource) or not source.info.takes:
        raise InvalidContractDataRequest("The source of this account does not accept data")
    if (standard, version) not in source.info.takes:
        raise InvalidRequest(
            f"The source of this account accepts only {' or '.join(sorted(v for _, v in source.info.takes))}"
        )
    library = await open_library(user.db, user.platform, account.library_id)
    return Target(user.platform, library, account, source)


def _resource_type(body: JsonObject) -> str:
    name = body.get("resourceType")
    if not isinstance(name, str) or not _RESOURCE_TYPE.fullmatch(name):
        raise InvalidRequest("resourceType must be the name of a FHIR resource type")
    return name


async def _send(target: Target, resource_type: str, content: bytes) -> PushAnswer:
    """Send a resource. If the source rejects the access token, which stores nothing, renew it and try once more."""
    token = await fresh_token(target.platform, target.library, target.account.id)
    try:
        return await asyncio.to_thread(target.push, token, resource_type, content)
    except NeedsLogin:
        token = await fresh_token(target.platform, target.library, target.account.id, refused=token)
        return await asyncio.to_thread(target.push, token, resource_type, content)


def _source_error(failure: SourceFailure) -> ApiError:
    """Build the error for a resource that was not sent."""
    if isinstance(failure, NeedsLogin):
        return ServiceAuthorizationError("The person must sign in to the source again", detail=str(failure))
    retry_after = failure.retry_after if isinstance(failure, TryLater) else None
    return Unavailable("The source is not available", retry_after=retry_after, detail=str(failure))


def _body_and_status(request: Request, answer: PushAnswer) -> tuple[JsonObject, int]:
    """Return the body and status of the response."""
    if OK <= answer.status < MULTIPLE_CHOICES:
        return answer.content, CREATED if answer.status == CREATED else OK
    error: ApiError = Unavailable(f"The source failed, and may have stored the resource{_reason(answer)}")
    if answer.certain:
        error = InvalidRequest(f"The source rejected the resource{_reason(answer)}")
    fields = {"code": error.code, "message": error.message, "reference": request_id(request)}
    return {"error": fields, "source": {"status": answer.status, "content": answer.content}}, error.status


def _reason(answer: PushAnswer) -> str:
    """Describe a failure: the source's status, and the first issue of its OperationOutcome."""
    issues = answer.content.get("issue")
    issue = issues[0] if isinstance(issues, list) and issues and isinstance(issues[0], dict) else {}
    details = issue.get("details")
    text = (details.get("text") if isinstance(details, dict) else None) or issue.get("diagnostics")
    return f" ({answer.status}): {str(text)[:MAX_SOURCE_MESSAGE_CHARACTERS]}" if text else f" ({answer.status})"
