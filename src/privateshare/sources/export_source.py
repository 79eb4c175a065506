"""What the sources have in common whose data is a sample, or the files of an export that a person uploads."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from typing import ClassVar, Protocol

from privateshare.sources.archive import UploadedFile, uploaded_files
from privateshare.sources.contract import (
    Broken,
    Connection,
    Identity,
    OwnedPages,
    Page,
    SourceInfo,
)
from privateshare.sources.failures import LeftOut
from privateshare.sources.object_building import Mapped, SourceAccount, account_of
from privateshare.sources.page_building import owned_pages, owner_at_end, pages


@dataclass(frozen=True, slots=True)
class UploadedExport:
    """The files of a sample or an upload, whose they are, and the report of what cannot be read.

    No entry is after `now`. The reader adds to `complete` the object types of which the export proves to hold
    everything that the source has. `files_if` opens some of the files once more, by their paths, for sources that have
    to read some files before all others. It reports nothing.
    """

    files: Iterable[UploadedFile]
    account: SourceAccount
    left_out: LeftOut
    now: datetime
    files_if: Callable[[Callable[[str], bool]], Iterable[UploadedFile]]
    complete: set[int] = field(default_factory=set)


Owned = Generator[Mapped, None, Identity]
"""The objects of an export, and at the end whose export it is."""


class ExportSource(ABC):
    """A source of exports.

    Attributes:
        reads_once: Whether the objects need nothing of the owner but the id, which is replaced afterwards.
    """

    info: SourceInfo
    reads_once: bool = True
    skipped_endings: frozenset[str] = frozenset()  # Files with these endings are not read, without a report.
    inner_endings: ClassVar[frozenset[str]] = frozenset()  # Zip archives in the export that are opened.

    def identify(self, connection: Connection) -> Identity:
        """Return whose export it is. It is read completely.

        Raises:
            Broken: It is no export of this source, or holds nothing, or is of several people.
        """
        if connection.archive is None:
            return Identity(_sample_id(connection), f"Sample: {connection.sample}", "USER")
        return owner_at_end(self.read_owned(self._export(connection)))

    def read_once(self, connection: Connection) -> OwnedPages:
        """Yield the objects of an archive, and return whose it is. Raises what `identify` raises."""
        return owned_pages(self.read_owned(self._export(connection)))

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the objects of these types.

        Raises:
            Broken: The export is damaged.
        """
        return pages(mapped for mapped in self.read(self._export(connection)) if mapped[0] in cursors)

    @abstractmethod
    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""

    @abstractmethod
    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""

    @abstractmethod
    def read_owned(self, export: UploadedExport) -> Owned:
        """Yield all objects, and return whose export it is. Raises Broken."""

    def is_skipped(self, path: str) -> bool:
        """Return whether a file of an export is not read."""
        return PurePosixPath(path).suffix.lower() in self.skipped_endings

    def is_inner_archive(self, path: str) -> bool:
        """Return whether a zip archive in the export is opened, and its files are read. Others are reported."""
        return PurePosixPath(path).suffix.lower() in self.inner_endings

    def _export(self, connection: Connection) -> UploadedExport:
        now = datetime.now(UTC)
        files: Iterable[UploadedFile]
        if connection.archive is None:
            files, owner = self.sample_files(now), _sample_id(connection)
        else:
            files = uploaded_files(connection.archive, connection.left_out, self.is_skipped, self.is_inner_archive)
            owner = connection.provider_account_id
        account = account_of(self.info.service_type, owner)
        files_if = partial(self._files_if, connection, now)
        return UploadedExport(files, account, connection.left_out, now, files_if, connection.complete)

    def _files_if(
        self, connection: Connection, now: datetime, is_wanted: Callable[[str], bool]
    ) -> Iterable[UploadedFile]:
        if connection.archive is None:
            return (file for file in self.sample_files(now) if is_wanted(file.path))
        files = uploaded_files(connection.archive, LeftOut(), lambda path: not is_wanted(path))
        return (file for file in files if is_wanted(file.path))  # An upload that is a single file has no path to skip.


class UnnamedExportSource(ExportSource):
    """A source whose exports do not say whose they are, so all exports of a person belong to one account.

    Attributes:
        owner: The account and its name.
        nothing: The error for an upload in which there is nothing of this source.
    """

    owner: Identity
    nothing: Broken

    def read_owned(self, export: UploadedExport) -> Owned:
        """Yield all objects, and return the account. Raises Broken."""
        yield from self.read(export)
        export.left_out.check(self.nothing)
        return replace(self.owner, named=False)


def _sample_id(connection: Connection) -> str:
    return f"sampleDataSet-{connection.sample}"


class ObjectReader(Protocol):
    """A reader of one export."""

    def objects(self) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""


class UnnamedReaderSource(UnnamedExportSource):
    """A source whose exports do not say whose they are, and are read by a reader of their own."""

    def __init__(
        self,
        info: SourceInfo,
        owner: Identity,
        nothing: Broken,
        reader: Callable[[UploadedExport], ObjectReader],
        sample_files: Callable[[datetime], Iterable[UploadedFile]],
        skipped_endings: Iterable[str] = (),
    ) -> None:
        self.info, self.owner, self.nothing = info, owner, nothing
        self._reader, self._sample_files = reader, sample_files
        self.skipped_endings = frozenset(skipped_endings)

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return self._sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return self._reader(export).objects()
