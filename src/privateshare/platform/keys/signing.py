"""The keys with which the platform signs responses, and the check of the master key. Protocol 3."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

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
_ADVISORY_LOCK = 0x70736B


class Signer:
    """Signs responses with the key that was the newest when the process started."""

    def __init__(self, kid: str, key: RSAPrivateKey) -> None:
        self._kid, self._key = kid, key

    def __repr__(self) -> str:
        return f"<Signer {self._kid}>"

    def sign(self, claims: Mapping[str, object], api: str) -> str:
        """Sign the `token` of a response. `api` is the API's address as the client reached it. Protocol 3.1."""
        return jwt.sign(self._key, claims, kid=self._kid, jku=f"{api}jwks/oauth")

    @property
    def public_entry(self) -> dict[str, str]:
        """The public key, as an entry of the key set."""
        return jwt.key_set_entry(self._key.public_key(), self._kid)

    def sign_statement(self, claims: Mapping[str, object], type_: str) -> str:
        """Sign a statement that is kept, such as a head of the audit log, as a JWT of a type of its own."""
        return jwt.sign(self._key, claims, kid=self._kid, typ=type_)


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
    """Load the newest signing key, or create the first one."""
    await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    newest = select(SigningKeyRow).order_by(SigningKeyRow.created_at.desc()).limit(1)
    current = await db.scalar(newest) or await rotate_signing_key(db, master_key)
    pem = master_key.open(PURPOSE, current.kid, current.sealed_private_key)
    return Signer(current.kid, jwt.load_private_key(pem, trusted=True))


async def database_name(db: AsyncSession) -> str:
    """Return a unique and permanent name of this database: the id of its first signing key."""
    return (await db.scalars(select(SigningKeyRow.kid).order_by(SigningKeyRow.created_at).limit(1))).one()


async def rotate_signing_key(db: AsyncSession, master_key: MasterKey) -> SigningKeyRow:
    """Create a new key for signing responses from now on. Older keys stay in the key set. Protocol 3.2."""
    key = generate_private_key(65537, KEY_BITS)
    kid = new_id()
    row = SigningKeyRow(
        kid=kid,
        sealed_private_key=master_key.seal(PURPOSE, kid, jwt.private_pem(key).encode()),
        public_key=jwt.public_pem(key.public_key()),
    )
    db.add(row)
    await db.flush()
    return row
