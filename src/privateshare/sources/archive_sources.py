"""The sources that read uploaded archives."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from privateshare.sources.contract import Source

# The package of each source. Its module `source` lists the source in SOURCES.
PACKAGE_OF_SOURCE: Mapping[int, str] = {
    1: "meta",
    2: "x_archive",
    16: "spotify",
    260: "apple_health",
    281: "google_activity",
    348: "banks",
    420: "meta",
    422: "banks",
    423: "banks",
    428: "banks",
    429: "banks",
    9001: "fhir_file",
    9002: "apple_health",
    9003: "whatsapp",
    9004: "google_timeline",
    9005: "assistants",
    9006: "assistants",
    9007: "netflix",
}


def archive_source(source_id: int) -> Source:
    """Return the source with this id. Raises KeyError if it has no uploads.

    Sources are imported on demand, because the process that reads an archive starts three times as fast with only one.
    """
    sources: Sequence[Source] = import_module(f"privateshare.sources.{PACKAGE_OF_SOURCE[source_id]}.source").SOURCES
    return next(source for source in sources if source.info.id == source_id)
