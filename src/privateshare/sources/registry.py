"""The sources that this platform has: those of this version, and those of its settings."""

from collections.abc import Iterable, Mapping

from privateshare.protocol.catalogue import CatalogueSource, ServiceType, catalogue
from privateshare.sources.apple_health.source import AppleHealth, AppleHealthRecords
from privateshare.sources.banks.source import BankStatements
from privateshare.sources.contract import Source
from privateshare.sources.fhir_file.source import FhirFile
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.fhir_server.source import FhirServer
from privateshare.sources.spotify.source import Spotify

# Contracts ask for transactions under several service types; bank statements by file can serve each of them.
_BANKS = (
    BankStatements(348, ServiceType.YODLEE),
    BankStatements(422, ServiceType.SALT_EDGE_PARTNER),
    BankStatements(423, ServiceType.SALT_EDGE_PARTNER),
    BankStatements(428, ServiceType.SALT_EDGE_DIRECT),
    BankStatements(429, ServiceType.SALT_EDGE_DIRECT),
)
_BUILT_IN: tuple[Source, ...] = (Spotify(), FhirFile(), AppleHealth(), AppleHealthRecords(), *_BANKS)
_sources: dict[int, Source] = {source.info.id: source for source in _BUILT_IN}
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
