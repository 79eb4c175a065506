"""The sources that a platform has: those of this version, of installed packages, and of its settings."""

from collections.abc import Iterable, Iterator, Mapping

import structlog

from privateshare.protocol.catalogue import CatalogueSource, catalogue
from privateshare.sources.archive_sources import package_of_source, source_of
from privateshare.sources.configuration import SourceSettings, configured_sources
from privateshare.sources.contract import Source
from privateshare.sources.dav.configuration import Settings as DavSettings
from privateshare.sources.dav.folder_source import UploadOrFolder
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.fhir_server.source import FhirServer
from privateshare.sources.installed import RefusedPackage, installed_packages
from privateshare.sources.typed_servers import TypedServers

log = structlog.get_logger()


class Sources:
    """The sources of one platform, by id.

    `connectable` has those that data can be fetched from. `listed` has every source that discovery lists, connectable
    or not. `refused` has the installed packages that are not used.
    """

    def __init__(
        self, servers: Iterable[FhirServerSettings] = (), tables: Mapping[str, SourceSettings] | None = None
    ) -> None:
        """Take the sources of this version and of packages, those that settings configure, and the FHIR servers."""
        self.refused: list[RefusedPackage] = [*installed_packages().refused]
        of_settings = {settings.id: FhirServer(settings) for settings in servers}
        listings = {id_: server.listing for id_, server in of_settings.items()}
        usual = {id_: source_of(package, id_) for id_, package in package_of_source().items()}
        configured = {source.info.id: source for source in self._configured(tables or {})}
        self.connectable: Mapping[int, Source] = {**_with_folders(usual, tables or {}), **configured, **of_settings}
        self.listed: Mapping[int, CatalogueSource] = {**catalogue().sources, **listings}

    def _configured(self, tables: Mapping[str, SourceSettings]) -> Iterator[Source]:
        """Yield the sources that settings make possible; a fault of an installed package concerns only its own."""
        installed = {folder.name for folder in installed_packages().accepted}
        for name, settings in tables.items():
            try:
                yield from configured_sources(name, settings)
            except Exception as error:
                if name not in installed:
                    raise
                log.exception("a source cannot be configured", package=name)
                reason = f"its settings cannot be used: {type(error).__name__}: {error}"
                self.refused.append(RefusedPackage(name, "with settings", reason))


def _with_folders(sources: Mapping[int, Source], tables: Mapping[str, SourceSettings]) -> Mapping[int, Source]:
    """Add to sources the folders in which their files may lie, where they say so. The reader of archives needs none."""
    settings = tables.get("dav")
    servers = TypedServers(private=isinstance(settings, DavSettings) and settings.private_addresses)

    def may_be_in_folder(source: Source) -> bool:
        return source.info.upload is not None and source.info.upload.in_folders

    return {id_: UploadOrFolder(one, servers) if may_be_in_folder(one) else one for id_, one in sources.items()}
