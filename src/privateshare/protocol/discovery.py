"""The wire types of discovery: services, sources, categories. Protocol 9, 12.2. New fields go last, with defaults."""

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from privateshare.protocol.lenient import Lenient
from privateshare.protocol.wire import Wire, wire_name


class IdRef(Wire):
    """A reference by id."""

    id: int


class ImageResource(Wire):
    """A picture of a service or source; `height` and `width` are in pixels."""

    url: str
    mimetype: str
    type: int
    height: int | None = None
    width: int | None = None


class Availability(Wire):
    """The availability of a service on one kind of device."""

    availability: str = "production"
    current_status: str = "available"


class ServicePlatform(Wire):
    """The device platforms on which a service is available; the iOS client reads `windows`."""

    windows: Availability = Availability()


class Country(Wire):
    """A country with its two-letter code."""

    id: int
    code: str
    name: str


class ServiceGroupInfo(Wire):
    """A service group with its name."""

    id: int
    name: str


class Service(Wire):
    """A source that a person can connect; `id` identifies the source, `service_id` its service type. Protocol 9.1."""

    id: int
    name: str
    service_groups: list[IdRef] = []
    published_status: str
    published_date: int
    resources: list[ImageResource] = []
    countries: list[IdRef] | None = None
    service_id: int
    reference: str | None = None
    platform: ServicePlatform | None = None


class AvailableServices(Wire):
    """All sources that can be connected. Protocol 9.1."""

    countries: list[Country]
    service_groups: list[ServiceGroupInfo]
    services: list[Service]


class SampleDataSet(Wire):
    """A sample data set that can stand in for a person's own data. Protocol 12.2."""

    name: str
    description: str


MAX_SEARCHED = MAX_INCLUDED = 100
MAX_QUERY_CHARACTERS = 200


class SourceQuery(Wire):
    """A query for sources. Protocol 9.2.

    `filter` and `search` hold a list of values for each field; a record matches if any of them does. `include` lists
    the fields of the response, such as "category.name".
    """

    search: dict[str, Annotated[list[str], Field(max_length=MAX_SEARCHED)]] | None = None
    query_string: str | None = Field(default=None, max_length=MAX_QUERY_CHARACTERS)
    include: list[str] | None = Field(default=None, max_length=MAX_INCLUDED)
    filter: dict[str, Any] | None = None


class CatalogueRecord(Lenient):
    """A record of the catalogue. Platforms and source types have only these fields. Protocol 9.3.

    A query's `include` selects the fields of the response, so each of them may be absent: None, or an empty list.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=wire_name)

    id: int | None = None
    name: str | None = None
    reference: str | None = None
    json_: dict[str, Any] | None = None


class PictureRecord(Lenient):
    """A picture of a record."""

    url: str | None = None
    mimetype: str | None = None


class CategoryRecord(CatalogueRecord):
    """A service group with the texts that are shown to people."""

    category_type_id: int | None = None
    title: str | None = None
    sub_title: str | None = None
    expanded_title: str | None = None
    expanded_sub_title: str | None = None
    resource: PictureRecord | None = None


class CountryRecord(CatalogueRecord):
    """A country with its two-letter code."""

    code: str | None = None
    resource: PictureRecord | None = None


class ServiceRecord(CatalogueRecord):
    """The service type that a source belongs to; `published_date` is in milliseconds since the epoch."""

    published_status: str | None = None
    published_date: int | None = None


class SourceRecord(CatalogueRecord):
    """A source with its category, countries and platforms. Protocol 9.2.

    `published_date` is in milliseconds since the epoch.

    `published_status`: `approved`, `pending`, `deprecated`, `blocked`, or `sampledataonly`.
    """

    abbreviation: str | None = None
    alias: list[str] = []
    published_status: str | None = None
    published_date: int | None = None
    onboardable: bool | None = None
    service: ServiceRecord | None = None
    category: list[CategoryRecord] = []
    country: list[CountryRecord] = []
    platform: list[CatalogueRecord] = []
    type: list[CatalogueRecord] = []
    resource: PictureRecord | None = None


class SourcesPage(Wire):
    """A page of sources; `total` is the number of sources on all pages. Protocol 9.2."""

    data: list[SourceRecord]
    limit: int
    offset: int
    total: int
