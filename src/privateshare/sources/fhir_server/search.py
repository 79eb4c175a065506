"""Searches for the resources of a patient on a FHIR server."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx2

from privateshare.sources.contract import PAGE_OBJECTS, JsonObject, Page
from privateshare.sources.fhir_server.requests import Refused, get_resource
from privateshare.sources.web import same_origin

REQUESTED_PAGE_SIZE = 200  # The server may return fewer objects.
MAX_PAGES = 50_000  # Protects from a server whose pages never end.
CURSOR_MARGIN = timedelta(minutes=5)  # Servers may need some time until new resources are found by searches.
OK, BAD_REQUEST = 200, 400


@dataclass(frozen=True, slots=True)
class Search:
    """A search for all resources of one type about a patient, optionally only those changed since a time."""

    base: str
    resource_type: str
    patient: str
    since: str | None

    @property
    def address(self) -> str:
        """The address of the first page."""
        since = {} if self.since is None else {"_lastUpdated": f"ge{self.since}"}
        parameters = {"patient": self.patient, "_count": REQUESTED_PAGE_SIZE} | since
        return f"{self.base}/{self.resource_type}?{urlencode(parameters)}"


def find_pages(client: httpx2.Client, search: Search, object_type: int) -> Iterator[Page]:
    """Yield the pages of a search. Only the last one has a new cursor, so that an interrupted search is repeated.

    Raises the errors of `get_resource`.
    """
    try:
        yield from _find(client, search, object_type)
    except Refused as error:
        if search.since is None or error.status != BAD_REQUEST:
            raise
        # Some servers do not support _lastUpdated. Fetch everything each time.
        yield from _find(client, replace(search, since=None), object_type)


def _find(client: httpx2.Client, search: Search, object_type: int) -> Iterator[Page]:
    address: str | None = search.address
    begun, seen = None, set[str]()
    while address is not None:
        if address in seen or len(seen) == MAX_PAGES:
            raise Refused(OK, "EndlessPages")
        bundle, headers = get_resource(client, address)
        begun = begun if seen else moment_of(headers)
        seen.add(address)
        address = next_address(bundle, address, search.base)
        found = [one for one in _resources(bundle) if one.get("resourceType") == search.resource_type]
        for start in range(0, len(found), PAGE_OBJECTS):
            yield Page(object_type, found[start : start + PAGE_OBJECTS])
    yield Page(object_type, (), begun, asked=search.address)


def next_address(bundle: JsonObject, address: str, base: str) -> str | None:
    """Return the address of the next page; None after the last. Raises Refused if it is on another server.

    The request carries the access token, so it must not be sent to any other server.
    """
    links = [link["url"] for link in _objects(bundle.get("link")) if link.get("relation") == "next" and "url" in link]
    if not links:
        return None
    try:
        following = urljoin(address, str(links[0]))
        if same_origin(following, base):
            return following
    except ValueError:  # The link is not an address.
        pass
    raise Refused(OK, "ForeignLink")


def moment_of(headers: httpx2.Headers) -> str | None:
    """Return the server's time of the response minus a margin, as a cursor; None if the response has no date."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return (moment.astimezone(UTC) - CURSOR_MARGIN).strftime("%Y-%m-%dT%H:%M:%SZ")


def _resources(bundle: JsonObject) -> list[JsonObject]:
    return _objects([entry.get("resource") for entry in _objects(bundle.get("entry"))])


def _objects(value: Any) -> list[JsonObject]:
    """Return the objects in a list; none if it is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
