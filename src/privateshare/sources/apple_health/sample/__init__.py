"""Sample data: an export of one year of an invented person with a watch and a phone."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta

from privateshare.sources.apple_health.files import ExportFiles
from privateshare.sources.apple_health.sample.writing import ExportWriter
from privateshare.sources.archive import UploadedFile

DAYS = 365


@contextmanager
def opened_sample(now: datetime) -> Iterator[ExportFiles]:
    """Open the export of the sample, which ends yesterday."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    writer = ExportWriter(today - timedelta(days=DAYS), DAYS)
    text = b"".join(writer.export())
    route = writer.route()
    yield ExportFiles(
        main=[UploadedFile("export.xml", lambda: nullcontext(io.BytesIO(text)), len(text))],
        routes={writer.route_key: UploadedFile(writer.route_name, lambda: nullcontext(io.BytesIO(route)), len(route))},
    )
