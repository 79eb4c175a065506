"""The sources that this platform has: those of this version, and those of its settings."""

from collections.abc import Iterable, Mapping

from privateshare.protocol.catalogue import CatalogueSource, catalogue
from privateshare.sources.archive_sources import FOLDERS, archive_source
from privateshare.sources.contract import Source
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.fhir_server.source import FhirServer

_sources: dict[int, Source] = {id_: archive_source(id_) for id_ in FOLDERS}
_listings: dict[int, CatalogueSource] = {}


def configure_servers(servers: Iterable[FhirServerSettings]) -> None:
    """Makes these FHIR servers sources of this process: when a platform opens."""
    for settings in servers:
        server = FhirServer(settings)
        _sources[settings.id], _listings[settings.id] = server, server.listing


def all_sources() -> Mapping[int, Source]:
    """Every source by its id."""
    return _sources


def listed_sources() -> Mapping[int, CatalogueSource]:
    """Every source that discovery tells of, connectable or not, by its id."""
    return {**catalogue().sources, **_listings}
