"""Reading exports in tests as the platform does: let in, then fetched, each object as its schema says."""

import io
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from privateshare.sources.contract import Connection, Identity, Page, Source
from privateshare.sources.failures import LeftOut
from tests.archives import zipped
from tests.object_schemas import check_objects

Objects = dict[int, list[dict[str, Any]]]


def read_files(source: Source, files: dict[str, str | bytes], left_out: LeftOut | None = None) -> Objects:
    """The objects of some files by type."""
    return read_archive(source, pack(files), left_out)


def read_archive(source: Source, data: bytes, left_out: LeftOut | None = None) -> Objects:
    """The objects of an archive by type."""
    identity = source.identify(Connection(archive=io.BytesIO(data)))
    connection = Connection(
        archive=io.BytesIO(data),
        provider_account_id=identity.provider_account_id,
        left_out=left_out if left_out is not None else LeftOut(),
    )
    found: Objects = defaultdict(list)
    for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def owner_of(source: Source, files: dict[str, str | bytes]) -> Identity:
    """Whose export some files are."""
    return source.identify(Connection(archive=io.BytesIO(pack(files))))


def pack(files: dict[str, str | bytes]) -> bytes:
    """A zip of these files."""
    return zipped({name: text.encode() if isinstance(text, str) else text for name, text in files.items()})


def table(name: str, header: str, row: str, rows: int) -> bytes:
    """A zip with a table of so many rows. In `row`, {number} and {moment} differ in each."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = (f"{start + timedelta(minutes=number):%F %T}" for number in range(rows))
    lines = [row.format(number=number, moment=moment) for number, moment in enumerate(moments)]
    return zipped({name: "\n".join([header, *lines]).encode()})
