"""Erasure keys as objects in S3, Google Cloud Storage or Azure, through obstore."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from privateshare.platform.keystore.store import KEY_BYTES, OWNER, CopiesRemain, KeyMissing, KeyStoreAway, read_name

DESTROYED = bytes(KEY_BYTES)
RETRIES = 2  # few: a call of an app waits for them
RETRY_TIMEOUT = timedelta(seconds=5)


class CloudKeys:
    """A bucket, or a part of one, by URL. Credentials come from the provider's usual environment variables."""

    def __init__(self, url: str) -> None:
        self._store = from_url(url, retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT})

    def create(self, name: UUID, key: bytes) -> None:
        """Returns when the key is durable under a name that was never used before."""
        with _away():
            obstore.put(self._store, str(name), key, use_multipart=False)

    def read(self, name: UUID) -> bytes:
        """The key of this name. Raises KeyMissing, also for one that is cut short or already overwritten."""
        content = self._read(str(name))
        if content is None:
            raise KeyMissing(f"there is no key {name}")
        if len(content) != KEY_BYTES or content == DESTROYED:
            raise KeyMissing(f"the key {name} is damaged")
        return content

    def destroy(self, name: UUID) -> None:
        """Overwrites the key, makes sure that what was there can be had no more, then deletes the object.

        Raises CopiesRemain if the bucket keeps older versions. The object then stays, and says which version held the
        key, so that whoever tries again looks for that one.
        """
        path = str(name)
        with _away():
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
        """The names of the keys that were created in this time, by the store's clock."""
        with _away():
            for page in obstore.list(self._store):
                for entry in page:
                    name = read_name(str(entry["path"]))
                    if name is not None and start <= entry["last_modified"] < end:
                        yield name

    def owner(self) -> str | None:
        """Which database the keys belong to; None if nobody has claimed the store yet."""
        content = self._read(OWNER)
        return content.decode() if content else None

    def claim(self, owner: str) -> None:
        """Makes the store that of one database, durably."""
        with _away():
            obstore.put(self._store, OWNER, owner.encode(), use_multipart=False)

    def _read(self, path: str) -> bytes | None:
        with _away():
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                return None

    def _has_version(self, path: str, version: str) -> bool:
        """Whether a version can still be had. Google numbers versions even where it keeps none, so this asks for it."""
        try:
            obstore.get(self._store, path, options={"version": version}).bytes()
        except FileNotFoundError:
            return False
        return True


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise KeyStoreAway(f"the store of the erasure keys cannot be used: {type(error).__name__}") from error
