"""Erasure keys as objects in S3, Google Cloud Storage or Azure, through obstore."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from privateshare.platform.blobs.store_errors import describe_store_error
from privateshare.platform.keystore.store import (
    KEY_BYTES,
    OWNER_ENTRY,
    CopiesRemain,
    KeyMissing,
    KeyStoreUnavailable,
    read_name,
)

DESTROYED = bytes(KEY_BYTES)
RETRIES = 2  # An app's request waits for these retries, so there are few.
RETRY_TIMEOUT = timedelta(seconds=5)


class CloudKeys:
    """A bucket, or a prefix of one, by its URL. Credentials come from the provider's usual environment variables."""

    def __init__(self, url: str) -> None:
        self._store = from_url(url, retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT})

    def create(self, name: UUID, key: bytes) -> None:
        """Store a key under a name that was never used before. The key is durable when this returns."""
        with _store_errors():
            obstore.put(self._store, str(name), key, use_multipart=False)

    def read(self, name: UUID) -> bytes:
        """Return the key of this name. Raises KeyMissing, also if the key is truncated or already overwritten."""
        content = self._read(str(name))
        if content is None:
            raise KeyMissing(f"there is no key {name}")
        if len(content) != KEY_BYTES or content == DESTROYED:
            raise KeyMissing(f"the key {name} is damaged")
        return content

    def destroy(self, name: UUID) -> None:
        """Overwrite the key, check that the old content cannot be read any more, then delete the object.

        Raises CopiesRemain if the bucket keeps older versions. The object then stays and names the version that held
        the key, so that the next attempt checks that version.
        """
        path = str(name)
        with _store_errors():
            try:
                found = obstore.get(self._store, path)
            except FileNotFoundError:
                return
            content, version = bytes(found.bytes()), found.meta["version"]
            if content.startswith(DESTROYED):
                version = content.removeprefix(DESTROYED).decode() or None
            overwritten = DESTROYED + (version or "").encode()
            after = obstore.put(self._store, path, overwritten, use_multipart=False)["version"]
            if version not in (None, after) and self._has_version(path, version):
                raise CopiesRemain("the bucket of the erasure keys keeps older versions of its objects")
            with suppress(FileNotFoundError):
                obstore.delete(self._store, path)

    def names_between(self, start: datetime, end: datetime) -> Iterator[UUID]:
        """List the names of the keys that were created between two times of the store's clock."""
        with _store_errors():
            for page in obstore.list(self._store):
                for entry in page:
                    name = read_name(str(entry["path"]))
                    if name is not None and start <= entry["last_modified"] < end:
                        yield name

    def owner(self) -> str | None:
        """Return the name of the database that the keys belong to, or None if no database has claimed the store yet."""
        content = self._read(OWNER_ENTRY)
        return content.decode() if content else None

    def claim(self, owner: str) -> None:
        """Record durably that the store belongs to a database."""
        with _store_errors():
            obstore.put(self._store, OWNER_ENTRY, owner.encode(), use_multipart=False)

    def _read(self, path: str) -> bytes | None:
        with _store_errors():
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                return None

    def _has_version(self, path: str, version: str) -> bool:
        """Return whether a version can still be read.

        Google reports a version number even where it keeps no versions, so this requests the version itself.
        """
        try:
            obstore.get(self._store, path, options={"version": version}).bytes()
        except FileNotFoundError:
            return False
        return True


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        reason = describe_store_error(error)
        raise KeyStoreUnavailable(f"the store of the erasure keys is not available: {reason}") from error
