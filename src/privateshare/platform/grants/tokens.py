"""Authorization codes, access tokens and refresh tokens. Protocol 4.2, 4.3."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID, uuid4

from psycopg.errors import NotNullViolation
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidRequest, InvalidToken, Unavailable
from privateshare.platform.db.call_lookup import AlsoRead
from privateshare.platform.db.engine import AnyTransaction, statements_of
from privateshare.platform.db.former_libraries import first_of_library
from privateshare.platform.db.statements import NoRows, Statement, StatementTransaction
from privateshare.platform.db.tables import (
    ApplicationRow,
    AuthorizationCodeRow,
    ConsentRow,
    ContractRow,
    FormerLibraryRow,
    TokenRow,
)
from privateshare.platform.keys.hints import LibraryHints, SecretKind
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.operating.fair_queue import CLIENT_TIMEOUT_SECONDS
from privateshare.platform.runtime import Platform
from privateshare.protocol import pkce

ROTATION_GRACE = timedelta(seconds=60)
TIME_FORMAT = "%Y-%m-%d %H:%M:%S UTC"
ADVICE = "Ask the person for consent again, and replace the stored tokens with each new pair"
# All token pairs for one refresh token are issued within this time: its grace, and the wait for a place.
MAX_REFRESH_DURATION = ROTATION_GRACE + timedelta(seconds=CLIENT_TIMEOUT_SECONDS)


class TokenChanged(Unavailable):
    """A refresh token was revoked, or moved with its library, while it was being used. A retry finds out which."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as the client receives it, and when it expires."""

    value: str = field(repr=False)
    expires_at: datetime

    def to_claim(self) -> dict[str, object]:
        """Return the claim of protocol 4.2, with `expires_on` in seconds since the epoch."""
        return {"value": self.value, "expires_on": int(self.expires_at.timestamp())}


class LiveDates(Protocol):
    """The dates of a consent that decide whether it is live."""

    @property
    def expires_at(self) -> datetime | None:
        """When it ends by itself."""
        ...

    @property
    def revoked_at(self) -> datetime | None:
        """When it was withdrawn."""
        ...


class GrantedConsent(NamedTuple):
    """What tokens are issued for: a consent. `sub` is the id by which the partner knows the person, if it has one."""

    consent_id: UUID
    library_id: UUID
    expires_at: datetime | None
    revoked_at: datetime | None
    sub: str | None


class _RefreshToken(NamedTuple):
    family_id: UUID
    expires_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None
    consent_id: UUID
    library_id: UUID
    consent_expires_at: datetime | None
    consent_revoked_at: datetime | None
    sub: str | None
    wrapped_key: bytes

    @property
    def consent(self) -> GrantedConsent:
        return GrantedConsent(
            self.consent_id, self.library_id, self.consent_expires_at, self.consent_revoked_at, self.sub
        )


class _Code(NamedTuple):
    challenge: str
    expires_at: datetime
    used_at: datetime | None
    family_id: UUID | None
    consent_id: UUID
    library_id: UUID
    consent_expires_at: datetime | None
    consent_revoked_at: datetime | None
    sub: str | None

    @property
    def consent(self) -> GrantedConsent:
        return GrantedConsent(
            self.consent_id, self.library_id, self.consent_expires_at, self.consent_revoked_at, self.sub
        )


class _Locked(NamedTuple):
    nothing: str


REFRESH_TOKEN = Statement("refresh_token", _RefreshToken)
AUTHORIZATION_CODE = Statement("authorization_code", _Code)
TokenT = TypeVar("TokenT", TokenRow, _RefreshToken)

LOCK_FAMILY = Statement("lock_family", _Locked)
USE_CODE = Statement("use_code", NoRows)
ROTATE_TOKEN = Statement("rotate_token", NoRows)
ISSUE_TOKENS = Statement("issue_tokens", NoRows)
ISSUE_NEXT_TOKENS = Statement("issue_next_tokens", NoRows)
REVOKE_FAMILY = Statement("revoke_family", NoRows)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The access token and refresh token that are issued for a code or a refresh token.

    `wrapped_key` is that of the library, if it was read with the refresh token.
    """

    grant: GrantedConsent
    access: IssuedToken
    refresh: IssuedToken
    wrapped_key: bytes | None = field(default=None, repr=False)


async def issue_code(
    db: AsyncSession,
    platform: Platform,
    consent: ConsentRow,
    challenge: str,
    now: datetime,
) -> str:
    """Issue an authorization code for a consent."""
    code = platform.hints.new_secret(SecretKind.CODE, consent.library_id)
    db.add(
        AuthorizationCodeRow(
            library_id=consent.library_id,
            code_hash=hash_secret(code),
            consent_id=consent.id,
            challenge=challenge,
            expires_at=now + platform.settings.code_lifetime,
        )
    )
    await db.flush()
    return code


async def redeem_code(
    db: AnyTransaction, platform: Platform, contract_id: str, code: str, verifier: str, now: datetime
) -> TokenPair:
    """Issue the first tokens of a consent for its authorization code. Protocol 4.2.

    Raises:
        InvalidToken: The code is unknown, expired, already used, or belongs to another contract. A second use also
            revokes the tokens that the first one issued.
        InvalidRequest: The verifier does not match the challenge.
    """
    sql, code_hash = await statements_of(db), hash_secret(code)
    named = {"library_id": platform.hints.library_of(SecretKind.CODE, code), "code_hash": code_hash}
    found = await first_of_library(sql, AUTHORIZATION_CODE, {**named, "contract_id": contract_id})
    if found is None:
        raise InvalidToken("The token (code) is invalid")
    if found.used_at is not None:
        await _revoke_family(sql, found.library_id, found.family_id, now)
        raise InvalidToken("The token (code) is invalid", detail="a code was used twice")
    if found.expires_at <= now:
        raise InvalidToken("The token (code) is expired")
    check_live(found.consent, now, "code")
    if not pkce.verifies(verifier, found.challenge):
        raise InvalidRequest("The code_verifier does not match the code_challenge")
    family_id = uuid4()
    used = {"library_id": found.library_id, "code_hash": code_hash, "now": now, "family_id": family_id}
    await sql.write(USE_CODE, used)
    return await _issue_pair(sql, platform, found.consent, family_id, now)


def also_read_refresh_token(hints: LibraryHints, refresh_token: str) -> AlsoRead:
    """Return what finds a refresh token together with the caller, for `rotate_refresh_token`."""
    return AlsoRead(REFRESH_TOKEN, _refresh_token_names(hints, refresh_token))


def _refresh_token_names(hints: LibraryHints, refresh_token: str) -> dict[str, object]:
    library_id = hints.library_of(SecretKind.REFRESH, refresh_token)
    return {"refresh_library_id": library_id, "refresh_hash": hash_secret(refresh_token)}


async def rotate_refresh_token(
    sql: StatementTransaction,
    platform: Platform,
    contract_id: str,
    refresh_token: str,
    now: datetime,
    *,
    arrived: datetime | None = None,
    read: Sequence[Any] = (),
) -> TokenPair:
    """Issue a new pair of tokens for a refresh token. Protocol 4.3.

    A rotated token is accepted again during its grace period; afterwards it revokes its family. The time at which the
    request arrived counts, since requests that came together may have waited for each other.

    The pair is stored at the end of the transaction, which fails if the token is revoked or moved before: commit it
    within `noticing_change`. `read` is what `also_read_refresh_token` found, if it was read. Raises InvalidToken.
    """
    token = check_known(await _find_refresh_token(sql, platform, contract_id, refresh_token, read), "refresh")
    if token.expires_at <= now:
        raise InvalidToken("The token (refresh_token) is expired")
    check_live(token.consent, now, "refresh_token")
    if token.rotated_at is not None and (arrived or now) - token.rotated_at > ROTATION_GRACE:
        hint = _replaced_hint(token.rotated_at, now)
        await _revoke_family(sql, token.library_id, token.family_id, now)
        detail = "a rotated refresh token was used again"
        raise InvalidToken("The token (refresh_token) is invalid", detail=detail, hint=hint)
    pair = await _issue_pair(
        sql, platform, token.consent, token.family_id, now, replaced_hash=hash_secret(refresh_token)
    )
    return replace(pair, wrapped_key=token.wrapped_key)


async def _find_refresh_token(
    sql: StatementTransaction, platform: Platform, contract_id: str, refresh_token: str, read: Sequence[Any]
) -> _RefreshToken | None:
    if read:
        token: _RefreshToken = read[0]
        return token
    named = _refresh_token_names(platform.hints, refresh_token) | {"contract_id": contract_id}
    return await first_of_library(sql, REFRESH_TOKEN, named, library="refresh_library_id", begin=False)


@contextmanager
def noticing_change() -> Iterator[None]:
    """Turn the failure to store a pair of tokens, whose refresh token was changed meanwhile, into TokenChanged."""
    try:
        yield
    except NotNullViolation as error:
        if (error.diag.table_name, error.diag.column_name) != (TokenRow.__tablename__, "consent_id"):
            raise
        raise TokenChanged("The tokens are being changed. Try again", retry_after=1) from error


def check_known(token: TokenT | None, use: str) -> TokenT:
    """Check a token that may be expired. Raises InvalidToken if it is unknown or revoked."""
    if token is None or token.revoked_at is not None:
        raise InvalidToken(f"The token ({use}_token) is invalid", hint=_revoked_hint(token))
    return token


def _revoked_hint(token: TokenRow | _RefreshToken | None) -> str | None:
    """Explain why a grant was revoked although nobody withdrew it: clients could not find out otherwise."""
    if token is None or token.revoked_at is None or token.consent.revoked_at is not None:
        return None
    if token.rotated_at is not None:
        return _replaced_hint(token.rotated_at, token.revoked_at)
    return (
        f"The grant was revoked on {token.revoked_at:{TIME_FORMAT}}, because a code or an older refresh token that "
        f"had already been used was sent again. {ADVICE}"
    )


def _replaced_hint(rotated_at: datetime, revoked_at: datetime) -> str:
    return (
        f"This refresh token was replaced by a newer one on {rotated_at:{TIME_FORMAT}}. It was sent again after its "
        f"grace period of {ROTATION_GRACE.seconds} seconds, so the grant was revoked on {revoked_at:{TIME_FORMAT}}. "
        f"{ADVICE}"
    )


async def find_access_token(
    db: AsyncSession, hints: LibraryHints, contract_id: str, value: object, now: datetime
) -> TokenRow:
    """Find an access token of a contract. Raises InvalidToken unless the token and its consent are live."""
    query = _access_token(value).where(ConsentRow.contract_id == contract_id)
    return check_access_token(await _first_token(db, hints, value, query), now)


def _access_token(value: object) -> Select[TokenRow]:
    return (
        select(TokenRow)
        .join(TokenRow.consent)
        .where(TokenRow.token_hash == hash_secret(str(value)), TokenRow.use == "access")
    )


async def _first_token(
    db: AsyncSession, hints: LibraryHints, value: object, query: Select[TokenRow]
) -> TokenRow | None:
    """Find an access token in the library of its hint, or in the one into which that was moved."""
    library_id = hints.library_of(SecretKind.ACCESS, value)
    moved = select(FormerLibraryRow.library_id).where(FormerLibraryRow.id == library_id).scalar_subquery()
    for id_ in (library_id, moved):
        of_library = query.where(TokenRow.library_id == id_)
        found = await db.scalar(of_library.execution_options(populate_existing=True))
        if found is not None:
            return found
    return None


def check_access_token(token: TokenRow | None, now: datetime) -> TokenRow:
    """Check an access token of the right contract. Raises InvalidToken unless the token and its consent are live."""
    known = check_known(token, "access")
    check_live(known.consent, now, "access_token")
    if known.expires_at <= now:
        raise InvalidToken("The token (access_token) is expired")
    return known


async def find_token_of_partner(db: AsyncSession, hints: LibraryHints, partner_id: str, value: str) -> TokenRow:
    """Find an access token of any contract of a partner. It links a new grant to the same library. Protocol 4.1.

    It may be expired, since clients renew an expired grant with it. Raises InvalidToken if it is unknown or revoked.
    """
    query = (
        _access_token(value)
        .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(ApplicationRow.partner_id == partner_id)
    )
    token = await _first_token(db, hints, value, query)
    if token is None or token.revoked_at is not None or token.consent.revoked_at is not None:
        raise InvalidToken("The token (access_token) is invalid")
    return token


def check_live(consent: LiveDates, now: datetime, name: str) -> None:
    """Raise InvalidToken if a consent was revoked or has expired."""
    if consent.revoked_at is not None:
        raise InvalidToken(f"The token ({name}) is invalid")
    if consent.expires_at is not None and consent.expires_at <= now:
        raise InvalidToken(f"The token ({name}) is expired")


async def _issue_pair(
    sql: StatementTransaction,
    platform: Platform,
    grant: GrantedConsent,
    family_id: UUID,
    now: datetime,
    *,
    replaced_hash: bytes | None = None,
) -> TokenPair:
    # No token outlives the consent, so that the app learns from it when the consent ends.
    last = grant.expires_at or datetime.max.replace(tzinfo=UTC)
    settings, new_secret = platform.settings, platform.hints.new_secret
    access_token, refresh_token = (
        new_secret(kind, grant.library_id) for kind in (SecretKind.ACCESS, SecretKind.REFRESH)
    )
    access = IssuedToken(access_token, min(last, now + settings.access_token_lifetime))
    refresh = IssuedToken(refresh_token, min(last, now + settings.refresh_token_lifetime))
    pair = {
        "library_id": grant.library_id,
        "consent_id": grant.consent_id,
        "family_id": family_id,
        "access_hash": hash_secret(access.value),
        "access_expires_at": access.expires_at,
        "refresh_hash": hash_secret(refresh.value),
        "refresh_expires_at": refresh.expires_at,
    }
    if replaced_hash is None:
        await sql.write(ISSUE_TOKENS, pair)
    else:
        replaced = {name: pair[name] for name in ("library_id", "consent_id", "family_id")}
        await sql.write(ROTATE_TOKEN, {**replaced, "token_hash": replaced_hash, "now": now})
        await sql.write(ISSUE_NEXT_TOKENS, {name: value for name, value in pair.items() if name != "consent_id"})
    return TokenPair(grant, access, refresh)


async def _revoke_family(sql: StatementTransaction, library_id: UUID, family_id: UUID | None, now: datetime) -> None:
    """Revoke a family of tokens. Without the lock, a refresh in progress could add a pair to it just after this."""
    if family_id is not None:
        await sql.first(LOCK_FAMILY, {"family_id": family_id})
        await sql.write(REVOKE_FAMILY, {"library_id": library_id, "family_id": family_id, "now": now})
    await sql.commit()  # The error that the caller raises next must not roll this back.
