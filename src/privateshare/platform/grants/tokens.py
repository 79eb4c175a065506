"""Authorization codes, access tokens and refresh tokens. Protocol 4.2, 4.3."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Function, String, cast, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from privateshare.errors import InvalidRequest, InvalidToken
from privateshare.platform.db.tables import ApplicationRow, AuthorizationCodeRow, ConsentRow, ContractRow, TokenRow
from privateshare.platform.keys.secrets import hash_secret, new_secret
from privateshare.platform.operating.fair_queue import PATIENCE_SECONDS
from privateshare.platform.operating.settings import Settings
from privateshare.protocol import pkce

ROTATION_GRACE = timedelta(seconds=60)
TIME_FORMAT = "%Y-%m-%d %H:%M:%S UTC"
ADVICE = "Ask the person for consent again, and replace the stored tokens with each new pair"
# All token pairs for one refresh token are issued within this time: its grace, and the wait for a place.
MAX_REFRESH_DURATION = ROTATION_GRACE + timedelta(seconds=PATIENCE_SECONDS)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as the client receives it, and when it expires."""

    value: str = field(repr=False)
    expires_at: datetime

    def to_claim(self) -> dict[str, object]:
        """Return the claim of protocol 4.2, with `expires_on` in seconds since the epoch."""
        return {"value": self.value, "expires_on": int(self.expires_at.timestamp())}


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The access token and refresh token that are issued for a code or a refresh token."""

    consent: ConsentRow
    access: IssuedToken
    refresh: IssuedToken


async def issue_code(db: AsyncSession, consent: ConsentRow, challenge: str, now: datetime, lifetime: timedelta) -> str:
    """Issue an authorization code for a consent."""
    code = new_secret()
    db.add(
        AuthorizationCodeRow(
            code_hash=hash_secret(code), consent_id=consent.id, challenge=challenge, expires_at=now + lifetime
        )
    )
    await db.flush()
    return code


async def redeem_code(
    db: AsyncSession, contract_id: str, code: str, verifier: str, now: datetime, settings: Settings
) -> TokenPair:
    """Issue the first tokens of a consent for its authorization code. Protocol 4.2.

    Raises:
        InvalidToken: The code is unknown, expired, already used, or belongs to another contract. A second use also
            revokes the tokens that the first one issued.
        InvalidRequest: The verifier does not match the challenge.
    """
    found = (
        await db.execute(
            select(AuthorizationCodeRow, ConsentRow)
            .join(ConsentRow, ConsentRow.id == AuthorizationCodeRow.consent_id)
            .where(AuthorizationCodeRow.code_hash == hash_secret(code), ConsentRow.contract_id == contract_id)
            .with_for_update(of=AuthorizationCodeRow)
        )
    ).one_or_none()
    if found is None:
        raise InvalidToken("The token (code) is invalid")
    authorization, consent = found
    if authorization.used_at is not None:
        await _revoke_family(db, authorization.family_id, now)
        raise InvalidToken("The token (code) is invalid", detail="a code was used twice")
    if authorization.expires_at <= now:
        raise InvalidToken("The token (code) is expired")
    check_live(consent, now, "code")
    if not pkce.verifies(verifier, authorization.challenge):
        raise InvalidRequest("The code_verifier does not match the code_challenge")
    authorization.used_at, authorization.family_id = now, uuid4()
    return _issue_pair(db, consent, authorization.family_id, now, settings)


async def rotate_refresh_token(
    db: AsyncSession,
    contract_id: str,
    refresh_token: str,
    now: datetime,
    settings: Settings,
    *,
    arrived: datetime | None = None,
) -> TokenPair:
    """Issue a new pair of tokens for a refresh token. Protocol 4.3.

    A rotated token is accepted again during its grace period; afterwards it revokes its family. The time at which the
    request arrived counts, since requests that came together may have waited for each other. Raises InvalidToken.
    """
    # Lock the family of the token, if there is one, and then read the token: it may be revoked while this waits.
    family = select(_family_lock(TokenRow.family_id)).where(TokenRow.token_hash == hash_secret(refresh_token))
    await db.execute(family)
    token = await find_token(db, contract_id, refresh_token, use="refresh")
    if token.expires_at <= now:
        raise InvalidToken("The token (refresh_token) is expired")
    check_live(token.consent, now, "refresh_token")
    if token.rotated_at is not None and (arrived or now) - token.rotated_at > ROTATION_GRACE:
        hint = _replaced_hint(token.rotated_at, now)
        await _revoke_family(db, token.family_id, now)
        detail = "a rotated refresh token was used again"
        raise InvalidToken("The token (refresh_token) is invalid", detail=detail, hint=hint)
    token.rotated_at = token.rotated_at or now
    return _issue_pair(db, token.consent, token.family_id, now, settings)


async def find_token(db: AsyncSession, contract_id: str, value: object, *, use: str) -> TokenRow:
    """Find a token of a contract. It may be expired. Raises InvalidToken if it is unknown or revoked."""
    query = (
        select(TokenRow)
        .join(TokenRow.consent)
        .where(
            TokenRow.token_hash == hash_secret(str(value)), TokenRow.use == use, ConsentRow.contract_id == contract_id
        )
    )
    return _check_known(await db.scalar(query.execution_options(populate_existing=True)), use)


def _check_known(token: TokenRow | None, use: str) -> TokenRow:
    if token is None or token.revoked_at is not None:
        raise InvalidToken(f"The token ({use}_token) is invalid", hint=_revoked_hint(token))
    return token


def _revoked_hint(token: TokenRow | None) -> str | None:
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


async def find_access_token(db: AsyncSession, contract_id: str, value: object, now: datetime) -> TokenRow:
    """Find an access token of a contract. Raises InvalidToken unless the token and its consent are live."""
    return check_access_token(await find_token(db, contract_id, value, use="access"), now)


def check_access_token(token: TokenRow | None, now: datetime) -> TokenRow:
    """Check an access token of the right contract. Raises InvalidToken unless the token and its consent are live."""
    known = _check_known(token, "access")
    check_live(known.consent, now, "access_token")
    if known.expires_at <= now:
        raise InvalidToken("The token (access_token) is expired")
    return known


async def find_token_of_partner(db: AsyncSession, partner_id: str, value: str) -> TokenRow:
    """Find an access token of any contract of a partner. It links a new grant to the same library. Protocol 4.1.

    It may be expired, since clients renew an expired grant with it. Raises InvalidToken if it is unknown or revoked.
    """
    query = (
        select(TokenRow)
        .join(TokenRow.consent)
        .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(
            TokenRow.token_hash == hash_secret(value), TokenRow.use == "access", ApplicationRow.partner_id == partner_id
        )
    )
    token = await db.scalar(query)
    if token is None or token.revoked_at is not None or token.consent.revoked_at is not None:
        raise InvalidToken("The token (access_token) is invalid")
    return token


def check_live(consent: ConsentRow, now: datetime, name: str) -> None:
    """Raise InvalidToken if a consent was revoked or has expired."""
    if consent.revoked_at is not None:
        raise InvalidToken(f"The token ({name}) is invalid")
    if consent.expires_at is not None and consent.expires_at <= now:
        raise InvalidToken(f"The token ({name}) is expired")


def _issue_pair(db: AsyncSession, consent: ConsentRow, family: UUID, now: datetime, settings: Settings) -> TokenPair:
    # No token outlives the consent, so that the app learns from it when the consent ends.
    last = consent.expires_at or datetime.max.replace(tzinfo=UTC)
    access = IssuedToken(new_secret(), min(last, now + settings.access_token_lifetime))
    refresh = IssuedToken(new_secret(), min(last, now + settings.refresh_token_lifetime))
    for use, issued in (("access", access), ("refresh", refresh)):
        db.add(
            TokenRow(
                token_hash=hash_secret(issued.value),
                use=use,
                consent_id=consent.id,
                family_id=family,
                expires_at=issued.expires_at,
            )
        )
    return TokenPair(consent, access, refresh)


async def _lock_family(db: AsyncSession, family: UUID) -> None:
    """Lock a family of tokens until the transaction ends.

    Without the lock, a refresh in progress could add a pair to a family that was just revoked.
    """
    await db.execute(select(_family_lock(literal(family))))


def _family_lock(family: ColumnElement[UUID] | InstrumentedAttribute[UUID]) -> Function[None]:
    return func.pg_advisory_xact_lock(func.hashtextextended(cast(family, String), 0))


async def _revoke_family(db: AsyncSession, family: UUID | None, now: datetime) -> None:
    if family is not None:
        await _lock_family(db, family)
        await db.execute(update(TokenRow).where(TokenRow.family_id == family).values(revoked_at=now))
    await db.commit()  # The error that the caller raises next must not roll this back.
