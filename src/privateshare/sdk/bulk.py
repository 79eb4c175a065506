"""HTTP for many files: an adapter takes requests with `start` and gives what has been answered with `finished`.

With `privateshare[fast]` one thread has many requests on the way, through libcurl; else each has one, through httpx2.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import cpu_count
from typing import Any, Generic, Protocol, TypeVar

from privateshare.errors import InvalidAnswer, PrivateShareError
from privateshare.sdk.bodies import FIRST_REFUSAL, Body, RefusalBody, body_of, check_not_encoded
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.deadlines import MAX_HEADER_BYTES, SILENT, SLOW, Deadline
from privateshare.sdk.flow import Request, Response
from privateshare.sdk.surroundings import Authorities, Proxy, authorities, proxy_to
from privateshare.sdk.transport import PIECE_BYTES, Transport, network_error, sent_headers

T = TypeVar("T")
Outcome = Response | PrivateShareError | Exception


class Bulk(Protocol[T]):
    """Fetches for one thread, `at_once` at a time."""

    at_once: int

    def start(self, request: Request, tag: T) -> None:
        """Sends a GET whose body goes to the request's sink; `tag` comes back with its outcome."""

    def finished(self, patience: float) -> Sequence[tuple[T, Outcome]]:
        """What has been answered, or has failed; waits some seconds for the first. What a sink raises is an outcome."""

    def close(self) -> None:
        """Ends all connections."""


def bulks(configuration: Configuration, parallel: int, transport: Transport) -> "list[Bulk[Any]]":
    """One for each thread that is worth having, `parallel` requests in all; without libcurl, through `transport`."""
    try:
        import pycurl  # noqa: F401
    except ModuleNotFoundError:
        return [OneByOne(transport) for _ in range(parallel)]
    threads = min(cpu_count() or 1, parallel)
    way = _Way(configuration.timeout, proxy_to(configuration.api), authorities())
    return [CurlBulk(way, -(-parallel // threads)) for _ in range(threads)]


class OneByOne(Generic[T]):
    """One request at a time, through a transport that others use too and whose owner closes it."""

    at_once = 1

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._finished: list[tuple[T, Outcome]] = []

    def start(self, request: Request, tag: T) -> None:
        """Sends a request, and waits for its answer."""
        try:
            self._finished.append((tag, self._transport.send(request)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's outcome
            self._finished.append((tag, error))

    def finished(self, patience: float) -> Sequence[tuple[T, Outcome]]:
        """The outcome of what was started."""
        del patience
        finished, self._finished = self._finished, []
        return finished

    def close(self) -> None:
        """Nothing: the transport goes on."""


class CurlBulk(Generic[T]):
    """Many requests at once on one thread, with libcurl."""

    def __init__(self, way: "_Way", at_once: int) -> None:
        import pycurl

        self.at_once = at_once
        self._way = way
        self._multi = pycurl.CurlMulti()
        self._idle: list[_Transfer] = []
        self._busy: dict[Any, tuple[_Transfer, T]] = {}
        self._waited = 0.0  # seconds, here and not in what the app does with the files

    def start(self, request: Request, tag: T) -> None:
        """Sends a GET."""
        transfer = self._idle.pop() if self._idle else _Transfer(self._way)
        transfer.begin(request, self._waited)
        self._busy[transfer.handle] = transfer, tag
        self._multi.add_handle(transfer.handle)
        self._multi.perform()

    def finished(self, patience: float) -> Sequence[tuple[T, Outcome]]:
        """What has been answered, or has failed."""
        outcomes = self._collect()
        if not outcomes and self._busy:
            began = time.monotonic()
            if self._multi.select(patience) < 0:
                time.sleep(0.005)  # no socket yet, while a name is looked up
            self._multi.perform()
            self._waited += time.monotonic() - began
            outcomes = [*self._collect(), *self._overdue()]
        return outcomes

    def close(self) -> None:
        """Ends all connections."""
        for handle in self._busy:
            self._multi.remove_handle(handle)
        self._busy.clear()
        self._idle.clear()
        self._multi.close()

    def _collect(self) -> list[tuple[T, Outcome]]:
        outcomes = []
        left = 1
        while left:
            left, good, bad = self._multi.info_read()
            ended = [(handle, "") for handle in good] + [(handle, text) for handle, _, text in bad]
            outcomes += [self._end(handle, failure) for handle, failure in ended]
        return outcomes

    def _overdue(self) -> list[tuple[T, Outcome]]:
        found = {handle: transfer.overdue(self._waited) for handle, (transfer, _) in self._busy.items()}
        return [self._end(handle, failure) for handle, failure in found.items() if failure]

    def _end(self, handle: Any, failure: str) -> tuple[T, Outcome]:
        self._multi.remove_handle(handle)
        transfer, tag = self._busy.pop(handle)
        self._idle.append(transfer)
        return tag, transfer.end(failure)


@dataclass(frozen=True, slots=True)
class _Way:
    """How the platform is reached."""

    timeout: float
    proxy: Proxy
    trusted: Authorities


class _Transfer:
    """One request on its way, and its answer as it arrives. Used again for others."""

    def __init__(self, way: _Way) -> None:
        import pycurl

        self._timeout = way.timeout
        self.handle = handle = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.CONNECTTIMEOUT, max(1, round(way.timeout))),
            (pycurl.BUFFERSIZE, PIECE_BYTES),
            (pycurl.PROXY, way.proxy.address),
            (pycurl.NOPROXY, way.proxy.not_for),
            (pycurl.HEADERFUNCTION, self._take_header),
            (pycurl.WRITEFUNCTION, self._take_body),
        ):
            handle.setopt(option, value)
        self._trust(way.trusted)

    def _trust(self, trusted: Authorities) -> None:
        import pycurl

        self.handle.setopt(pycurl.SSL_OPTIONS, pycurl.SSLOPT_NATIVE_CA if trusted.system else 0)
        for option, path in ((pycurl.CAINFO, trusted.file), (pycurl.CAPATH, trusted.folder)):
            if path is not None:
                self.handle.setopt(option, path)
            elif not trusted.system:  # libcurl has a path of its own
                self.handle.unsetopt(option)

    def begin(self, request: Request, waited: float) -> None:
        """Make it ready for a request, which begins after so many seconds of waiting for others."""
        import pycurl

        if request.method != "GET" or request.body is not None:
            raise ValueError("only a GET can be sent here")
        self._request = request
        self._status = 0
        self._headers: dict[str, str] = {}
        self._header_bytes = self._body_bytes = 0
        self._body: Body | RefusalBody | None = None
        self._begun = self._has_enough = False
        self._error: Exception | None = None
        self._looked = self._moved = waited
        self._seen = 0, 0
        self._deadline = Deadline(self._timeout)
        self.handle.setopt(pycurl.URL, request.url)
        headers = sent_headers(request)
        self.handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])

    def overdue(self, waited: float) -> str:
        """Say why it must be given up after so many seconds of waiting; "" if it may go on."""
        since, self._looked = waited - self._looked, waited
        headers, body = self._header_bytes - self._seen[0], self._body_bytes - self._seen[1]
        self._seen = self._header_bytes, self._body_bytes
        self._deadline.count(since, body)
        if headers or body:
            self._moved = waited
        if waited - self._moved > self._timeout:
            return SILENT
        return "" if self._deadline.left > 0 else SLOW

    def end(self, failure: str) -> Outcome:
        """How it ended; `failure` is what libcurl says, or why it was given up."""
        try:
            if self._error is not None:
                return self._error
            if failure and not self._has_enough:
                return network_error(self._request, failure)
            self._begin()
            if self._body is not None:
                return Response(self._status, self._headers, self._body.finish())
            assert self._request.sink is not None
            self._request.sink.finish()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's outcome
            return error
        return Response(self._status, self._headers)

    def _take_header(self, line: bytes) -> int | None:
        self._header_bytes += len(line)
        if self._header_bytes > MAX_HEADER_BYTES:
            self._error = InvalidAnswer("The headers of the answer are larger than any that make sense")
            return 0  # ends the transfer
        name, colon, value = line.decode("latin-1").partition(":")
        if name.startswith("HTTP/"):
            status = name.split()[1:2]
            self._status = int(status[0]) if status and status[0].isascii() and status[0].isdigit() else 0
            self._headers = {}
        elif colon and not self._begun:  # else it comes after the body
            self._headers[name.strip().lower()] = value.strip()
        return None

    def _take_body(self, piece: bytes) -> int | None:
        try:
            self._body_bytes += len(piece)
            self._begin()
            if self._body is None:
                assert self._request.sink is not None
                self._request.sink.write(piece)
            elif self._body.wants_more:
                self._body.write(piece)
            else:
                self._has_enough = True
                return 0  # ends the transfer
        except Exception as error:  # noqa: BLE001 - libcurl would only print it
            self._error = error
            return 0
        return None

    def _begin(self) -> None:
        """Begin with the body, once the headers are all there."""
        if self._begun:
            return
        self._begun = True
        if self._request.sink is None or self._status >= FIRST_REFUSAL:
            self._body = body_of(self._status, self._headers, self._request.limit)
        else:
            check_not_encoded(self._headers)
            self._request.sink.begin(self._headers)
