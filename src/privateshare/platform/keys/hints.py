"""Secrets that tell the platform, and nobody else, to which library they belong.

A token or code is a hint and 32 random bytes. The hint is the library's id, encrypted and authenticated by AES-SIV
(RFC 5297) with a key of the platform. The kind of secret and the random bytes are authenticated with it: a hint fits no
other secret, and two secrets of one library have nothing in common.
"""

import secrets
from base64 import b64decode, urlsafe_b64encode
from enum import StrEnum
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import HintKeyRow
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.keys.wrapping import HINT_KEY, MasterKey

KEY_BITS = 512  # Half of it authenticates, and half of it encrypts.
HINT_BYTES = 32  # The tag of AES-SIV, and the id.
RANDOM_BYTES = 32
SECRET_CHARACTERS = 86  # Both, in base64url without padding.
_ADVISORY_LOCK = 0x707368


class SecretKind(StrEnum):
    """What a secret is. A secret of one kind is unknown where another kind is expected."""

    CODE = "authorization code"
    ACCESS = "access token"
    REFRESH = "refresh token"


class LibraryHints:
    """Makes secrets with a hint to their library, and reads the hints."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def new_secret(self, kind: SecretKind, library_id: UUID) -> str:
        """Generate a secret of a library, with 256 random bits: 86 characters [A-Za-z0-9_-]."""
        random = secrets.token_bytes(RANDOM_BYTES)
        hint = self._cipher.encrypt(library_id.bytes, [kind.encode(), random])
        return urlsafe_b64encode(hint + random).rstrip(b"=").decode()

    def library_of(self, kind: SecretKind, secret: object) -> UUID | None:
        """Return the id of the library of a secret; None if this platform made no such secret of this kind."""
        if not isinstance(secret, str) or len(secret) != SECRET_CHARACTERS:
            return None
        try:
            value = b64decode(secret + "==", b"-_", validate=True)
            return UUID(bytes=self._cipher.decrypt(value[:HINT_BYTES], [kind.encode(), value[HINT_BYTES:]]))
        except (InvalidTag, ValueError):
            return None


async def load_library_hints(db: AsyncSession, master_key: MasterKey) -> LibraryHints:
    """Load the key of the hints, or create it. It is never replaced: all tokens that apps hold need it.

    Raises ConfigurationError if the master key does not open it.
    """
    # The lock lets two processes that start first at the same time create only one key.
    await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    row = await db.scalar(select(HintKeyRow))
    if row is None:
        id_, key = new_id(), AESSIV.generate_key(KEY_BITS)
        db.add(HintKeyRow(id=id_, sealed_key=master_key.seal(HINT_KEY, id_, key)))
        await db.flush()
        return LibraryHints(key)
    try:
        return LibraryHints(master_key.open(HINT_KEY, row.id, row.sealed_key))
    except SealBroken as error:
        raise ConfigurationError(
            "the key of the hints in tokens is sealed with a master key that is not listed; nothing was changed",
            hint="List that key after the current one in PRIVATESHARE_MASTER_KEY, and run privateshare keys rewrap",
        ) from error
