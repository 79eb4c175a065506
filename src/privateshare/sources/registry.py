"""The sources that this platform has: those of this version, and those of its settings."""

from collections.abc import Iterable, Mapping

from privateshare.protocol.catalogue import CatalogueSource, catalogue
from privateshare.sources.contract import Source
from privateshare.sources.fhir_file.source import FhirFile
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.fhir_server.source import FhirServer
from privateshare.sources.spotify.source import Spotify

_BUILT_IN: Mapping[int, Source] = {source.info.id: source for source in (Spotify(), FhirFile())}
_servers: dict[int, FhirServer] = {}


def configure_servers(servers: Iterable[FhirServerSettings]) -> None:
    """Makes these FHIR servers sources of this process: when a platform opens."""
    _servers.update({settings.id: FhirServer(settings) for settings in servers})


def all_sources() -> Mapping[int, Source]:
    """Every source by its id."""
    return {**_BUILT_IN, **_servers}


def listed_sources() -> Mapping[int, CatalogueSource]:
    """Every source that discovery tells of, connectable or not, by its id."""
    return {**catalogue().sources, **{id_: server.listing for id_, server in _servers.items()}}
