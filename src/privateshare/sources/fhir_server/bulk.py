"""The export of one patient's record as files: FHIR Bulk Data Access 2.0, for `Patient/{id}/$export`.

The server prepares the files while the client asks for their state. Whatever a server does otherwise than described
raises `Refused`: the record is then searched instead, so that an export is never needed. ADR 70.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2

from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.digits import parse_exactly, write_exactly
from privateshare.sources.fhir_server.requests import FHIR_JSON, Refused
from privateshare.sources.fhir_server.search import CURSOR_MARGIN, MOMENT
from privateshare.sources.object_building import dict_of, list_of, text_of
from privateshare.sources.web import ServerReach, open_client, parse_json, read_object, retry_after_seconds, same_origin

NDJSON = "application/fhir+ndjson"
MAX_WAIT_SECONDS = 45  # Searching takes some seconds, so that waiting for longer would be slower.
LONGEST_PAUSE_SECONDS = 8
MAX_FILES = 10_000
MAX_FILE_BYTES = 1024 * 1024 * 1024
MAX_FILE_SECONDS = 15 * 60
MAX_LINE_BYTES = 16 * 1024 * 1024
ACCEPTED, OK = 202, 200
BUSY_STATUSES = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of an export. `count` is how many resources it has, if the server says so."""

    resource_type: str
    address: str = field(repr=False)
    count: int | None


@dataclass(frozen=True, slots=True)
class ExportManifest:
    """What an export consists of.

    Attributes:
        moment: The server's time of the export minus a margin, as a cursor.
        needs_token: Whether the files are fetched with the access token.
        output: The files with resources, each of one type.
        deleted: The files with Bundles that name deleted resources.
        errors: The files with what could not be exported.
    """

    moment: str
    needs_token: bool
    output: Sequence[ExportedFile]
    deleted: Sequence[ExportedFile]
    errors: Sequence[ExportedFile]


def begin_export(client: httpx2.Client, base: str, patient: str, types: Sequence[str], since: str | None = None) -> str:
    """Ask a server to prepare the files of a patient, and return the address at which it tells their state.

    Raises Refused. A token that has expired is noticed by the search that follows.
    """
    parameters = {"_type": ",".join(types), "_outputFormat": NDJSON}
    if since is not None:
        parameters["_since"] = since
    address = f"{base}/Patient/{patient}/$export?{urlencode(parameters, safe=',')}"
    response = _get(client, address, {"accept": FHIR_JSON, "prefer": "respond-async"})
    location = response.headers.get("content-location", "")
    if response.status_code != ACCEPTED or not location:
        raise Refused(response.status_code, "NotExported")
    return _own_address(location, address, base)


def finish_export(
    client: httpx2.Client, status: str, base: str, sleep: Callable[[float], None], seconds: float = MAX_WAIT_SECONDS
) -> ExportManifest:
    """Ask for the state of an export until it is ready. Raises Refused if it fails, or is not ready after some seconds.

    The server says when to ask again, by Retry-After. Without it, the pauses grow. Slow answers count as pauses do.
    """
    usual, end = 1.0, monotonic() + seconds
    while True:
        response = _get(client, status, {"accept": "application/json"})
        if response.status_code == OK:
            return _manifest(response, status, base)
        if response.status_code != ACCEPTED and response.status_code not in BUSY_STATUSES:
            raise Refused(response.status_code, "ExportFailed")
        if "retry-after" in response.headers:
            pause = float(retry_after_seconds(response))
        else:
            pause, usual = usual, min(usual * 2, LONGEST_PAUSE_SECONDS)
        if pause > min(seconds, end - monotonic()):
            raise Refused(response.status_code, "ExportTooSlow")
        sleep(pause)
        seconds -= pause


def end_export(client: httpx2.Client, status: str) -> None:
    """Tell the server that its files are not needed any more. One that does not listen removes them itself later."""
    try:
        client.delete(status)
    except (httpx2.TransportError, httpx2.InvalidURL):
        return


def open_files(token: JsonObject, manifest: ExportManifest, reach: ServerReach) -> httpx2.Client:
    """Open a client for the files of an export. It has the access token only if the server asks for it."""
    headers = {"accept": NDJSON}
    if manifest.needs_token:
        headers["authorization"] = f"Bearer {token['access_token']}"
    return open_client(headers, MAX_FILE_BYTES, MAX_FILE_SECONDS, reach)


def read_file(client: httpx2.Client, file: ExportedFile) -> Iterator[tuple[JsonObject, bytes] | None]:
    """Yield the resources of a file with their texts, and None for each line that is none. Raises Refused."""
    try:
        with client.stream("GET", file.address) as response:
            if response.status_code != OK:
                raise Refused(response.status_code, "FileRefused")
            for line in lines_of(response.iter_bytes()):
                if line is None or line.strip():
                    yield _resource(line)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise Refused(OK, "FileIncomplete") from error


def lines_of(pieces: Iterable[bytes]) -> Iterator[bytes | None]:
    """Divide a stream into lines; None for a line that is too long to be read."""
    waiting, is_long = bytearray(), False
    for piece in pieces:
        first, *others = piece.split(b"\n")
        waiting += first
        for other in others:
            yield None if is_long or len(waiting) > MAX_LINE_BYTES else bytes(waiting)
            waiting, is_long = bytearray(other), False
        if len(waiting) > MAX_LINE_BYTES:
            waiting, is_long = bytearray(), True
    if waiting or is_long:
        yield None if is_long else bytes(waiting)


def _resource(line: bytes | None) -> tuple[JsonObject, bytes] | None:
    """Parse a line. The text is written as that of a search is, so that nothing changes if the other way is taken."""
    try:
        found = parse_json(line or b"")
        text = write_exactly(parse_exactly(line or b""))
    except (ValueError, RecursionError):
        return None
    return (found, text) if isinstance(found, dict) and isinstance(found.get("resourceType"), str) else None


def _get(client: httpx2.Client, address: str, headers: dict[str, str]) -> httpx2.Response:
    try:
        return client.get(address, headers=headers)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise Refused(OK, "NoAnswer") from error


def _own_address(address: str, at: str, base: str) -> str:
    """Return an address to which the token may be sent. Raises Refused if it is on another server."""
    found = _joined(address, at)
    if not same_origin(found, base):
        raise Refused(OK, "ForeignLink")
    return found


def _joined(address: str, at: str) -> str:
    try:
        found = urljoin(at, address)
        urlsplit(found)
    except ValueError as error:
        raise Refused(OK, "ForeignLink") from error
    return found


def _manifest(response: httpx2.Response, status: str, base: str) -> ExportManifest:
    content = read_object(response)
    if content is None or not isinstance(content.get("output"), list):
        raise Refused(OK, "NotAManifest")
    needs_token = content.get("requiresAccessToken") is not False
    output, deleted, errors = (
        [_file(item, status, base if needs_token else None) for item in list_of(content.get(part))]
        for part in ("output", "deleted", "error")
    )
    if len(output) + len(deleted) + len(errors) > MAX_FILES:
        raise Refused(OK, "TooManyFiles")
    return ExportManifest(_moment(content.get("transactionTime")), needs_token, output, deleted, errors)


def _file(item: object, status: str, base: str | None) -> ExportedFile:
    found = dict_of(item)
    kind, address, count = text_of(found.get("type")), text_of(found.get("url")), found.get("count")
    if not address:
        raise Refused(OK, "NotAManifest")
    address = _own_address(address, status, base) if base is not None else _joined(address, status)
    return ExportedFile(kind, address, count if isinstance(count, int) and not isinstance(count, bool) else None)


def _moment(instant: object) -> str:
    try:
        named = datetime.fromisoformat(text_of(instant))
        found = named.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(OK, "NotAManifest") from error
    if named.tzinfo is None:
        raise Refused(OK, "NotAManifest")
    return (min(found, datetime.now(UTC)) - CURSOR_MARGIN).strftime(MOMENT)
