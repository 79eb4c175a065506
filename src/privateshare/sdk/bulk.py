"""HTTP for many files: an adapter takes requests with `start` and gives what has been answered with `finished`.

With `privateshare[fast]` one thread has many requests on the way, through libcurl; else each has one, through httpx2.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import cpu_count
from typing import Any, Generic, Protocol, TypeVar

from privateshare.errors import NetworkError, PrivateShareError
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Request, Response
from privateshare.sdk.surroundings import Authorities, Proxy, authorities, proxy_to
from privateshare.sdk.transport import PIECE_BYTES, Transport, network_error

T = TypeVar("T")
Outcome = Response | PrivateShareError | Exception

MAX_REFUSAL_BYTES = 1 << 20


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

    def start(self, request: Request, tag: T) -> None:
        """Sends a GET."""
        transfer = self._idle.pop() if self._idle else _Transfer(self._way)
        transfer.begin(request)
        self._busy[transfer.handle] = transfer, tag
        self._multi.add_handle(transfer.handle)
        self._multi.perform()

    def finished(self, patience: float) -> Sequence[tuple[T, Outcome]]:
        """What has been answered, or has failed."""
        outcomes = self._collect()
        if not outcomes and self._busy:
            if self._multi.select(patience) < 0:
                time.sleep(0.005)  # no socket yet, while a name is looked up
            self._multi.perform()
            outcomes = self._collect()
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
            for handle, failure in ended:
                self._multi.remove_handle(handle)
                transfer, tag = self._busy.pop(handle)
                outcomes.append((tag, transfer.end(failure)))
                self._idle.append(transfer)
        return outcomes


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

        self.handle = handle = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.CONNECTTIMEOUT, max(1, round(way.timeout))),
            (pycurl.LOW_SPEED_LIMIT, 1),
            (pycurl.LOW_SPEED_TIME, max(1, round(way.timeout))),
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

    def begin(self, request: Request) -> None:
        """Makes it ready for a request."""
        import pycurl

        if request.method != "GET" or request.body is not None:
            raise ValueError("only a GET can be sent here")
        self._request = request
        self._status = 0
        self._headers: dict[str, str] = {}
        self._refusal = bytearray()
        self._begun = False
        self._error: Exception | None = None
        self.handle.setopt(pycurl.URL, request.url)
        self.handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in request.headers.items()])

    def end(self, failure: str) -> Outcome:
        """How it ended; `failure` is what libcurl says."""
        if self._error is None and failure:
            self._error = network_error(self._request, failure)
        if self._error is not None:
            return self._error
        try:
            if self._is_for_sink():
                self._begin()
                assert self._request.sink is not None
                self._request.sink.finish()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's outcome
            return error
        return Response(self._status, self._headers, bytes(self._refusal))

    def _take_header(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self._headers[name.strip().lower()] = value.strip()
        elif name.startswith("HTTP/"):
            self._status = int(name.split()[1])
            self._headers = {}

    def _take_body(self, piece: bytes) -> int | None:
        try:
            if self._is_for_sink():
                self._begin()
                assert self._request.sink is not None
                self._request.sink.write(piece)
            elif len(self._refusal) + len(piece) > MAX_REFUSAL_BYTES:
                raise NetworkError("the platform's refusal has no end")
            else:
                self._refusal += piece
        except Exception as error:  # noqa: BLE001 - libcurl would only print it
            self._error = error
            return 0  # ends the transfer
        return None

    def _is_for_sink(self) -> bool:
        return self._request.sink is not None and self._status < 300

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            assert self._request.sink is not None
            self._request.sink.begin(self._headers)
