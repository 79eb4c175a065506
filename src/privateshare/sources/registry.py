"""The sources that a platform has: those of this version, and those of its settings."""

from collections.abc import Iterable, Mapping

from privateshare.protocol.catalogue import CatalogueSource, catalogue
from privateshare.sources.archive_sources import archive_source, package_of_source
from privateshare.sources.contract import Source
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.fhir_server.source import FhirServer


class Sources:
    """The sources of one platform, by id.

    `connectable` has those that data can be fetched from. `listed` has every source that discovery lists, connectable
    or not.
    """

    def __init__(self, servers: Iterable[FhirServerSettings] = ()) -> None:
        """Take the sources of this version and one for each FHIR server of the settings."""
        of_settings = {settings.id: FhirServer(settings) for settings in servers}
        listings = {id_: server.listing for id_, server in of_settings.items()}
        self.connectable: Mapping[int, Source] = {id_: archive_source(id_) for id_ in package_of_source()} | of_settings
        self.listed: Mapping[int, CatalogueSource] = {**catalogue().sources, **listings}
