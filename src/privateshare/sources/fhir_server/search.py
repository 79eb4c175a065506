"""What a FHIR server holds about a patient, type by type, page by page."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urljoin

import httpx2

from privateshare.sources.contract import PAGE_OBJECTS, JsonObject, Page
from privateshare.sources.fhir_server.requests import Refused, get_resource
from privateshare.sources.web import same_origin

ASKED_FOR = 200  # objects on a page; the server may give fewer
MAX_PAGES = 50_000  # of one type: a server that never comes to an end
MARGIN = timedelta(minutes=5)  # what was written meanwhile may not be found at once
BAD_REQUEST = 400


def find_pages(
    client: httpx2.Client, base: str, resource_type: str, patient: str, object_type: int, cursor: str | None
) -> Iterator[Page]:
    """The resources of one type that are about a patient, changed since the cursor.

    Only the last page has a new cursor, so that what breaks off begins again. Raises as `get_resource`.
    """
    try:
        yield from _find(client, base, resource_type, {"patient": patient}, object_type, cursor)
    except Refused as error:
        if cursor is None or error.status != BAD_REQUEST:
            raise
        # a server that knows no _lastUpdated: everything, each time
        yield from _find(client, base, resource_type, {"patient": patient}, object_type, None)


def _find(
    client: httpx2.Client, base: str, resource_type: str, asked: dict[str, str], object_type: int, cursor: str | None
) -> Iterator[Page]:
    since = {} if cursor is None else {"_lastUpdated": f"ge{cursor}"}
    address: str | None = f"{base}/{resource_type}?{urlencode(asked | since | {'_count': str(ASKED_FOR)})}"
    begun: str | None = None
    for number in range(MAX_PAGES):
        assert address is not None
        bundle, headers = get_resource(client, address)
        begun = begun if number else moment_of(headers)
        address = next_address(bundle, address, base)
        found = _resources(bundle, resource_type)
        for start in range(0, len(found), PAGE_OBJECTS):
            yield Page(object_type, found[start : start + PAGE_OBJECTS])
        if address is None:
            yield Page(object_type, (), begun)
            return
    raise Refused(200, "TooManyPages")


def next_address(bundle: JsonObject, address: str, base: str) -> str | None:
    """Where the next page is, None after the last. Raises Refused if that is not the server itself.

    The access token goes there: it must go nowhere else, and nothing else may be asked in the platform's name.
    """
    for link in bundle.get("link") or ():
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            try:
                following = urljoin(address, str(link["url"]))
                foreign = following == address or not same_origin(following, base)
            except ValueError as error:
                raise Refused(200, "ForeignLink") from error
            if foreign:
                raise Refused(200, "ForeignLink")
            return following
    return None


def moment_of(headers: httpx2.Headers) -> str | None:
    """The server's own time when it answered, less a margin, as a cursor; None if it does not say."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return (moment.astimezone(UTC) - MARGIN).strftime("%Y-%m-%dT%H:%M:%SZ")


def _resources(bundle: JsonObject, resource_type: str) -> list[JsonObject]:
    """The resources of the type asked for; what else a server puts in, such as its remarks, is left out."""
    entries = bundle.get("entry")
    found = [entry.get("resource") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [one for one in found if isinstance(one, dict) and one.get("resourceType") == resource_type]
