"""The browsers that a person consented from. Each has a secret, which proves that the library is theirs.

The secret changes with each use. The previous secret stays valid until the new one is used, because the response may be
lost. For a minute after a change, a request with the previous secret does not change it again, because several tabs of
a browser may send requests at the same time.

Where several people use one browser, its secret only says whose library it may be. If that library has a passkey, the
passkey must have confirmed within the last half an hour that it is them.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.db.tables import BrowserRow, FormerLibraryRow, JourneyRow, PasskeyRow
from privateshare.platform.keys.secrets import hash_secret, new_secret
from privateshare.platform.library.libraries import OpenLibrary

LIFETIME = timedelta(days=180)  # It restarts with each use.
TABS_GRACE = timedelta(minutes=1)
CONFIRMATION = timedelta(minutes=30)  # It restarts with each form that is sent under /me.
DESCRIPTION = "browser description"
ID_BYTES = 16

SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}
PROGRAMS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BrowserSecret:
    """What a browser keeps of one library: which of its browsers it is, and the secret that proves it."""

    library_id: UUID
    browser_id: UUID
    secret: str = field(repr=False)

    def encode(self) -> str:
        """Encode it for the cookie; `decode_secret` reads it back."""
        named = urlsafe_b64encode(self.library_id.bytes + self.browser_id.bytes).rstrip(b"=").decode()
        return f"{named}.{self.secret}"


def decode_secret(text: str) -> BrowserSecret | None:
    """Read what `BrowserSecret.encode` wrote; None for anything else."""
    named, _, secret = text.partition(".")
    try:
        ids = urlsafe_b64decode(named + "=" * (-len(named) % 4))
    except (NotBase64, ValueError):
        return None
    if len(ids) != 2 * ID_BYTES or not secret or not secret.isascii():
        return None
    return BrowserSecret(UUID(bytes=ids[:ID_BYTES]), UUID(bytes=ids[ID_BYTES:]), secret)


async def find_browsers(
    db: AsyncSession, secrets: Sequence[BrowserSecret], now: datetime
) -> Mapping[BrowserSecret, BrowserRow]:
    """Find the browsers of these secrets, in the order of the secrets; invalid secrets are left out."""
    if not secrets:
        return {}
    secrets = await _of_current_libraries(db, secrets)
    named = [(secret.library_id, secret.browser_id) for secret in secrets]
    query = select(BrowserRow).where(tuple_(BrowserRow.library_id, BrowserRow.id).in_(named))
    rows = {(row.library_id, row.id): row for row in await db.scalars(query)}
    pairs = ((secret, rows.get((secret.library_id, secret.browser_id))) for secret in secrets)
    return {secret: row for secret, row in pairs if row is not None and _proves(secret, row, now)}


async def _of_current_libraries(db: AsyncSession, secrets: Sequence[BrowserSecret]) -> Sequence[BrowserSecret]:
    """Replace the ids of libraries that were moved into others since the browser got its secrets."""
    former = select(FormerLibraryRow.id, FormerLibraryRow.library_id)
    found = await db.execute(former.where(FormerLibraryRow.id.in_([secret.library_id for secret in secrets])))
    current: dict[UUID, UUID] = {row.id: row.library_id for row in found}
    renamed = (replace(secret, library_id=current.get(secret.library_id, secret.library_id)) for secret in secrets)
    return list({(secret.library_id, secret.browser_id): secret for secret in renamed}.values())


def _proves(secret: BrowserSecret, row: BrowserRow, now: datetime) -> bool:
    known = [hash_ for hash_ in (row.secret_hash, row.previous_hash) if hash_ is not None]
    matches = [hmac.compare_digest(hash_secret(secret.secret), hash_) for hash_ in known]
    return any(matches) and row.used_at + LIFETIME > now


async def add_browser(db: AsyncSession, library: OpenLibrary, user_agent: str, now: datetime) -> BrowserSecret:
    """Add a browser to a library; return the secret that proves from now on whose library it is."""
    secret = BrowserSecret(library.id, uuid4(), new_secret())
    row = BrowserRow(
        library_id=library.id,
        id=secret.browser_id,
        secret_hash=hash_secret(secret.secret),
        sealed_description=library.seal(DESCRIPTION, secret.browser_id, describe(user_agent).encode()),
        rotated_at=now,
        used_at=now,
    )
    db.add(row)
    await db.flush()
    await record_event(db, library, Event(EventKind.SIGN_IN_ADDED, {"method": "browser"}), now)
    return secret


async def use_browser(db: AsyncSession, secret: BrowserSecret, now: datetime) -> BrowserSecret | None:
    """Record that a browser proved who its person is; return the secret that its cookie gets.

    Returns None if the browser was revoked since.
    """
    row = await db.get(BrowserRow, (secret.library_id, secret.browser_id), with_for_update=True, populate_existing=True)
    if row is None or not _proves(secret, row, now):
        return None
    row.used_at = now
    shown = hash_secret(secret.secret)
    is_current = hmac.compare_digest(shown, row.secret_hash)
    if not is_current and row.rotated_at + TABS_GRACE > now:
        return secret  # Another tab has just received the new secret, which this response must not replace.
    fresh = BrowserSecret(secret.library_id, secret.browser_id, new_secret())
    row.previous_hash, row.secret_hash, row.rotated_at = shown, hash_secret(fresh.secret), now
    await db.flush()
    return fresh


async def proving_browsers(
    db: AsyncSession, browsers: Mapping[BrowserSecret, BrowserRow], now: datetime
) -> Mapping[BrowserSecret, BrowserRow]:
    """Leave out the browsers that prove nothing by themselves, because a passkey has to confirm the person first."""
    asking = [row.library_id for row in browsers.values() if row.shared and not _is_confirmed(row, now)]
    if not asking:
        return browsers
    query = select(PasskeyRow.library_id).where(PasskeyRow.library_id.in_(asking))
    with_passkey = set(await db.scalars(query)) & set(asking)
    return {secret: row for secret, row in browsers.items() if row.library_id not in with_passkey}


def _is_confirmed(row: BrowserRow, now: datetime) -> bool:
    return row.confirmed_at is not None and row.confirmed_at + CONFIRMATION > now


async def confirm_browser(db: AsyncSession, secret: BrowserSecret, now: datetime) -> None:
    """Record that the person in a browser has just proved who they are in another way."""
    mine = (BrowserRow.library_id == secret.library_id, BrowserRow.id == secret.browser_id)
    await db.execute(update(BrowserRow).where(*mine).values(confirmed_at=now))


async def extend_confirmation(db: AsyncSession, row: BrowserRow, now: datetime) -> None:
    """Restart the time after which a passkey is asked for again, because the person is still active."""
    if _is_confirmed(row, now):
        row.confirmed_at = now
        await db.flush()


async def end_other_confirmations(db: AsyncSession, library_id: UUID, browser_id: UUID | None) -> None:
    """Ask for the passkey in all browsers but one that other people use too, because there is a new passkey."""
    others = update(BrowserRow).where(BrowserRow.library_id == library_id)
    if browser_id is not None:
        others = others.where(BrowserRow.id != browser_id)
    await db.execute(others.values(confirmed_at=None))


async def mark_shared(db: AsyncSession, secrets: Sequence[BrowserSecret]) -> None:
    """Record that several people use a browser. `secrets` are all those that it has."""
    named = [(secret.library_id, secret.browser_id) for secret in secrets]
    of_browser = tuple_(BrowserRow.library_id, BrowserRow.id).in_(named)
    locked = select(BrowserRow.id).where(of_browser).order_by(BrowserRow.library_id, BrowserRow.id).with_for_update()
    await db.execute(locked)  # Lock in a fixed order, so that two tabs do not wait for each other.
    await db.execute(update(BrowserRow).where(of_browser).values(shared=True))


async def set_shared(db: AsyncSession, library_id: UUID, browser_id: UUID, *, shared: bool) -> None:
    """Record what the person says: whether other people use a browser too."""
    mine = (BrowserRow.library_id == library_id, BrowserRow.id == browser_id)
    await db.execute(update(BrowserRow).where(*mine).values(shared=shared))


async def revoke_browser(db: AsyncSession, library_id: UUID, browser_id: UUID) -> None:
    """Delete a browser and its secret. Unfinished journeys in the library need proof again."""
    await db.execute(delete(BrowserRow).where(BrowserRow.library_id == library_id, BrowserRow.id == browser_id))
    await forget_proofs(db, library_id)
    log.info("a browser was revoked", library=str(library_id), browser=str(browser_id))


async def forget_proofs(db: AsyncSession, library_id: UUID) -> None:
    """Require proof again on all unfinished journeys in a library."""
    under_way = update(JourneyRow).where(JourneyRow.library_id == library_id, JourneyRow.finished_at.is_(None))
    await db.execute(under_way.where(JourneyRow.provisional.is_(False)).values(proof=None))


async def library_browsers(db: AsyncSession, library_id: UUID, now: datetime) -> Sequence[BrowserRow]:
    """List the browsers that prove whose a library is, the one used last first."""
    query = select(BrowserRow).where(BrowserRow.library_id == library_id, BrowserRow.used_at > now - LIFETIME)
    return list(await db.scalars(query.order_by(BrowserRow.used_at.desc(), BrowserRow.id)))


def description_of(row: BrowserRow, library: OpenLibrary) -> str:
    """Return a browser's description, such as "Firefox, Windows"; empty if it is unknown."""
    return library.open(DESCRIPTION, row.id, row.sealed_description).decode()


def describe(user_agent: str) -> str:
    """Shorten a User-Agent to names that people know, so that nothing else of it is stored."""
    program = next((name for mark, name in PROGRAMS.items() if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    return ", ".join(filter(None, [program, system]))
