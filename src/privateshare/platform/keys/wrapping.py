"""The platform's master key, and each library's data key, which the master key and an erasure key wrap together.

Every sealed value is bound to its purpose and owner, so that it cannot be moved to another place or person.
"""

import os
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.sealing import KEY_BYTES, SealBroken, seal, unseal
from privateshare.platform.operating.settings import Settings

KEY_ID_BYTES = 8
ID_BYTES = 16
WRAPPED = "data key"
SERVER_CLIENT = "client of a server"
HINT_KEY = "hint key"
WEBHOOK_SECRET = "webhook secret"  # noqa: S105 - the purpose under which the secrets of webhooks are sealed


@dataclass(frozen=True, slots=True)
class DataKey:
    """32 secret bytes; hidden in `repr`."""

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.value) != KEY_BYTES:
            raise ConfigurationError(f"a key must have {KEY_BYTES} bytes")


class MasterKeyNotListed(SealBroken):
    """A value is sealed with a master key that is not in the settings."""


class MasterKey:
    """The key that wraps all others, and further keys that unwrap what they wrapped: older ones, or one to come.

    `use` replaces them while the process runs.
    """

    def __init__(self, current: DataKey, older: Sequence[DataKey] = ()) -> None:
        self._keys = (current, *older)

    def __repr__(self) -> str:
        return f"<MasterKey {_key_id(self.current).hex()}, with {len(self.older)} more>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MasterKey) and self._keys == other._keys

    __hash__ = None  # type: ignore[assignment]

    def use(self, other: "MasterKey") -> bool:
        """Use the keys of another master key from now on. Return whether they differ."""
        differs = self._keys != other._keys
        self._keys = other._keys
        return differs

    @property
    def current(self) -> DataKey:
        """The key that wraps from now on."""
        return self._keys[0]

    @property
    def older(self) -> Sequence[DataKey]:
        """The keys that only unwrap."""
        return self._keys[1:]

    def seal(self, purpose: str, owner: object, value: bytes) -> bytes:
        """Seal a value with the current key. The result starts with that key's id."""
        return _key_id(self.current) + seal_value(self.current, purpose, owner, value)

    def open(self, purpose: str, owner: object, sealed: bytes) -> bytes:
        """Decrypt a value that `seal` sealed. Raises SealBroken if none of the keys can decrypt it."""
        return open_value(self._sealed_with(sealed), purpose, owner, sealed[KEY_ID_BYTES:])

    def wrap(self, key: DataKey, library_id: UUID, erasure_key: bytes) -> bytes:
        """Wrap a library's data key for its row. Unwrapping needs both the master key and the erasure key."""
        wrapping = _wrapping_key(self.current, library_id, erasure_key)
        return _key_id(self.current) + seal_value(wrapping, WRAPPED, library_id, key.value)

    def unwrap(self, wrapped: bytes, library_id: UUID, erasure_key: bytes) -> DataKey:
        """Unwrap a data key. Raises SealBroken if one of the arguments belongs to another library."""
        wrapping = _wrapping_key(self._sealed_with(wrapped), library_id, erasure_key)
        return DataKey(open_value(wrapping, WRAPPED, library_id, wrapped[KEY_ID_BYTES:]))

    def derive(self, purpose: str) -> bytes:
        """Derive a secret of 32 bytes from the current key, for what need not outlive a change of the key."""
        return HKDF(SHA256(), KEY_BYTES, None, f"privateshare {purpose} 1".encode()).derive(self.current.value)

    @property
    def current_id(self) -> bytes:
        """Return the id of the key that wraps from now on."""
        return _key_id(self.current)

    @property
    def ids(self) -> Sequence[bytes]:
        """Return the ids of all listed keys. The first bytes of a sealed value are the id of its key."""
        return [_key_id(key) for key in self._keys]

    def _sealed_with(self, sealed: bytes) -> DataKey:
        for key in self._keys:
            if _key_id(key) == sealed[:KEY_ID_BYTES]:
                return key
        raise MasterKeyNotListed("the value is sealed with a master key that is not in the settings")


def derive_key(secret: str, purpose: str) -> DataKey:
    """Derive a key from a secret of which the platform stores only the hash, so that only its holder can decrypt."""
    return DataKey(HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(secret.encode()))


def new_data_key() -> DataKey:
    """Generate a random key."""
    return DataKey(os.urandom(KEY_BYTES))


def derive_account_key(data_key: DataKey, account_id: UUID, erasure_key: bytes) -> DataKey:
    """Derive the key of an account from the library's data key and the account's erasure key."""
    info = b"privateshare account key 1\0" + account_id.bytes
    return DataKey(HKDF(SHA256(), KEY_BYTES, None, info).derive(data_key.value + erasure_key))


def derive_key_from(key: DataKey, purpose: str) -> DataKey:
    """Derive a key for one purpose from a library's data key. It reveals nothing of the data key."""
    return DataKey(HKDF(SHA256(), KEY_BYTES, None, f"privateshare key 1: {purpose}".encode()).derive(key.value))


def derive_id(key: DataKey, purpose: str) -> UUID:
    """Derive an id from a key. Without the key, nobody can tell what it is the id of."""
    return UUID(bytes=HKDF(SHA256(), ID_BYTES, None, f"privateshare id 1: {purpose}".encode()).derive(key.value))


def seal_value(key: DataKey, purpose: str, owner: object, value: bytes) -> bytes:
    """Seal a small value for one purpose and one owner."""
    return seal(key.value, seal_context(purpose, owner), value)


def open_value(key: DataKey, purpose: str, owner: object, sealed: bytes) -> bytes:
    """Decrypt a value that `seal_value` sealed for the same purpose and owner. Raises SealBroken otherwise."""
    return unseal(key.value, seal_context(purpose, owner), sealed)


def seal_context(purpose: str, owner: object) -> bytes:
    """Encode purpose and owner as the context of a sealed value. Different pairs have different encodings."""
    return f"{len(purpose)}:{purpose}:{owner}".encode()


def load_master_key(settings: Settings, *, create: bool = False) -> MasterKey:
    """Load the master key from the settings, from the file that they name, or from the file in the data folder.

    Args:
        settings: The settings with the key or the data folder.
        create: Create the file (0600) if it is missing. Allowed only while nothing is sealed in the database.

    Raises:
        ConfigurationError: There is no key, it is not 32 bytes in base64, or other users may read its file.
    """
    if settings.master_key is not None:
        return _decode_keys(settings.master_key.get_secret_value().split(","), "PRIVATESHARE_MASTER_KEY")
    if settings.master_key_file is not None:
        content = _read_file(settings.master_key_file).decode("utf-8", "replace")
        return _decode_keys(re.split(r"[\s,]+", content.strip()), str(settings.master_key_file))
    return _key_file(settings.data / "master.key", create=create)


def update_master_key(master_key: MasterKey, settings: Settings) -> bool:
    """Read the file of the master key again, and use its keys from now on. Return whether they differ.

    Raises ConfigurationError if the file is missing or damaged: then the keys stay as they are.
    """
    return settings.master_key is None and master_key.use(load_master_key(settings))


def _decode_keys(texts: Sequence[str], place: str) -> MasterKey:
    current, *older = (_decode_key(text, place) for text in texts)
    return MasterKey(current, older)


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o007:
            raise ConfigurationError(f"all users may read the master key; run: chmod o= {path}")
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read the master key {path}: {error.strerror}") from error


def _key_file(path: Path, *, create: bool) -> MasterKey:
    try:
        if create and not path.exists():
            _create_key_file(path)
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"other users may read the master key; run: chmod 600 {path}")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"the master key {path} is missing, and the data is encrypted with it; nothing was changed",
            hint="Copy the platform's master key to this path, or set PRIVATESHARE_MASTER_KEY",
        ) from error
    except OSError as error:
        raise ConfigurationError(f"cannot read or create the master key {path}: {error.strerror}") from error
    if not content or len(content) % KEY_BYTES:
        raise ConfigurationError(
            f"the master key {path} must have {KEY_BYTES} bytes for each key, and has {len(content)}"
        )
    current, *older = (DataKey(content[start : start + KEY_BYTES]) for start in range(0, len(content), KEY_BYTES))
    return MasterKey(current, older)


def _create_key_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # Unlike a rename, a link never replaces a key that another process made meanwhile.
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _decode_key(text: str, place: str) -> DataKey:
    try:
        return DataKey(b64decode(text.strip(), validate=True))
    except (Base64Error, ConfigurationError) as error:
        raise ConfigurationError(
            f"{place} is invalid: each key must be 32 bytes in base64, with a comma between two keys",
            hint="Make a key with: openssl rand -base64 32",
        ) from error


def _key_id(key: DataKey) -> bytes:
    return sha256(b"master key id" + key.value).digest()[:KEY_ID_BYTES]


def _wrapping_key(master: DataKey, library_id: UUID, erasure_key: bytes) -> DataKey:
    info = b"privateshare library key 1\0" + library_id.bytes
    return DataKey(HKDF(SHA256(), KEY_BYTES, None, info).derive(master.value + erasure_key))
