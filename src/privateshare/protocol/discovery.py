"""What there is to connect, on the wire. Protocol 9, 12.2. New fields go last and have defaults."""

from typing import Any

from privateshare.protocol.wire import Wire


class IdRef(Wire):
    """A reference by id."""

    id: int


class Resource(Wire):
    """A picture of a service or source. Sizes in pixels."""

    url: str
    mimetype: str
    type: int
    height: int | None = None
    width: int | None = None


class Availability(Wire):
    """Whether a service works on some kind of device."""

    availability: str = "production"
    current_status: str = "available"


class ServicePlatform(Wire):
    """Where a service works: iOS reads it of `windows`."""

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
    """A source that a person can connect; `id` is the source's, `service_id` the service type's. Protocol 9.1."""

    id: int
    name: str
    service_groups: list[IdRef] = []
    published_status: str
    published_date: int
    resources: list[Resource] = []
    countries: list[IdRef] | None = None
    service_id: int
    reference: str | None = None
    platform: ServicePlatform | None = None


class AvailableServices(Wire):
    """What can be connected. Protocol 9.1."""

    countries: list[Country]
    service_groups: list[ServiceGroupInfo]
    services: list[Service]


class SampleDataSet(Wire):
    """A sample data set that can stand in for a person's own data. Protocol 12.2."""

    name: str
    description: str


class SourceQuery(Wire):
    """Which sources: `filter` and `search` by field, any of the values of each; `include` names dotted fields.

    Protocol 9.2.
    """

    search: dict[str, list[str]] | None = None
    query_string: str | None = None
    include: list[str] | None = None
    filter: dict[str, Any] | None = None


class SourcesPage(Wire):
    """A page of sources as the catalogue has them; `total` counts those of all pages. Protocol 9.2."""

    data: list[dict[str, Any]]
    limit: int
    offset: int
    total: int


class Records(Wire):
    """Records of one kind. Protocol 9.3."""

    data: list[dict[str, Any]]
