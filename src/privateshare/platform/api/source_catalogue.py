"""The records of sources that discovery searches, and whether this platform can connect each. Protocol 9.2."""

from datetime import UTC, datetime
from functools import cache

from privateshare.protocol.catalogue_index import RecordIndex, source_record
from privateshare.sources.registry import Sources

PUBLISHED = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000)
APPROVED, PENDING, SAMPLE_DATA_ONLY = "approved", "pending", "sampledataonly"


def published_status(sources: Sources, source_id: int) -> str:
    """Tell whether this platform can connect a source: approved, sampledataonly, or pending if it has no connector."""
    source = sources.connectable.get(source_id)
    if source is None:
        return PENDING
    return APPROVED if source.info.has_own_data else SAMPLE_DATA_ONLY


@cache
def source_index(sources: Sources) -> RecordIndex:
    """RecordIndex every source of the catalogue and of the settings."""
    listed = sources.listed.values()
    return RecordIndex(source_record(source, published_status(sources, source.id), PUBLISHED) for source in listed)
