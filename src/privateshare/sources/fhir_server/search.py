"""What a FHIR server holds about a patient, type by type, page by page."""

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

ASKED_FOR = 200  # objects on a page; the server may give fewer
MAX_PAGES = 50_000  # of one type: a server that never comes to an end
MARGIN = timedelta(minutes=5)  # what was written meanwhile may not be found at once
OK, BAD_REQUEST = 200, 400


@dataclass(frozen=True, slots=True)
class Search:
    """All resources of one type that are about a patient, changed since a moment if one is given."""

    base: str
    resource_type: str
    patient: str
    since: str | None

    @property
    def address(self) -> str:
        """Where its first page is."""
        since = {} if self.since is None else {"_lastUpdated": f"ge{self.since}"}
        return f"{self.base}/{self.resource_type}?{urlencode({'patient': self.patient, '_count': ASKED_FOR} | since)}"


def find_pages(client: httpx2.Client, search: Search, object_type: int) -> Iterator[Page]:
    """What a search finds. Only the last page has a new cursor, so that what breaks off begins again.

    Raises as `get_resource`.
    """
    try:
        yield from _find(client, search, object_type)
    except Refused as error:
        if search.since is None or error.status != BAD_REQUEST:
            raise
        # a server that knows no _lastUpdated: everything, each time
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
    """Where the next page is, None after the last. Raises Refused if that is not the server itself.

    The access token goes there: it must go nowhere else, and nothing else may be asked in the platform's name.
    """
    links = [link["url"] for link in _objects(bundle.get("link")) if link.get("relation") == "next" and "url" in link]
    if not links:
        return None
    try:
        following = urljoin(address, str(links[0]))
        if same_origin(following, base):
            return following
    except ValueError:  # not an address at all
        pass
    raise Refused(OK, "ForeignLink")


def moment_of(headers: httpx2.Headers) -> str | None:
    """The server's own time when it answered, less a margin, as a cursor; None if it does not say."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return (moment.astimezone(UTC) - MARGIN).strftime("%Y-%m-%dT%H:%M:%SZ")


def _resources(bundle: JsonObject) -> list[JsonObject]:
    return _objects([entry.get("resource") for entry in _objects(bundle.get("entry"))])


def _objects(value: Any) -> list[JsonObject]:
    """The objects of a list; of anything else, none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
