"""The source Netflix: a sample, or the viewing activity of a person."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile, uploaded_files
from privateshare.sources.contract import (
    Brand,
    Broken,
    Connection,
    Identity,
    ObjectSchema,
    Page,
    Sample,
    SourceInfo,
    Upload,
    pages,
)
from privateshare.sources.failures import THE_FILE, LeftOut, Reason, shown_name
from privateshare.sources.netflix.history import Mapped, NotNetflix, UnclearDays, rows_of
from privateshare.sources.netflix.sample import sample_files
from privateshare.sources.object_building import SourceAccount, account_of

PERSON = "netflix"  # Tables do not say whose they are, so all of a person's belong to one account.
SKIPPED_ENDINGS = frozenset({".pdf", ".txt", ".html", ".jpg", ".png"})
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s rows has no title or date that can be read.",
    "%(num)s of %(total)s rows have no title or date that can be read.",
    Broken("The rows of the file have no titles or dates that can be read. Download it again."),
)


class Netflix:
    """Source 9007, service type 9007: what was watched, and searches."""

    info = SourceInfo(
        id=9007,
        service_type=ServiceType.NETFLIX,
        service_group=ServiceGroup.ENTERTAINMENT,
        object_types=(ObjectType.WATCH, ObjectType.SEARCH),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "An evening viewer", "A year of films and searches of an invented person."),),
        brand=Brand("#e50914"),
        upload=Upload(
            accept=".zip,.csv",
            instructions=(
                "Open netflix.com/account/getmyinfo and request your personal information.",
                "Netflix writes to you when it is ready, within 30 days. Download the zip file and choose it here.",
                "For a short history at once, open Account, your profile, “Viewing activity”, and “Download all”.",
            ),
        ),
    )

    def identify(self, connection: Connection) -> Identity:
        """Return the account. A file is read completely.

        Raises:
            Broken: It holds nothing that was watched.
        """
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        for _ in self._objects(connection):
            pass
        connection.left_out.check(
            Broken("The file holds no viewing activity of Netflix. Download it from Netflix again.")
        )
        return Identity(PERSON, "Netflix", "USER")

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the objects of these types.

        Raises:
            Broken: The file is damaged.
        """
        return pages(mapped for mapped in self._objects(connection) if mapped[0] in cursors)

    def _objects(self, connection: Connection) -> Iterator[Mapped]:
        now = datetime.now(UTC)
        if connection.archive is None:
            account = account_of(self.info.service_type, f"sampleDataSet-{connection.sample}")
            return _read(sample_files(now), account, connection.left_out, now)
        account = account_of(self.info.service_type, connection.provider_account_id)
        files = uploaded_files(connection.archive, connection.left_out, _is_skipped)
        return _read(files, account, connection.left_out, now)


def _read(files: Iterable[UploadedFile], account: SourceAccount, left_out: LeftOut, now: datetime) -> Iterator[Mapped]:
    for file in files:
        name = shown_name(file.path) if file.path else THE_FILE
        try:
            for mapped in rows_of(file, account, now):
                if mapped is None:
                    left_out.leave_out(UNREADABLE)
                else:
                    left_out.read += 1
                    yield mapped
        except NotNetflix:
            left_out.name_unused(name, Broken("%(name)s holds other data. It was not needed.", name=name))
        except UnclearDays:
            problem = Broken(
                "%(name)s does not show whether 02/03 is in February or in March. "
                "Request your personal information at Netflix, and upload that.",
                name=name,
            )
            left_out.name_damaged(name, problem)
        except csv.Error:
            damaged = Broken("%(name)s is damaged, or was not downloaded to its end. Download it again.", name=name)
            left_out.name_damaged(name, damaged)


def _is_skipped(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in SKIPPED_ENDINGS


SOURCES = (Netflix(),)
