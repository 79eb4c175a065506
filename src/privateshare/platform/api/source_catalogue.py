"""The records of sources that discovery searches, with their status on this platform. Protocol 9.2."""

from datetime import UTC, datetime
from functools import cache

from privateshare.protocol.catalogue_index import RecordIndex, source_record
from privateshare.sources.registry import Sources

PUBLISHED = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000)
APPROVED, PENDING, SAMPLE_DATA_ONLY = "approved", "pending", "sampledataonly"


def published_status(sources: Sources, source_id: int) -> str:
    """Return the status of a source: approved, sampledataonly, or pending if the platform has no connector for it."""
    source = sources.connectable.get(source_id)
    if source is None:
        return PENDING
    return APPROVED if source.info.has_own_data else SAMPLE_DATA_ONLY


@cache
def source_index(sources: Sources) -> RecordIndex:
    """Build the index of all sources in the catalogue and in the settings."""
    listed = sources.listed.values()
    return RecordIndex(source_record(source, published_status(sources, source.id), PUBLISHED) for source in listed)
