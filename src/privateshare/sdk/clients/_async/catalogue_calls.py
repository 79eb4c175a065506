"""Calls of the asyncio client about what can be connected, and about the contract."""

from __future__ import annotations

from typing import Literal

from privateshare.sdk.clients._async.driven_client import AsyncDrivenClient
from privateshare.sdk.clients._async.lazy_modules import catalogue_queries, contracts, discovery, messages


class AsyncCatalogueCalls(AsyncDrivenClient):
    """Calls about what can be connected, and about the contract. Protocol 9, 12.1, 12.2."""

    async def get_available_services(
        self, *, all_contracts: bool = False, include_sample_data_only_sources: bool = False
    ) -> discovery.AvailableServices:
        """Get the services that a person can connect for this contract.

        Args:
            all_contracts: Whether to get the services of all contracts.
            include_sample_data_only_sources: Whether to include sources that have sample data only.

        Returns:
            The services, with the groups and countries that they are in.

        Raises:
            InvalidRequest: The platform does not know this contract.

        Protocol 9.1.
        """
        call = catalogue_queries.available_services(
            self._core, all_contracts=all_contracts, include_sample_only=include_sample_data_only_sources
        )
        return await self._drive(call)

    async def get_service_sample_data_sets(self, source_id: int) -> dict[str, discovery.SampleDataSet]:
        """Get the sample data sets of a source.

        Args:
            source_id: The id of the source, as in `Service.id`.

        Returns:
            The data sets by their ids, which `PageOptions.sample_data_set` takes.

        Raises:
            NotFound: There is no such source.

        Protocol 12.2.
        """
        return await self._drive(catalogue_queries.sample_data_sets(self._core, source_id))

    async def query_sources(
        self,
        query: discovery.SourceQuery | None = None,
        *,
        limit: int = 20,
        offset: int = 0,
        sort: Literal["asc", "desc"] | None = None,
    ) -> discovery.SourcesPage:
        """Query the sources of the catalogue.

        Args:
            query: What to search and filter by, and which fields to include. By default it is every source.
            limit: How many sources the page has at most.
            offset: How many sources to skip.
            sort: The order of the names. By default it is the order of the catalogue.

        Returns:
            A page of sources, and how many there are in total.

        Raises:
            InvalidRequest: A field of the query is wrong. The message names it.

        Protocol 9.2.
        """
        return await self._drive(catalogue_queries.query_sources(self._core, query, limit, offset, sort))

    async def query_categories(self, query: discovery.SourceQuery | None = None) -> list[discovery.CategoryRecord]:
        """Query the categories of the catalogue.

        Args:
            query: Which ids to filter by, and which fields to include. By default it is every category.

        Returns:
            The categories: their ids, names and references.

        Raises:
            InvalidRequest: A field of the query is wrong. The message names it.

        Protocol 9.3.
        """
        return await self._drive(catalogue_queries.query_categories(self._core, query))

    async def query_countries(self, query: discovery.SourceQuery | None = None) -> list[discovery.CountryRecord]:
        """Query the countries of the catalogue.

        Args:
            query: Which ids to filter by, and which fields to include. By default it is every country.

        Returns:
            The countries: their ids, names and codes.

        Raises:
            InvalidRequest: A field of the query is wrong. The message names it.

        Protocol 9.3.
        """
        return await self._drive(catalogue_queries.query_countries(self._core, query))

    async def query_platforms(self, query: discovery.SourceQuery | None = None) -> list[discovery.CatalogueRecord]:
        """Query the platforms of the catalogue.

        Args:
            query: Which ids to filter by, and which fields to include. By default it is every platform.

        Returns:
            The platforms: their ids, names and references.

        Raises:
            InvalidRequest: A field of the query is wrong. The message names it.

        Protocol 9.3.
        """
        return await self._drive(catalogue_queries.query_platforms(self._core, query))

    async def query_source_types(self, query: discovery.SourceQuery | None = None) -> list[discovery.CatalogueRecord]:
        """Query the source types of the catalogue.

        Args:
            query: Which ids to filter by, and which fields to include. By default it is every source type.

        Returns:
            The source types: their ids, names and references.

        Raises:
            InvalidRequest: A field of the query is wrong. The message names it.

        Protocol 9.3.
        """
        return await self._drive(catalogue_queries.query_source_types(self._core, query))

    async def get_contract_details(self) -> messages.ContractDetails:
        """Get this contract as the platform knows it, with its certificate.

        Returns:
            The contract. `certificate` holds the contract document. `expiration_date` is in milliseconds since the
            epoch.

        Protocol 12.1.
        """
        return await self._drive(contracts.contract_details(self._core))
