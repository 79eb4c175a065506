"""The sources that read uploaded archives."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from privateshare.errors import ConfigurationError
from privateshare.protocol.catalogue import registrations
from privateshare.sources.contract import Source


def package_of_source() -> Mapping[int, str]:
    """Return the package of each source, by its id. Its module `source` has the source in SOURCES."""
    return dict(sorted((id_, folder.package) for folder in registrations() for id_ in folder.ids))


def source_of(package: str, source_id: int) -> Source:
    """Return the source of a package with this id.

    Sources are imported on demand, because the process that reads an archive starts three times as fast with only one.

    Raises:
        ConfigurationError: SOURCES has no source with this id.
    """
    sources: Sequence[Source] = import_module(f"{package}.source").SOURCES
    found = next((source for source in sources if source.info.id == source_id), None)
    if found is None:
        raise ConfigurationError(
            f"{package}: registration.json has {source_id} in ids, and SOURCES in source.py has no source with this id",
            hint="Take the id out of ids if only `configured` returns the source, because it needs settings",
        )
    return found
