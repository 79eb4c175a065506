"""The sources that read uploaded archives."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from privateshare.protocol.catalogue import registrations
from privateshare.sources.contract import Source


def package_of_source() -> Mapping[int, str]:
    """Return the package of each source, by its id. Its module `source` has the source in SOURCES."""
    return dict(sorted((id_, folder.package) for folder in registrations() for id_ in folder.ids))


def source_of(package: str, source_id: int) -> Source:
    """Return the source of a package with this id.

    Sources are imported on demand, because the process that reads an archive starts three times as fast with only one.
    """
    sources: Sequence[Source] = import_module(f"{package}.source").SOURCES
    return next(source for source in sources if source.info.id == source_id)
