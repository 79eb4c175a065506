"""A trial of a source: everything that the contract says of one upload or sample, with a report for its author.

`privateshare source test` runs it, the tests of packages do, and so does our own contract suite.
"""

import json
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from privateshare.protocol.object_time import DIGIME, object_time
from privateshare.protocol.pkce import new_verifier
from privateshare.sources import oauth
from privateshare.sources.contract import (
    PAGE_OBJECTS,
    Connection,
    Identity,
    JsonObject,
    Page,
    SignInSource,
    Skipped,
    Source,
)
from privateshare.sources.failures import LeftOut
from privateshare.sources.page_building import one_line
from privateshare.sources.schemas import schema_fault
from privateshare.sources.web import open_client

MAX_FAULTS = 20
CALLBACK = "http://127.0.0.1/apps/saas/connected"  # Nothing listens there.
MAX_PAGE_BYTES, MAX_PAGE_SECONDS = 1024 * 1024, 10


@dataclass(slots=True)
class TypeReport:
    """The objects of one type.

    Attributes:
        object_type: The type.
        objects: How many different objects there are.
        replaced: How many objects had the id of an earlier one, and replaced it.
        first: The earliest time, in milliseconds since the epoch; None if no object has one.
        last: The latest time.
        undated: How many objects have no time.
    """

    object_type: int
    objects: int = 0
    replaced: int = 0
    first: int | None = None
    last: int | None = None
    undated: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """The report of a trial.

    Attributes:
        identity: Whose account it is.
        types: What was found of each object type.
        left_out: What could not be read.
        faults: In what the source does not keep its contract; none if it does.
        seconds: How long each pass took: to identify, and to fetch twice.
    """

    identity: Identity = field(repr=False)
    types: Sequence[TypeReport]
    left_out: LeftOut
    faults: Sequence[str]
    seconds: Sequence[float]


class _Faults:
    """The faults that were found, each once, and no more than a person reads."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def add(self, text: str) -> None:
        if text in self.found or len(self.found) < MAX_FAULTS:
            self.found[text] += 1

    def add_new(self, others: "_Faults") -> None:
        """Add those of another pass that this one has not."""
        for text, number in others.found.items():
            if text not in self.found:
                self.found[text] = number

    def texts(self) -> list[str]:
        return [text if number == 1 else f"{text} ({number} times)" for text, number in self.found.items()]


def try_source(
    source: Source, connect: Callable[[], Connection], progress: Callable[[int], object] = lambda _: None
) -> Trial:
    """Identify the account of a connection, fetch everything twice, and check it against the contract.

    Args:
        source: The source.
        connect: Makes the connection anew, because each call of a source may read the archive from its start.
        progress: Is called with the number of objects that were fetched, after each page.

    Raises:
        SourceFailure: The data cannot be used, or the source does not respond.
    """
    faults = _Faults()
    seconds: list[float] = []
    first = connect()
    identity = _timed(seconds, lambda: source.identify(first))
    _check_identity(identity, source.identify(connect()), faults)
    reports: list[dict[int, TypeReport]] = []
    ids: list[dict[int, set[str]]] = []
    left_out = first.left_out
    for of_pass in (faults, again := _Faults()):
        connection = connect()
        connection = replace(connection, provider_account_id=identity.objects_owner)
        if not left_out.total:  # An API is not read to its end to find out whose account it is.
            left_out = connection.left_out
        seen: dict[int, set[str]] = {}
        reports.append(_timed(seconds, lambda c=connection, s=seen, f=of_pass: _fetched(source, c, s, f, progress)))  # type: ignore[misc]
        ids.append(seen)
    faults.add_new(again)
    if first.sample is not None and not any(ids[0].values()):
        faults.add(f"the sample {first.sample} has no objects")
    if ids[0] != ids[1]:
        faults.add("the second pass has objects with other ids than the first, so that there would be doubles")
    return Trial(identity, list(reports[0].values()), left_out, faults.texts(), seconds)


def sign_in_without_browser(source: SignInSource) -> JsonObject:
    """Sign in at a server that agrees without a question, as those of tests, and return the token.

    Raises:
        NeedsLogin, TryLater, Broken: The server does not accept the client or the code, or does not respond.
        ValueError: The server does not redirect at once.
    """
    sign_in, verifier = source.sign_in({}), new_verifier()
    with open_client({}, MAX_PAGE_BYTES, MAX_PAGE_SECONDS) as client:
        response = client.get(oauth.authorization_address(sign_in, CALLBACK, "state", verifier))
    query = parse_qs(urlsplit(response.headers.get("location", "")).query)
    if sign_in.code_parameter not in query:
        raise ValueError(f"the sign-in page answered {response.status_code}, without a redirect that has a code")
    return oauth.exchange_code(sign_in, CALLBACK, query[sign_in.code_parameter][0], verifier)


def unexpected_error(source: Source, error: Exception) -> str:
    """Describe an error that no source may raise: its type and its place, without a value of the data."""
    package = type(source).__module__.rpartition(".")[0]
    frames = [*traceback.walk_tb(error.__traceback__)]
    own = [found for found in frames if str(found[0].f_globals.get("__name__")).startswith(package)]
    frame, line = (own or frames)[-1]
    place = f"{frame.f_code.co_filename.rsplit('/', 1)[-1]}, line {line}"
    return (
        f"the source raised {type(error).__name__} ({place}), which would end the import. Count a record "
        "that cannot be read in left_out, and read the others"
    )


def _timed(seconds: list[float], work: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    result = work()
    seconds.append(time.perf_counter() - start)
    return result


def _check_identity(identity: Identity, again: Identity, faults: _Faults) -> None:
    if not identity.provider_account_id or not identity.display_name:
        faults.add("identify must return an id of the account and a name")
    if identity != again:
        faults.add("identify returns another account when the same data is read again")
    if identity.provider_account_id in repr(identity):
        faults.add("the repr of the identity shows the account")


def _fetched(
    source: Source,
    connection: Connection,
    ids: dict[int, set[str]],
    faults: _Faults,
    progress: Callable[[int], object],
) -> dict[int, TypeReport]:
    reports = {object_type: TypeReport(object_type) for object_type in source.info.object_types}
    for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
        if not isinstance(page, Page):
            faults.add(_skipped_text(page))
            continue
        if page.object_type not in reports:
            faults.add(f"a page has the object type {page.object_type}, which info does not declare")
            continue
        if len(page.objects) > PAGE_OBJECTS:
            faults.add(f"a page has {len(page.objects)} objects; at most {PAGE_OBJECTS} are allowed")
        for fault in _page_faults(source, page):
            faults.add(f"object type {page.object_type}: {fault}")
        _count(source, page, reports[page.object_type], ids.setdefault(page.object_type, set()), faults)
        progress(sum(map(len, ids.values())))
    return reports


def _skipped_text(skipped: Skipped) -> str:
    text = f"object type {skipped.object_type} was skipped: {skipped.message} ({skipped.code})"
    is_forbidden = skipped.status == HTTPStatus.FORBIDDEN
    return f"{text}. The scope that was granted may not allow it" if is_forbidden else text


def _page_faults(source: Source, page: Page) -> Iterator[str]:
    for thing in page.objects:
        try:
            if json.loads(one_line(thing)) != thing:
                yield "an object changes when it is written as JSON"
        except (TypeError, ValueError) as error:
            yield f"an object cannot be written as JSON ({type(error).__name__})"
            continue
        if source.info.schema.standard == DIGIME:
            account = thing.get("accountentityid")
            if not isinstance(account, str) or not account.startswith(f"{source.info.service_type}_"):
                yield "accountentityid must begin with the service type and an underscore"
            if fault := schema_fault(page.object_type, thing):
                yield fault


def _count(source: Source, page: Page, report: TypeReport, ids: set[str], faults: _Faults) -> None:
    for thing in page.objects:
        try:
            id_ = source.info.schema.entity_id(thing)
        except KeyError as error:
            faults.add(f"object type {page.object_type}: an object has no {error.args[0]}")
            continue
        if id_ in ids:
            report.replaced += 1
        else:
            ids.add(id_)
            report.objects += 1
        moment = object_time(source.info.schema.standard, thing)
        if moment is None:
            report.undated += 1
            continue
        report.first = moment if report.first is None else min(report.first, moment)
        report.last = moment if report.last is None else max(report.last, moment)
