"""Searches for the resources of a patient on a FHIR server: pages, changes since the last time, and deletions."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx2

from privateshare.sources.contract import PAGE_OBJECTS, Covered, JsonObject, Page
from privateshare.sources.fhir_file.digits import write_exactly
from privateshare.sources.fhir_file.history import deleted_resource
from privateshare.sources.fhir_server.requests import FhirResponse, Refused, get_resource
from privateshare.sources.identity import Deletion, ObjectProvenance
from privateshare.sources.web import same_origin

REQUESTED_PAGE_SIZE = 200  # The server may return fewer objects.
MAX_PAGES = 50_000  # Protects from a server whose pages never end.
MAX_HISTORY_PAGES = 50  # The history of a type may have the resources of all patients.
CURSOR_MARGIN = timedelta(minutes=5)  # Servers may need some time until new resources are found by searches.
TIME_BETWEEN_FULL_READS = timedelta(days=7)
EXPORTED = "exported"
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
OK, BAD_REQUEST = 200, 400
UNPROCESSABLE = 422

CATEGORIES: Mapping[str, Sequence[str]] = {
    "CarePlan": ("assess-plan",),
    "Condition": ("problem-list-item", "encounter-diagnosis", "health-concern"),
    "DiagnosticReport": ("LAB", "LP29684-5", "LP29708-2", "LP7839-6"),
    "DocumentReference": ("clinical-note",),
    "Observation": (
        *("vital-signs", "laboratory", "social-history", "survey", "exam", "imaging", "procedure", "therapy"),
        *("activity", "sdoh", "functional-status", "disability-status", "cognitive-status", "smartdata"),
    ),
}
"""The categories of US Core, for servers that reject a search without one."""


USUAL_PARAMETER = "patient"
USUAL_PARAMETERS = (USUAL_PARAMETER, "subject")
OTHER_PARAMETERS: Mapping[str, Sequence[str]] = {
    "AdverseEvent": ("subject", "patient"),
    "Coverage": ("beneficiary", "patient"),
    "Group": ("member",),
    "ResearchSubject": ("individual", "subject", "patient"),
    "Schedule": ("actor",),
    "SupplyRequest": ("subject", "patient"),
}
"""The parameters of types whose parameter is not always `patient`, the usual one first."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search for all resources of one type about a patient, optionally only those changed since a time.

    Attributes:
        parameter: The search parameter that names the patient.
        categories: The categories to search for; if empty, all.
        shows_history: Whether the server shows the history of the type, with what was deleted.
        is_allowed_whole: Whether the token allows to read everything of the type.
    """

    base: str
    resource_type: str
    patient: str
    since: str | None = None
    parameter: str = "patient"
    categories: Sequence[str] = ()
    shows_history: bool = False
    is_allowed_whole: bool = True

    @property
    def address(self) -> str:
        """The address of the first page."""
        # Only `patient` can have nothing but patients. Others need the type of what they refer to.
        patient = self.patient if self.parameter == "patient" else f"Patient/{self.patient}"
        parameters = {self.parameter: patient, "_count": str(REQUESTED_PAGE_SIZE)}
        if self.categories:
            parameters["category"] = ",".join(self.categories)
        if self.since is not None:
            parameters["_lastUpdated"] = f"ge{self.since}"
        return f"{self.base}/{self.resource_type}?{urlencode(parameters, safe=',/')}"

    def alternatives(self) -> Iterator["Search"]:
        """Yield this search, and then those for servers that do not support it.

        Some do not support `_lastUpdated`: everything is read each time. Others reject searches without a category.
        """
        yield self
        if self.since is not None:
            yield replace(self, since=None)
        if self.resource_type in CATEGORIES and not self.categories:
            yield from replace(self, categories=CATEGORIES[self.resource_type]).alternatives()


@dataclass(slots=True)
class _Found:
    """What one search found: the server's time when it began, and whether it certainly found everything."""

    ids: set[str] = field(default_factory=set)
    begun: str | None = None
    total: object = None
    is_doubtful: bool = False
    is_full: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether what was not found does not exist any more.

        The server must have said how many resources there are, and all of them must have come. None at all proves
        nothing: systems behind a server that are away look the same.
        """
        return self.is_full and not self.is_doubtful and bool(self.ids) and self.total == len(self.ids)


@dataclass(frozen=True, slots=True)
class SearchPosition:
    """The cursor of a type: since when to ask for changes, and when everything was read the last time.

    `is_exported` says that it was read from an export (`bulk`), so that the server exports its changes too.
    """

    since: str | None = None
    read_fully_at: str | None = None
    is_exported: bool = False

    def __str__(self) -> str:
        parts = (self.since, self.read_fully_at, EXPORTED if self.is_exported else None)
        return " ".join(one for one in parts if one is not None)

    @property
    def needs_full_read(self) -> bool:
        """Whether everything is read again, so that deletions are noticed that no history shows."""
        try:
            last = datetime.strptime(self.read_fully_at or "", MOMENT).replace(tzinfo=UTC)
        except ValueError:
            return True
        return datetime.now(UTC) - last > TIME_BETWEEN_FULL_READS


def read_position(cursor: str | None) -> SearchPosition:
    """Parse a cursor."""
    since, fully, *more = [*(cursor or "").split(" "), "", ""][:3]
    return SearchPosition(since or None, fully or None, EXPORTED in more)


def find_pages(
    client: httpx2.Client, searches: Sequence[Search], object_type: int, cursor: str | None
) -> Iterator[Page]:
    """Yield the pages of the searches for one object type. Everything is read at times, otherwise what has changed.

    Only the last page has a new cursor, so that an interrupted search is repeated. It also says what was deleted: what
    the history of the type shows, or what a full read did not find any more, if that is certain.

    Raises the errors of `get_resource`.
    """
    position = read_position(cursor)
    since = None if position.needs_full_read else position.since
    results = []
    for search in searches:
        results.append((yield from _find_first(client, replace(search, since=since), object_type)))
    is_full = all(found.is_full for found in results)
    deletions: list[Deletion] = []
    if position.since is not None and any(search.shows_history for search in searches):
        there = {id_ for found in results for id_ in found.ids}
        for search in searches:
            deletions += _deletions(client, replace(search, since=position.since), object_type, there)
    begun = results[0].begun
    yield Page(
        object_type,
        (),
        str(SearchPosition(begun, begun if is_full else position.read_fully_at)) if begun is not None else None,
        asked=replace(searches[0], since=since).address,
        deletions=deletions,
        covered=Covered() if all(found.is_certain for found in results) else None,
    )


def _find_first(client: httpx2.Client, search: Search, object_type: int) -> Generator[Page, None, _Found]:
    """Yield the pages of the first alternative of a search that the server does not reject."""
    rejected: Refused | None = None
    for alternative in search.alternatives():
        try:
            first = get_resource(client, alternative.address)
        except Refused as error:
            if error.status not in (BAD_REQUEST, UNPROCESSABLE):
                raise
            rejected = rejected or error
        else:
            return (yield from _find(client, alternative, object_type, first))
    assert rejected is not None
    raise rejected


def _find(
    client: httpx2.Client, search: Search, object_type: int, first: FhirResponse
) -> Generator[Page, None, _Found]:
    response, bundle = first, first.resource
    found = _Found(begun=moment_of(response.headers), total=bundle.get("total"), is_full=search.since is None)
    found.is_doubtful = bool(search.categories) or not search.is_allowed_whole
    address, seen = search.address, {search.address}
    while True:
        matches, is_doubtful = _matches(bundle, search.resource_type)
        found.is_doubtful |= is_doubtful
        found.ids.update(str(one.get("id")) for one in matches)
        exact, _ = _matches(response.exact, search.resource_type)
        for start in range(0, len(matches), PAGE_OBJECTS):
            texts = [write_exactly(one) for one in exact[start : start + PAGE_OBJECTS]]
            yield Page(object_type, matches[start : start + PAGE_OBJECTS], texts=texts)
        following = next_address(bundle, address, search.base)
        if following is None:
            return found
        if following in seen or len(seen) == MAX_PAGES:
            raise Refused(OK, "EndlessPages")
        address = following
        seen.add(address)
        response = get_resource(client, address)
        bundle = response.resource


def page_of_one(object_type: int, response: FhirResponse, address: str) -> Page:
    """Build the page of a single resource, which was requested at this address."""
    return Page(object_type, [response.resource], asked=address, texts=[write_exactly(response.exact)])


def _matches(bundle: JsonObject, resource_type: str) -> tuple[list[JsonObject], bool]:
    """Return the resources of a page that were searched for, and whether the server says that others are missing."""
    resources = _objects([entry.get("resource") for entry in _objects(bundle.get("entry"))])
    is_doubtful = any(one.get("resourceType") == "OperationOutcome" for one in resources)
    return [one for one in resources if one.get("resourceType") == resource_type], is_doubtful


def _deletions(client: httpx2.Client, search: Search, object_type: int, there: Collection[str]) -> Iterator[Deletion]:
    """Yield what the history of a type shows as deleted. What was found just now is not, whatever the history says."""
    if not search.shows_history or search.since is None:
        return
    query = urlencode({"_since": search.since, "_count": REQUESTED_PAGE_SIZE})
    address: str | None = f"{search.base}/{search.resource_type}/_history?{query}"
    decided, pages = set(there), 0
    try:
        while address is not None and pages < MAX_HISTORY_PAGES:
            bundle = get_resource(client, address).resource
            for entry in _objects(bundle.get("entry")):  # The newest version of each resource is first.
                deleted = deleted_resource(entry)
                if deleted is not None and deleted.type == search.resource_type and deleted.id not in decided:
                    yield Deletion(object_type, f"{deleted.type}/{deleted.id}", ObjectProvenance())
                resource = entry.get("resource")
                decided.add(deleted.id if deleted is not None else str(_id_of(resource)))
            address, pages = next_address(bundle, address, search.base), pages + 1
    except Refused:  # The history is not for patients. Full reads notice what was deleted.
        return


def _id_of(resource: object) -> object:
    """Return the id of a resource; None if it is none."""
    return resource.get("id") if isinstance(resource, dict) else None


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
    return (moment.astimezone(UTC) - CURSOR_MARGIN).strftime(MOMENT)


def _objects(value: Any) -> list[JsonObject]:
    """Return the objects in a list; none if it is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
