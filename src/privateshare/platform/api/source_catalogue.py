"""Which sources discovery tells of, and whether this platform can connect them. Protocol 9.2."""

from datetime import UTC, datetime
from functools import cache

from privateshare.protocol.catalogue import CatalogueSource
from privateshare.protocol.catalogue_index import RecordIndex, source_record
from privateshare.sources.registry import all_sources, listed_sources

PUBLISHED = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000)
APPROVED, PENDING, SAMPLE_DATA_ONLY = "approved", "pending", "sampledataonly"


def published_status(source_id: int) -> str:
    """Whether this platform can connect a source: approved, sampledataonly, or pending for want of a connector."""
    source = all_sources().get(source_id)
    if source is None:
        return PENDING
    return APPROVED if source.info.has_own_data else SAMPLE_DATA_ONLY


def sources() -> RecordIndex:
    """Every source of the catalogue and of the settings."""
    return _index(tuple(listed_sources().values()))


@cache
def _index(sources: tuple[CatalogueSource, ...]) -> RecordIndex:
    return RecordIndex(source_record(source, published_status(source.id), PUBLISHED) for source in sources)
