"""The keys with which the platform signs responses, and the check of the master key. Protocol 3."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import SigningKeyRow
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.keys.wrapping import MasterKey, load_master_key
from privateshare.platform.operating.settings import Settings
from privateshare.protocol import jwt

KEY_BITS = 2048
PURPOSE = "signing key"
ALWAYS = datetime.min.replace(tzinfo=UTC)
KEY_SET_CACHE_SECONDS = 3600
# How long a new key is only published: until no client has a cached key set without it, and all processes know it.
CACHED_KEY_SET = timedelta(seconds=KEY_SET_CACHE_SECONDS + 300)
_ADVISORY_LOCK = 0x70736B

log = structlog.get_logger()


@dataclass(frozen=True)
class SigningKey:
    """A key for signing, which is used from a moment on until there is a newer one."""

    kid: str
    key: RSAPrivateKey = field(repr=False)
    active_at: datetime = ALWAYS


class Signer:
    """Signs responses with the newest key that is active. `use` gives it other keys while the process runs."""

    def __init__(self, kid: str, key: RSAPrivateKey) -> None:
        self._keys: Sequence[SigningKey] = (SigningKey(kid, key),)

    def __repr__(self) -> str:
        return f"<Signer {self._current.kid}>"

    def use(self, keys: Sequence[SigningKey]) -> None:
        """Sign with these keys from now on, each as soon as it is active. The oldest one comes first."""
        self._keys = keys

    @property
    def keys(self) -> Sequence[SigningKey]:
        """The current key, and those that follow it."""
        return self._keys

    @property
    def _current(self) -> SigningKey:
        now = datetime.now(UTC)
        active = [key for key in self._keys if key.active_at <= now]
        return active[-1] if active else self._keys[0]

    def sign(self, claims: Mapping[str, object], api: str) -> str:
        """Sign the `token` of a response. `api` is the API's address as the client reached it. Protocol 3.1."""
        current = self._current
        return jwt.sign(current.key, claims, kid=current.kid, jku=f"{api}jwks/oauth")

    @property
    def public_entry(self) -> dict[str, str]:
        """The public key, as an entry of the key set."""
        return jwt.key_set_entry(self._current.key.public_key(), self._current.kid)

    def sign_statement(self, claims: Mapping[str, object], type_: str) -> str:
        """Sign a statement that is kept, such as a head of the audit log, as a JWT of a type of its own."""
        return jwt.sign(self._current.key, claims, kid=self._current.kid, typ=type_)


async def key_set(db: AsyncSession) -> dict[str, list[dict[str, str]]]:
    """Return the key set of protocol 3.2: every key that a valid token may be signed with, the newest first."""
    rows = await db.scalars(select(SigningKeyRow).order_by(SigningKeyRow.created_at.desc()))
    return {"keys": [jwt.key_set_entry(jwt.load_public_key(row.public_key), row.kid) for row in rows]}


async def verified_public_keys(db: AsyncSession, master_key: MasterKey) -> Mapping[str, RSAPublicKey]:
    """Return the public keys of this platform by their ids.

    Each is derived from its private key, which only the master key can have sealed. So a key that somebody with access
    to the database added is left out.
    """
    found = {}
    for kid, sealed in await _sealed_keys(db):
        with suppress(SealBroken):
            pem = master_key.open(PURPOSE, kid, sealed)
            found[kid] = jwt.load_private_key(pem, trusted=True).public_key()
    return found


async def check_master_key(db: AsyncSession, settings: Settings) -> MasterKey | None:
    """Check that the master key in the settings decrypts the signing keys in this database, and return it.

    The database may have no tables yet: then return None. Raises ConfigurationError if the key is missing or a
    different one.
    """
    sealed = await _sealed_keys(db)
    if not sealed:
        return None
    master_key = load_master_key(settings)
    _check_opens(master_key, sealed)
    return master_key


async def open_master_key(db: AsyncSession, settings: Settings) -> MasterKey:
    """Load the master key of a database. If nothing is sealed in the database yet, create the key if it is missing.

    Raises ConfigurationError if the key is missing, or is not the one that sealed this database.
    """
    # The lock lets two processes that start first at the same time create only one key.
    await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    sealed = await _sealed_keys(db)
    master_key = load_master_key(settings, create=not sealed)
    _check_opens(master_key, sealed)
    return master_key


def _check_opens(master_key: MasterKey, sealed: Sequence[tuple[str, bytes]]) -> None:
    for kid, value in sealed:
        try:
            master_key.open(PURPOSE, kid, value)
        except SealBroken as error:
            raise ConfigurationError(
                "the master key is not the one that this database was sealed with; nothing was changed",
                hint="Set the master key of this database. If it was replaced before, list the older keys after it",
            ) from error


async def _sealed_keys(db: AsyncSession) -> Sequence[tuple[str, bytes]]:
    """Return the sealed signing keys, to check the master key with. Every database in use has at least one."""
    if await db.scalar(text("SELECT to_regclass('signing_keys')")) is None:
        return []
    rows = await db.execute(select(SigningKeyRow.kid, SigningKeyRow.sealed_private_key))
    return [(kid, value) for kid, value in rows]


async def load_signer(db: AsyncSession, master_key: MasterKey) -> Signer:
    """Load the signing key that is active now and those to come, or create the first one."""
    await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    current = await _keys_from_now_on(db) or [await rotate_signing_key(db, master_key)]
    keys = [_open(row, master_key) for row in current]
    signer = Signer(keys[0].kid, keys[0].key)
    signer.use(keys)
    return signer


async def update_signer(db: AsyncSession, master_key: MasterKey, signer: Signer) -> None:
    """Let a signer use the keys that are in the database now. A key that the master key does not open is left out."""
    rows = await _keys_from_now_on(db)
    known = {key.kid: key for key in signer.keys}
    found = []
    for row in rows:
        try:
            found.append(known.get(row.kid) or _open(row, master_key))
        except SealBroken:
            log.error("a signing key cannot be opened with the master key, so it is not used", kid=row.kid)
    if found and [key.kid for key in found] != [key.kid for key in signer.keys]:
        signer.use(found)
        log.info("the signing keys changed", kids=[key.kid for key in found])


async def _keys_from_now_on(db: AsyncSession) -> list[SigningKeyRow]:
    """Return the key that is active now, and those that will be, in the order in which they are used."""
    keys = list(await db.scalars(select(SigningKeyRow).order_by(SigningKeyRow.active_at, SigningKeyRow.created_at)))
    now = datetime.now(UTC)
    waiting = [key for key in keys if key.active_at > now]
    active = [key for key in keys if key.active_at <= now]
    return [*active[-1:], *waiting]


def _open(row: SigningKeyRow, master_key: MasterKey) -> SigningKey:
    pem = master_key.open(PURPOSE, row.kid, row.sealed_private_key)
    return SigningKey(row.kid, jwt.load_private_key(pem, trusted=True), row.active_at)


async def database_name(db: AsyncSession) -> str:
    """Return a unique and permanent name of this database: the id of its first signing key."""
    return (await db.scalars(select(SigningKeyRow.kid).order_by(SigningKeyRow.created_at).limit(1))).one()


async def rotate_signing_key(db: AsyncSession, master_key: MasterKey, pause: timedelta = timedelta()) -> SigningKeyRow:
    """Create a new key for signing responses after a pause. Older keys stay in the key set. Protocol 3.2.

    Clients may cache the key set, so within `CACHED_KEY_SET` some do not know the new key.
    """
    key = generate_private_key(65537, KEY_BITS)
    kid = new_id()
    row = SigningKeyRow(
        kid=kid,
        sealed_private_key=master_key.seal(PURPOSE, kid, jwt.private_pem(key).encode()),
        public_key=jwt.public_pem(key.public_key()),
        active_at=datetime.now(UTC) + pause,
    )
    db.add(row)
    await db.flush()
    return row
