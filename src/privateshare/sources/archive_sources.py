"""The sources that people upload archives to. The process that reads an archive loads the one that it is for."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from privateshare.sources.contract import Source

# The folder of each source, whose module `source` has it in SOURCES.
FOLDERS: Mapping[int, str] = {
    16: "spotify",
    260: "apple_health",
    348: "banks",
    422: "banks",
    423: "banks",
    428: "banks",
    429: "banks",
    9001: "fhir_file",
    9002: "apple_health",
}


def archive_source(source_id: int) -> Source:
    """The source with this id. Raises KeyError if people upload nothing to it.

    It is imported only now: a process that reads an archive starts three times as fast without the others.
    """
    sources: Sequence[Source] = import_module(f"privateshare.sources.{FOLDERS[source_id]}.source").SOURCES
    return next(source for source in sources if source.info.id == source_id)
