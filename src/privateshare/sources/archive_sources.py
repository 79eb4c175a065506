"""The sources that read uploaded archives."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module

from privateshare.protocol.registrations import registrations
from privateshare.sources.contract import Source


@cache
def package_of_source() -> Mapping[int, str]:
    """Return the package of each source, by its id. Its module `source` has the source in SOURCES."""
    return dict(sorted((id_, folder.package) for folder in registrations() for id_ in folder.ids))


def archive_source(source_id: int) -> Source:
    """Return the source with this id. Raises KeyError if there is none.

    Sources are imported on demand, because the process that reads an archive starts three times as fast with only one.
    """
    sources: Sequence[Source] = import_module(f"{package_of_source()[source_id]}.source").SOURCES
    return next(source for source in sources if source.info.id == source_id)
