"""What somebody opens who has seized a platform's disk with its master key, and has backups of blobs and database.

They know this code: they look for everything that once wrapped a data key in every byte that is left, tables, indexes,
write-ahead log, leftovers; and they try each of it with every key that is left in any file.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from privateshare.platform.blobs.sealing import NONCE_BYTES, TAG_BYTES, SealBroken, unseal_stream
from privateshare.platform.keys.wrapping import (
    KEY_ID_BYTES,
    DataKey,
    MasterKey,
    derive_account_key,
    load_master_key,
    seal_context,
)
from privateshare.platform.operating.settings import Settings
from tests.flow.files import files_below

KEY_BYTES = 32
WRAPPED_BYTES = KEY_ID_BYTES + NONCE_BYTES + KEY_BYTES + TAG_BYTES
SMALL_BYTES = 64 * 1024  # A file with a key is not larger.


@dataclass(frozen=True)
class Seized:
    """A data folder whose server has stopped; backups of blobs and of the database, and ids that are in the latter."""

    data: Path
    blobs: dict[str, bytes]
    database: Path
    accounts: Sequence[UUID]

    def places(self, secrets: Mapping[UUID, bytes]) -> dict[UUID, list[str]]:
        """Return the names of the files that each secret is in, as it is or written in a usual way."""
        found: dict[UUID, list[str]] = {name: [] for name in secrets}
        for path in self._files():
            data = path.read_bytes()
            for name, secret in secrets.items():
                if any(shape in data for shape in (secret, secret.hex().encode(), b64encode(secret)[:-1])):
                    found[name].append(path.name)
        return found

    def opened(self) -> set[str]:
        """The blobs that open, by their names."""
        data_keys, left = self._data_keys(), list(self._keys_left())
        of_accounts = [
            derive_account_key(key, account, one) for key in data_keys for account in self.accounts for one in left
        ]
        keys = [*data_keys, *of_accounts]
        return {name for name, sealed in self.blobs.items() if any(_opens(name, sealed, key) for key in keys)}

    def _data_keys(self) -> list[DataKey]:
        """Return every data key that can be made of what is on the disk."""
        master = load_master_key(Settings(data=self.data))
        libraries = {UUID(name.split("/")[1]) for name in self.blobs}
        left = list(self._keys_left())
        return [
            key
            for wrapped in set(self._wrapped(master))
            for library in libraries
            for key in _unwrapped(master, wrapped, library, left)
        ]

    def _wrapped(self, master: MasterKey) -> Iterator[bytes]:
        """Yield whatever looks like a wrapped data key: each begins with the id of the master key."""
        mark = master.seal("any", "thing", b"")[:KEY_ID_BYTES]
        for path in self._files():
            data, at = path.read_bytes(), -1
            while (at := data.find(mark, at + 1)) >= 0:
                yield data[at : at + WRAPPED_BYTES]

    def _files(self) -> set[Path]:
        return files_below(self.data) | files_below(self.database)

    def _keys_left(self) -> Iterator[bytes]:
        """Yield what may be an erasure key: each piece of a small file, at the places where one could begin."""
        yield bytes(KEY_BYTES)
        for path in files_below(self.data):
            if path.stat().st_size <= SMALL_BYTES and not {"postgres", "blobs"} & set(path.parts):
                yield path.read_bytes()[:KEY_BYTES]


def _unwrapped(master: MasterKey, wrapped: bytes, library: UUID, left: Iterable[bytes]) -> Iterator[DataKey]:
    with suppress(SealBroken):
        # Before there were erasure keys, keys were wrapped like this.
        yield DataKey(master.open("data key", library, wrapped))
    for erasure_key in left:
        with suppress(SealBroken):
            yield master.unwrap(wrapped, library, erasure_key)


def _opens(name: str, sealed: bytes, key: DataKey) -> bool:
    try:
        b"".join(unseal_stream(key.value, seal_context("blob", name), [sealed]))
    except SealBroken:
        return False
    return True


def copied_blobs(data: Path) -> dict[str, bytes]:
    """Return the blobs of all libraries as they are now, by their keys."""
    blobs = data / "blobs"
    return {path.relative_to(blobs).as_posix(): path.read_bytes() for path in files_below(blobs / "library")}
