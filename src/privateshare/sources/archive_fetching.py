"""What a source implements whose archives lie where the person keeps them. ADR 75."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, runtime_checkable

from privateshare.sources.contract import Connection, Source


@dataclass(frozen=True, slots=True)
class FetchedArchive:
    """An archive that a source fetched for the person. Whoever takes it closes it.

    Attributes:
        name: Its name, for people.
        archive: The archive, as if the person had uploaded it.
        cursor: The position after it, for all object types.
    """

    name: str
    archive: BinaryIO = field(repr=False)
    cursor: str = field(repr=False)


@runtime_checkable
class ArchiveFetchingSource(Source, Protocol):
    """A source whose archives lie where the person keeps them, such as in a folder of their server.

    The platform reads them as uploads are read, in a process of its own. ADR 19, 75.
    """

    def archives(self, connection: Connection, cursor: str | None) -> Generator[FetchedArchive, None, None]:
        """Yield the archives that are new or changed since a cursor.

        Raises:
            TryLater: The server does not respond.
            NeedsLogin: It does not accept the password any more.
            Broken: It has no such folder.
        """


def common_cursor(cursors: Mapping[int, str | None]) -> str | None:
    """Return the cursor that all object types have; None if they differ, so that everything is read again."""
    found = set(cursors.values())
    return found.pop() if len(found) == 1 else None
