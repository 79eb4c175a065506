"""The entries of tar archives, read in their order within limits. They are never unpacked to disk."""

import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import IO, cast

MAGIC_POSITION, MAGIC = 257, b"ustar"
BLOCK_BYTES = 512
MAX_READ_BYTES = 16 * 1024 * 1024
MAX_TAR_ENTRIES = 250_000


class TarTooLarge(Exception):
    """The archive says that it has more bytes or entries than any export."""


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A regular file in a tar archive. `open` opens it at its start, before the next entry is requested."""

    path: str
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def is_tar(start: bytes) -> bool:
    """Return whether a file with this beginning, of at least one block, is a tar archive."""
    return start[MAGIC_POSITION : MAGIC_POSITION + len(MAGIC)] == MAGIC


def tar_entries(stream: IO[bytes], max_bytes: int) -> Iterator[TarEntry]:
    """Yield the regular files of a tar archive. Links and devices are passed over.

    Args:
        stream: The archive, decompressed.
        max_bytes: The size of the largest archive that is read.

    Raises:
        TarTooLarge: It is larger, or has more entries than any export.
        tarfile.TarError: It is damaged.
    """
    with tarfile.open(fileobj=cast(IO[bytes], _Bounded(stream)), mode="r:", errorlevel=0) as archive:
        number = 0
        while (member := archive.next()) is not None:
            number += 1
            archive.members.clear()  # type: ignore[attr-defined]  # It would hold all entries in memory.
            if number > MAX_TAR_ENTRIES or member.offset_data + member.size > max_bytes:
                raise TarTooLarge
            if member.isreg():
                path = member.name.replace("\\", "/").removeprefix("./")
                yield TarEntry(path, member.size, partial(_opened, archive, member))


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> AbstractContextManager[IO[bytes]]:
    found = archive.extractfile(member)
    if found is None:  # Only links and devices have no content.
        raise tarfile.ReadError("the entry has no content")
    return found


class _Bounded:
    """A stream that reads at most so much at once: names of entries are read as a whole, and may claim any size."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Read bytes. Raises tarfile.ReadError if they are too many."""
        if not 0 <= size <= MAX_READ_BYTES:
            raise tarfile.ReadError("the entry has a name that is too long")
        return self._stream.read(size)

    def seek(self, position: int) -> int:
        """Go to a position."""
        return self._stream.seek(position)

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()
