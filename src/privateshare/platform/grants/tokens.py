"""Authorization codes, access tokens and refresh tokens. Protocol 4.2, 4.3."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidRequest, InvalidToken
from privateshare.platform.db.tables import ApplicationRow, AuthorizationCodeRow, ConsentRow, ContractRow, TokenRow
from privateshare.platform.keys.secrets import digest, new_secret
from privateshare.platform.operating.fair_queue import PATIENCE_SECONDS
from privateshare.platform.operating.settings import Settings
from privateshare.protocol import pkce

ROTATION_GRACE = timedelta(seconds=60)  # protocol 4.3
MOMENT = "%Y-%m-%d %H:%M:%S UTC"
WHAT_TO_DO = "Ask the person for consent again, and keep each new pair of tokens in place of the old one"
ONE_REFRESH = ROTATION_GRACE + timedelta(seconds=PATIENCE_SECONDS)  # in which the tokens of one refresh are issued


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as the client gets it, and when it ends."""

    value: str = field(repr=False)
    expires_at: datetime

    def to_claim(self) -> dict[str, object]:
        """The claim of protocol 4.2; `expires_on` in seconds since the epoch."""
        return {"value": self.value, "expires_on": int(self.expires_at.timestamp())}


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What an exchange or a refresh gives."""

    consent: ConsentRow
    access: IssuedToken
    refresh: IssuedToken


async def issue_code(db: AsyncSession, consent: ConsentRow, challenge: str, now: datetime, lifetime: timedelta) -> str:
    """A fresh authorization code for a consent."""
    code = new_secret()
    db.add(
        AuthorizationCodeRow(
            code_hash=digest(code), consent_id=consent.id, challenge=challenge, expires_at=now + lifetime
        )
    )
    await db.flush()
    return code


async def exchange_code(
    db: AsyncSession, contract_id: str, code: str, verifier: str, now: datetime, settings: Settings
) -> TokenPair:
    """The first tokens of a consent, for its code. Protocol 4.2.

    Raises InvalidToken if the code is unknown, expired, another contract's or used: a second use also revokes what
    the first issued. Raises InvalidRequest if the verifier is not the one behind the challenge.
    """
    found = (
        await db.execute(
            select(AuthorizationCodeRow, ConsentRow)
            .join(ConsentRow, ConsentRow.id == AuthorizationCodeRow.consent_id)
            .where(AuthorizationCodeRow.code_hash == digest(code), ConsentRow.contract_id == contract_id)
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
    """Issue a new pair for a refresh token. Protocol 4.3.

    A rotated token is taken again within its grace, and after that revokes its family. What counts is when the request
    arrived: many that came together may have waited here for each other. Raises InvalidToken.
    """
    family = (await find_token(db, contract_id, refresh_token, use="refresh")).family_id
    await _hold_family(db, family)
    token = await find_token(db, contract_id, refresh_token, use="refresh")  # it may have been revoked meanwhile
    if token.expires_at <= now:
        raise InvalidToken("The token (refresh_token) is expired")
    check_live(token.consent, now, "refresh_token")
    if token.rotated_at is not None and (arrived or now) - token.rotated_at > ROTATION_GRACE:
        hint = _replaced_hint(token.rotated_at, now)
        await _revoke_family(db, token.family_id, now)
        detail = "a rotated refresh token came back"
        raise InvalidToken("The token (refresh_token) is invalid", detail=detail, hint=hint)
    token.rotated_at = token.rotated_at or now
    return _issue_pair(db, token.consent, token.family_id, now, settings)


async def find_token(db: AsyncSession, contract_id: str, value: object, *, use: str) -> TokenRow:
    """A token that is known, not revoked and this contract's; it may have expired. Raises InvalidToken otherwise."""
    name = f"{use}_token"
    query = (
        select(TokenRow)
        .join(TokenRow.consent)
        .where(TokenRow.token_hash == digest(str(value)), TokenRow.use == use, ConsentRow.contract_id == contract_id)
    )
    token = await db.scalar(query.execution_options(populate_existing=True))
    if token is None or token.revoked_at is not None:
        raise InvalidToken(f"The token ({name}) is invalid", hint=_revoked_hint(token))
    return token


def _revoked_hint(token: TokenRow | None) -> str | None:
    """Tell why a grant was revoked that nobody withdrew: clients lose grants so, and cannot see it otherwise."""
    if token is None or token.revoked_at is None or token.consent.revoked_at is not None:
        return None
    if token.rotated_at is not None:
        return _replaced_hint(token.rotated_at, token.revoked_at)
    return (
        f"The grant was revoked on {token.revoked_at:{MOMENT}}, because a code or an older refresh token that had been "
        f"used came back. {WHAT_TO_DO}"
    )


def _replaced_hint(rotated_at: datetime, revoked_at: datetime) -> str:
    return (
        f"A newer refresh token took the place of this one on {rotated_at:{MOMENT}}. It came back after its grace of "
        f"{ROTATION_GRACE.seconds} seconds, so the grant was revoked on {revoked_at:{MOMENT}}. {WHAT_TO_DO}"
    )


async def find_access_token(db: AsyncSession, contract_id: str, value: object, now: datetime) -> TokenRow:
    """A live access token of a live consent of this contract. Raises InvalidToken otherwise."""
    token = await find_token(db, contract_id, value, use="access")
    check_live(token.consent, now, "access_token")
    if token.expires_at <= now:
        raise InvalidToken("The token (access_token) is expired")
    return token


async def find_token_of_partner(db: AsyncSession, partner_id: str, value: str) -> TokenRow:
    """An access token of any contract of this partner: it links a new grant to the same library. Protocol 4.1.

    It may have expired: clients renew a lapsed grant with it. Raises InvalidToken if it is unknown or was revoked.
    """
    query = (
        select(TokenRow)
        .join(TokenRow.consent)
        .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(TokenRow.token_hash == digest(value), TokenRow.use == "access", ApplicationRow.partner_id == partner_id)
    )
    token = await db.scalar(query)
    if token is None or token.revoked_at is not None or token.consent.revoked_at is not None:
        raise InvalidToken("The token (access_token) is invalid")
    return token


def check_live(consent: ConsentRow, now: datetime, name: str) -> None:
    """Raises InvalidToken if the consent was withdrawn or has ended."""
    if consent.revoked_at is not None:
        raise InvalidToken(f"The token ({name}) is invalid")
    if consent.expires_at is not None and consent.expires_at <= now:
        raise InvalidToken(f"The token ({name}) is expired")


def _issue_pair(db: AsyncSession, consent: ConsentRow, family: UUID, now: datetime, settings: Settings) -> TokenPair:
    access = IssuedToken(new_secret(), now + settings.access_token_lifetime)
    refresh = IssuedToken(new_secret(), now + settings.refresh_token_lifetime)
    for use, issued in (("access", access), ("refresh", refresh)):
        db.add(
            TokenRow(
                token_hash=digest(issued.value),
                use=use,
                consent_id=consent.id,
                family_id=family,
                expires_at=issued.expires_at,
            )
        )
    return TokenPair(consent, access, refresh)


async def _hold_family(db: AsyncSession, family: UUID) -> None:
    """Waits for whoever refreshes or revokes this family, until the transaction ends.

    Without it a refresh that is under way would bring a pair into a family that was just revoked.
    """
    await db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(family), 0))))


async def _revoke_family(db: AsyncSession, family: UUID | None, now: datetime) -> None:
    if family is not None:
        await _hold_family(db, family)
        await db.execute(update(TokenRow).where(TokenRow.family_id == family).values(revoked_at=now))
    await db.commit()  # the refusal that follows must not roll this back
