"""A backup place: a folder or bucket with the snapshots of one platform.

    snapshots/20261129t190000z-5f3a/manifest     what the snapshot is, sealed with the master key; written last
                                    database     the dump of the database, encrypted
                                    blobs        the blobs that the database names, with sizes and hashes, encrypted
                                    keys         the names of the erasure keys that the database needs, encrypted
    blobs/…                                      the blobs of all snapshots, each once, as the platform encrypted them
    keys/…                                       the erasure keys; those of erased people are destroyed here too
    journal/…                                    what was erased and withdrawn

The database is encrypted with a random key, which is in the manifest. Blobs are encrypted already, and an erasure key
opens nothing without the master key. So whoever has the place and not the master key can read nothing.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.opening import open_blobs
from privateshare.platform.blobs.sealed import UnreadableBlob, put_sealed, read_sealed
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.blobs.store import BlobNotFound, BlobStore, put
from privateshare.platform.blobs.store_errors import STORE_ERRORS, describe_store_error
from privateshare.platform.keys.wrapping import MasterKey
from privateshare.platform.keystore.journal import ErasureJournal, saved_keys_url
from privateshare.platform.keystore.opening import open_keys
from privateshare.platform.keystore.store import KeyStore

NAME = "the backup place"  # What its address is called in errors.
FORMAT = 1
SNAPSHOTS, BLOBS = "snapshots/", "blobs/"
MANIFEST, DATABASE, BLOB_LIST, KEY_LIST = "manifest", "database", "blobs", "keys"
PURPOSE = "backup manifest"
NAME_FORMAT = "%Y%m%dt%H%M%Sz"


@dataclass(frozen=True, slots=True)
class SavedBlob:
    """A blob of a snapshot, with the SHA-256 of its bytes as they are stored."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """What a snapshot is.

    `database` is the name of the database, which never changes. `missing_blobs` and `missing_keys` were missing already
    when the backup was made. `data_key` (hex) encrypts the dump and the lists.
    """

    name: str
    database: str
    created_at: str
    data_key: str = field(repr=False)
    blobs: int = 0
    blob_bytes: int = 0
    keys: int = 0
    missing_blobs: list[str] = field(default_factory=list)
    missing_keys: list[str] = field(default_factory=list)
    format: int = FORMAT


class BackupPlace:
    """A backup place, by its URL. All methods block. Raises ConfigurationError if the URL cannot be used."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.store: BlobStore = open_blobs(url, setting=NAME)
        self.keys: KeyStore = open_keys(saved_keys_url(url))
        self.journal = ErasureJournal(url)

    def check(self) -> None:
        """Check that the place can be reached. Raises ConfigurationError that says why not."""
        try:
            next(iter(open_blobs(self._url, to_probe=True, setting=NAME).keys(SNAPSHOTS)), None)
        except STORE_ERRORS as error:
            raise ConfigurationError(
                f"cannot use the backup place: {describe_store_error(error)}",
                hint="Check its address, and the credentials, the endpoint and the region of the store",
            ) from error

    def snapshots(self) -> list[str]:
        """Return the names of all complete snapshots, the oldest first."""
        parts = (key.removeprefix(SNAPSHOTS).split("/") for key in self.store.keys(SNAPSHOTS))
        return sorted(name for name, *rest in parts if rest == [MANIFEST])

    def manifest(self, name: str, master_key: MasterKey) -> SnapshotManifest:
        """Read the manifest of a snapshot. Raises ConfigurationError."""
        try:
            sealed = b"".join(self.store.read(f"{SNAPSHOTS}{name}/{MANIFEST}"))
            found = json.loads(master_key.open(PURPOSE, name, sealed))
        except BlobNotFound as error:
            known = ", ".join(self.snapshots()) or "none"
            raise ConfigurationError(f"there is no complete backup {name}", hint=f"There are: {known}") from error
        except SealBroken as error:
            raise ConfigurationError(
                f"the backup {name} cannot be opened: it was made with another master key, or it was changed",
                hint="Set the master key that the platform had then, as the current one or an older one",
            ) from error
        if found.get("format") != FORMAT:
            raise ConfigurationError(f"the backup {name} was made by a newer version of PrivateShare")
        return SnapshotManifest(**found)

    def newest(self) -> str:
        """Return the name of the newest complete snapshot. Raises ConfigurationError if there is none."""
        names = self.snapshots()
        if not names:
            raise ConfigurationError(
                "there is no complete backup at this place", hint="Check its address. `privateshare backup` makes one"
            )
        return names[-1]

    def finish(self, manifest: SnapshotManifest, master_key: MasterKey) -> None:
        """Write the manifest, which makes the snapshot complete."""
        sealed = master_key.seal(PURPOSE, manifest.name, json.dumps(asdict(manifest)).encode())
        put(self.store, f"{SNAPSHOTS}{manifest.name}/{MANIFEST}", [sealed])

    def write(self, manifest: SnapshotManifest, part: str, chunks: Iterable[bytes]) -> int:
        """Write an encrypted part of a snapshot as a stream. Return its size."""
        path = f"{SNAPSHOTS}{manifest.name}/{part}"
        return put_sealed(self.store, path, bytes.fromhex(manifest.data_key), path.encode(), chunks)

    def read(self, manifest: SnapshotManifest, part: str) -> Iterator[bytes]:
        """Read an encrypted part of a snapshot as a stream. Raises ConfigurationError if it is damaged."""
        path = f"{SNAPSHOTS}{manifest.name}/{part}"
        try:
            yield from read_sealed(self.store, path, bytes.fromhex(manifest.data_key), path.encode())
        except UnreadableBlob as error:
            raise ConfigurationError(f"the backup {manifest.name} is damaged: {error}") from error

    def write_blob_list(self, manifest: SnapshotManifest, blobs: Iterable[SavedBlob]) -> None:
        """Write which blobs a snapshot has."""
        self.write(manifest, BLOB_LIST, (f"{blob.key} {blob.size} {blob.sha256}\n".encode() for blob in blobs))

    def blob_list(self, manifest: SnapshotManifest) -> Iterator[SavedBlob]:
        """Read which blobs a snapshot has. Raises ConfigurationError."""
        for line in self._lines(manifest, BLOB_LIST):
            key, size, digest = line.split(" ")
            yield SavedBlob(key, int(size), digest)

    def write_key_list(self, manifest: SnapshotManifest, names: Iterable[UUID]) -> None:
        """Write which erasure keys a snapshot needs."""
        self.write(manifest, KEY_LIST, (f"{name}\n".encode() for name in names))

    def key_list(self, manifest: SnapshotManifest) -> Iterator[UUID]:
        """Read which erasure keys a snapshot needs. Raises ConfigurationError."""
        return (UUID(line) for line in self._lines(manifest, KEY_LIST))

    def _lines(self, manifest: SnapshotManifest, part: str) -> Iterator[str]:
        left = b""
        for chunk in self.read(manifest, part):
            *lines, left = (left + chunk).split(b"\n")
            yield from (line.decode() for line in lines)

    def delete_snapshot(self, name: str) -> None:
        """Delete a snapshot: its manifest first, so that no incomplete one looks complete. Its blobs stay."""
        self.store.delete([f"{SNAPSHOTS}{name}/{MANIFEST}"])
        self.store.delete_prefix(f"{SNAPSHOTS}{name}/")


def existing_place(url: str) -> BackupPlace:
    """Open a place to read from it. No folder is created: raises ConfigurationError if there is none."""
    parts = urlsplit(url)
    folder = Path(unquote(parts.path))
    if parts.scheme == "file" and not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}", hint="Check the path of the backups")
    return BackupPlace(url)


def new_name(now: datetime) -> str:
    """Return a name for a snapshot that is made now. Names sort by time, and two made at once differ."""
    return f"{now.astimezone(UTC).strftime(NAME_FORMAT)}-{secrets.token_hex(2)}"
