"""The authenticated caller of an endpoint, declared as `caller: ContractCaller` or `caller: UserCaller`. Protocol 2.

The checks below run in this order, and the first that fails makes the error response. Endpoints that change something
also declare `once: Once`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from psycopg.errors import NotNullViolation
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidRequest
from privateshare.platform.db.call_lookup import AlsoRead, CallNames, CallRows
from privateshare.platform.db.statements import NoRows, Statement, StatementTransaction
from privateshare.platform.db.tables import ConsentRow, ContractRow, TokenRow
from privateshare.platform.grants.contracts import check_contract, client_id, contract_id_of, load_contract
from privateshare.platform.grants.tokens import check_access_token, find_access_token
from privateshare.platform.http.admitting import verified_token
from privateshare.platform.http.requests import api_address, arrived_at, platform_of
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.keys.contract_keys import verify_signature
from privateshare.platform.keys.hints import SecretKind
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.operating.access_log import note_contract
from privateshare.platform.runtime import Platform
from privateshare.protocol import jwt
from privateshare.protocol.bearer import check_nonce, check_timestamp, read_bearer


@dataclass(frozen=True, slots=True)
class Caller:
    """A contract that signed its request. `api` is the API's address as the client reached it.

    `public_key` is the one that fits its signature; files are encrypted to it. `arrived` and `now` differ if the
    request waited for a place. `found` has the rows that the request names. `session` is the transaction of endpoints
    that use the ORM.
    """

    platform: Platform
    contract: ContractRow
    public_key: str = field(repr=False)
    claims: jwt.Claims = field(repr=False)
    token: str = field(repr=False)
    api: str
    now: datetime
    arrived: datetime
    names: CallNames = field(repr=False)
    found: CallRows = field(repr=False)
    session: AsyncSession | None

    @property
    def db(self) -> AsyncSession:
        """The transaction of an endpoint that uses the ORM."""
        assert self.session is not None
        return self.session

    def claim(self, name: str) -> str:
        """Return a claim that must be a string. Raises InvalidRequest that names the claim otherwise."""
        value = self.claims.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidRequest(f"The claim {name} is missing from the JWT")
        return value

    async def found_again(self, sql: StatementTransaction | None = None) -> CallRows:
        """Find the rows that the request names as they are now."""
        return await self.platform.call_lookup.find(self.names, sql)

    def sign(self, claims: Mapping[str, object]) -> str:
        """Sign the `token` of a response to this caller. Protocol 3.1."""
        return self.platform.signer.sign(claims, self.api)


@dataclass(frozen=True, slots=True)
class CallerForUser(Caller):
    """A contract that acts for a person, with that person's live consent."""

    consent: ConsentRow

    def versions(self) -> Mapping[str, object]:
        """Return what a statement needs to find out whether the caller's rows are as they were found before."""
        return {
            "contract_id": self.contract.id,
            "library_id": self.consent.library_id,
            "token_hash": self.names.token_hash,
            "contract_version": self.found.contract_version,
            "token_version": self.found.token_version,
        }


class CallerChanged(Exception):
    """The contract, token or consent of a call has changed since they were found, or the library is being erased."""


@contextmanager
def noticing_change(table: str) -> Iterator[None]:
    """Turn the failure to store a row without a contract, because the caller has changed, into CallerChanged."""
    try:
        yield
    except NotNullViolation as error:
        if (error.diag.table_name, error.diag.column_name) != (table, "contract_id"):
            raise
        raise CallerChanged from error


SAME_CALLER = Statement("same_caller", NoRows)
PARTS_OF_CALLER = tuple(part.name for part in fields(Caller))


async def _contract_caller(request: Request, db: Transaction) -> Caller:
    return await authenticate(request, db)


async def authenticate(request: Request, db: AsyncSession | None = None, also: AlsoRead | None = None) -> Caller:
    """Authenticate the contract that signed a request. The request may have waited since it arrived.

    Endpoints that use the ORM pass their transaction. What is also read may only be used once the caller is known to be
    allowed to.

    Raises InvalidJWT, InvalidClient, InvalidRequest, InvalidTimestamp.
    """
    platform, now = platform_of(request), datetime.now(UTC)
    verified = verified_token(request)  # Parsing and verifying a token takes long, so it is done once for each request.
    token = verified.token if verified else read_bearer(request.headers)
    unverified = token.unverified_claims
    names = _names(platform, unverified, request.path_params.get("session_key"))
    found = await platform.call_lookup.find(names, also=also)
    contract = check_contract(found.contract, unverified.get("client_id"), now)
    before = verified.key if verified else None
    claims, public_key = verify_signature(platform.known_keys, contract, token, now, before)
    check_nonce(claims)
    check_timestamp(claims, arrived_at(request))
    platform.known_keys.remember(client_id(contract), public_key)
    note_contract(request.scope, contract.id, contract.application_id)
    platform.usage.count_call(contract.id)
    await platform.limits.check_contract(contract.id)
    api, arrived = api_address(request), arrived_at(request)
    return Caller(platform, contract, public_key, claims, token.text, api, now, arrived, names, found, db)


def _names(platform: Platform, claims: Mapping[str, object], session_key: str | None) -> CallNames:
    """Return what a request names. The claims are not verified yet: they only say what to look up."""
    access_token = claims.get("access_token")
    return CallNames(
        contract_id_of(claims.get("client_id")),
        platform.hints.library_of(SecretKind.ACCESS, access_token),
        hash_secret(str(access_token)) if access_token is not None else None,
        hash_secret(session_key) if session_key is not None else None,
        nonce if isinstance(nonce := claims.get("nonce"), str) else None,
    )


async def later(caller: Caller, db: AsyncSession) -> Caller:
    """Copy a caller to another transaction, after its body arrived. That may take longer than its JWT is valid.

    Raises InvalidClient if its contract has ended meanwhile, or its application was suspended.
    """
    now = datetime.now(UTC)
    contract = await load_contract(db, client_id(caller.contract), now)
    return replace(caller, session=db, contract=contract, now=now)


async def _user_caller(caller: Annotated[Caller, Depends(_contract_caller, scope="function")]) -> CallerForUser:
    return await require_user(caller)


async def require_user(caller: Caller) -> CallerForUser:
    """Find the consent that the caller's access token belongs to. Raises InvalidToken unless both are live."""
    token = await find_access_token(
        caller.db, caller.platform.hints, caller.contract.id, caller.claim("access_token"), caller.now
    )
    return _for_user(caller, token)


def require_reader(caller: Caller) -> CallerForUser:
    """Do the same as `require_user` for a call that changes nothing, with the row that was found already."""
    caller.claim("access_token")
    return _for_user(caller, check_access_token(caller.found.token, caller.now))


async def require_user_again(caller: CallerForUser, sql: StatementTransaction) -> CallerForUser:
    """Check a caller once more in a transaction, such as after its body arrived. Raises what the first check raises."""
    return _checked_again(caller, await caller.found_again(sql))


async def require_same_user(caller: CallerForUser, sql: StatementTransaction) -> CallerForUser:
    """Check a caller once more by what was found before, without a round trip to the database.

    Whether that has changed since is found out by the statement that writes at the end of the transaction: a write that
    uses `same_caller` fails then. Raises what `require_user_again` raises.
    """
    user = _checked_again(caller, caller.found)
    await sql.write(SAME_CALLER, user.versions())
    return user


def _checked_again(caller: CallerForUser, found: CallRows) -> CallerForUser:
    now = datetime.now(UTC)
    contract = check_contract(found.contract, client_id(caller.contract), now)
    token = check_access_token(found.token, now)
    return replace(caller, contract=contract, found=found, now=now, consent=token.consent)


def _for_user(caller: Caller, token: TokenRow) -> CallerForUser:
    parts = {name: getattr(caller, name) for name in PARTS_OF_CALLER}
    return CallerForUser(**parts, consent=token.consent)


ContractCaller = Annotated[Caller, Depends(_contract_caller, scope="function")]
UserCaller = Annotated[CallerForUser, Depends(_user_caller, scope="function")]
