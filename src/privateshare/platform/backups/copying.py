"""Copying many blobs from one store to another: several at a time, and not again what is there already."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice

from privateshare.platform.backups.place import SavedBlob
from privateshare.platform.blobs.store import BlobNotFound, BlobStore, put
from privateshare.platform.blobs.store_errors import STORE_ERRORS, BlobStoreUnavailable, describe_store_error

COPIES_AT_ONCE = 8
BLOBS_PER_ROUND = 256

Progress = Callable[[int], None]


@dataclass(slots=True)
class Copied:
    """What was copied: `blobs` counts all, `new` those that were not there before.

    `missing` were not in the store to copy from, and `damaged` have another hash than when they were saved.
    """

    blobs: int = 0
    size: int = 0
    new: int = 0
    new_size: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BlobCopier:
    """Copies blobs from one store, below a prefix, to another one, below a prefix."""

    source: BlobStore
    target: BlobStore
    source_prefix: str = ""
    target_prefix: str = ""

    def save(
        self, keys: Iterable[str], known: Mapping[str, SavedBlob], done: Copied, progress: Progress
    ) -> Iterator[SavedBlob]:
        """Copy blobs to a backup, and yield what was copied. Those that are `known` and there are not read again."""
        yield from self._all(keys, lambda key: self._save(key, known.get(key)), done, progress)

    def restore(self, blobs: Iterable[SavedBlob], done: Copied, progress: Progress) -> None:
        """Copy blobs from a backup, and count those that are missing or damaged."""
        wanted = {}

        def keys() -> Iterator[str]:
            for blob in blobs:
                wanted[blob.key] = blob
                yield blob.key

        for blob in self._all(keys(), lambda key: self._restore(wanted[key]), done, progress):
            if blob.sha256 != wanted.pop(blob.key).sha256:
                done.damaged.append(blob.key)

    def _all(
        self,
        keys: Iterable[str],
        copy: Callable[[str], tuple[SavedBlob | None, bool]],
        done: Copied,
        progress: Progress,
    ) -> Iterator[SavedBlob]:
        left = iter(keys)
        with ThreadPoolExecutor(COPIES_AT_ONCE, "copies") as threads:
            while page := list(islice(left, BLOBS_PER_ROUND)):
                for key, (blob, is_new) in zip(page, threads.map(copy, page), strict=True):
                    if blob is None:
                        done.missing.append(key)
                        continue
                    done.blobs, done.size = done.blobs + 1, done.size + blob.size
                    done.new, done.new_size = done.new + is_new, done.new_size + blob.size * is_new
                    yield blob
                progress(done.blobs)

    def _save(self, key: str, known: SavedBlob | None) -> tuple[SavedBlob | None, bool]:
        with _StoreErrors():
            there = _size(self.target, self.target_prefix + key)
            if known is not None and there == known.size:
                return known, False
            source_size = _size(self.source, self.source_prefix + key)
            if source_size is None:
                return None, False
            if (
                there == source_size
            ):  # An interrupted backup copied it. A blob never changes, so only its hash is needed.
                return self._hashed(key, self._read(key)), False
            return self._copied(key), True

    def _restore(self, blob: SavedBlob) -> tuple[SavedBlob | None, bool]:
        with _StoreErrors():
            if _size(self.target, self.target_prefix + blob.key) == blob.size:
                return blob, False
            if _size(self.source, self.source_prefix + blob.key) is None:
                return None, False
            return self._copied(blob.key), True

    def _copied(self, key: str) -> SavedBlob:
        digest = sha256()

        def hashed() -> Iterator[bytes]:
            for piece in self._read(key):
                digest.update(piece)
                yield piece

        size = put(self.target, self.target_prefix + key, hashed())
        return SavedBlob(key, size, digest.hexdigest())

    def _read(self, key: str) -> Iterator[bytes]:
        return self.source.read(self.source_prefix + key)

    @staticmethod
    def _hashed(key: str, pieces: Iterable[bytes]) -> SavedBlob:
        digest, size = sha256(), 0
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
        return SavedBlob(key, size, digest.hexdigest())


def hash_blob(store: BlobStore, key: str) -> str | None:
    """Return the SHA-256 of a blob; None if it is missing. Blocks. Raises BlobStoreUnavailable."""
    digest = sha256()
    with _StoreErrors():
        try:
            for piece in store.read(key):
                digest.update(piece)
        except BlobNotFound:
            return None
    return digest.hexdigest()


def _size(store: BlobStore, key: str) -> int | None:
    try:
        return store.size(key)
    except BlobNotFound:
        return None


class _StoreErrors:
    """A context that raises BlobStoreUnavailable for the errors of a store."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, STORE_ERRORS):
            raise BlobStoreUnavailable(describe_store_error(error)) from error
