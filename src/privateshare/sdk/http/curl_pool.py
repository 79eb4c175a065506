"""A pool of transfers through libcurl. Needs `privateshare[fast]`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pycurl

from privateshare.errors import InvalidAnswer
from privateshare.sdk.http.call_log import log_outcome
from privateshare.sdk.http.deadlines import MAX_HEADER_BYTES, SILENT, SLOW, Deadline
from privateshare.sdk.http.environment import Proxy, TrustedCertificates, proxy_to, trusted_certificates
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.http.response_bodies import (
    FIRST_UNSUCCESSFUL_STATUS,
    ErrorBody,
    ResponseBody,
    body_of,
    check_not_encoded,
)
from privateshare.sdk.http.transfer_pool import Outcome
from privateshare.sdk.http.transport import PIECE_BYTES, network_error, sent_headers

T = TypeVar("T")

NAME_LOOKUP_SECONDS = 0.005
"""How long to wait while libcurl looks a name up and has no socket yet."""


@dataclass(frozen=True, slots=True)
class CurlSettings:
    """How the platform is reached."""

    timeout: float
    proxy: Proxy
    trusted: TrustedCertificates

    @classmethod
    def of_environment(cls, url: str, timeout: float) -> "CurlSettings":
        """Return the settings for a platform, with the environment's proxy and certificates."""
        return cls(timeout, proxy_to(url), trusted_certificates())


class CurlTransferPool(Generic[T]):
    """Many transfers at once on one thread."""

    def __init__(self, settings: CurlSettings, at_once: int) -> None:
        self.at_once = at_once
        self._settings = settings
        self._multi = pycurl.CurlMulti()
        self._idle: list[_Transfer] = []
        self._busy: dict[Any, tuple[_Transfer, T]] = {}
        self._waited_seconds = 0.0  # This excludes what the app does with the files.

    def start(self, request: Request, tag: T) -> None:
        """Send a GET."""
        transfer = self._idle.pop() if self._idle else _Transfer(self._settings)
        transfer.begin(request, self._waited_seconds)
        self._busy[transfer.handle] = transfer, tag
        self._multi.add_handle(transfer.handle)
        self._multi.perform()

    def finished(self, seconds: float) -> Sequence[tuple[T, Outcome]]:
        """Return the outcomes of finished transfers, and wait some seconds for the first."""
        outcomes = self._collect()
        if not outcomes and self._busy:
            began = time.monotonic()
            if self._multi.select(seconds) < 0:
                time.sleep(NAME_LOOKUP_SECONDS)
            self._multi.perform()
            self._waited_seconds += time.monotonic() - began
            outcomes = [*self._collect(), *self._end_overdue()]
        return outcomes

    def close(self) -> None:
        """Close all connections."""
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

    def _end_overdue(self) -> list[tuple[T, Outcome]]:
        overdue = {handle: transfer.overdue(self._waited_seconds) for handle, (transfer, _) in self._busy.items()}
        return [self._end(handle, failure) for handle, failure in overdue.items() if failure]

    def _end(self, handle: Any, failure: str) -> tuple[T, Outcome]:
        self._multi.remove_handle(handle)
        transfer, tag = self._busy.pop(handle)
        self._idle.append(transfer)
        outcome = transfer.end(failure)
        log_outcome(transfer.request, transfer.began, outcome)
        return tag, outcome


class _Transfer:
    """One request, and its response as it arrives. It is reused for later requests."""

    def __init__(self, settings: CurlSettings) -> None:
        self._timeout = settings.timeout
        self.handle = handle = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.CONNECTTIMEOUT, max(1, round(settings.timeout))),
            (pycurl.BUFFERSIZE, PIECE_BYTES),
            (pycurl.PROXY, settings.proxy.address),
            (pycurl.NOPROXY, settings.proxy.bypassed_hosts),
            (pycurl.HEADERFUNCTION, self._take_header),
            (pycurl.WRITEFUNCTION, self._take_body),
        ):
            handle.setopt(option, value)
        self._trust(settings.trusted)

    def begin(self, request: Request, waited_seconds: float) -> None:
        """Prepare for a request, which begins after the pool has waited for so many seconds."""
        if request.method != "GET" or request.body is not None:
            raise ValueError("A transfer pool can only send a GET")
        self.request, self.began = request, time.monotonic()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._header_bytes = self._body_bytes = 0
        self._body: ResponseBody | ErrorBody | None = None
        self._has_begun = self._has_enough = False
        self._error: Exception | None = None
        self._checked_at = self._moved_at = waited_seconds
        self._seen = 0, 0
        self._deadline = Deadline(self._timeout)
        self.handle.setopt(pycurl.URL, request.url)
        headers = sent_headers(request)
        self.handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])

    def overdue(self, waited_seconds: float) -> str:
        """Return why the transfer must end after the pool has waited for so many seconds, or "" if it may go on."""
        since, self._checked_at = waited_seconds - self._checked_at, waited_seconds
        headers, body = self._header_bytes - self._seen[0], self._body_bytes - self._seen[1]
        self._seen = self._header_bytes, self._body_bytes
        self._deadline.count(since, body)
        if headers or body:
            self._moved_at = waited_seconds
        if waited_seconds - self._moved_at > self._timeout:
            return SILENT
        return "" if self._deadline.left > 0 else SLOW

    def end(self, failure: str) -> Outcome:
        """Return the outcome. `failure` is the message of libcurl, or the reason why the transfer was ended."""
        try:
            if self._error is not None:
                return self._error
            if failure and not self._has_enough:
                return network_error(self.request, failure)
            self._begin_body()
            if self._body is not None:
                return Response(self._status, self._headers, self._body.finish())
            assert self.request.receiver is not None
            self.request.receiver.finish()
        except Exception as error:  # noqa: BLE001 - Whatever it is, it is the outcome of this request.
            return error
        return Response(self._status, self._headers)

    def _trust(self, trusted: TrustedCertificates) -> None:
        self.handle.setopt(pycurl.SSL_OPTIONS, pycurl.SSLOPT_NATIVE_CA if trusted.system else 0)
        for option, path in ((pycurl.CAINFO, trusted.file), (pycurl.CAPATH, trusted.folder)):
            if path is not None:
                self.handle.setopt(option, path)
            elif not trusted.system:  # Otherwise libcurl would use a default path of its own.
                self.handle.unsetopt(option)

    def _take_header(self, line: bytes) -> int | None:
        self._header_bytes += len(line)
        if self._header_bytes > MAX_HEADER_BYTES:
            self._error = InvalidAnswer(f"The headers of the response are larger than {MAX_HEADER_BYTES // 1024} KB")
            return 0  # This ends the transfer.
        name, colon, value = line.decode("latin-1").partition(":")
        if name.startswith("HTTP/"):
            status = name.split()[1:2]
            self._status = int(status[0]) if status and status[0].isascii() and status[0].isdigit() else 0
            self._headers = {}
        elif colon and not self._has_begun:  # Trailers, which come after the body, are ignored.
            self._headers[name.strip().lower()] = value.strip()
        return None

    def _take_body(self, piece: bytes) -> int | None:
        try:
            self._body_bytes += len(piece)
            self._begin_body()
            if self._body is None:
                assert self.request.receiver is not None
                self.request.receiver.write(piece)
            elif self._body.wants_more:
                self._body.write(piece)
            else:
                self._has_enough = True
                return 0  # This ends the transfer.
        except Exception as error:  # noqa: BLE001 - libcurl would only print it.
            self._error = error
            return 0
        return None

    def _begin_body(self) -> None:
        """Begin with the body, once all headers have arrived."""
        if self._has_begun:
            return
        self._has_begun = True
        if self.request.receiver is None or self._status >= FIRST_UNSUCCESSFUL_STATUS:
            self._body = body_of(self._status, self._headers, self.request.limit)
        else:
            check_not_encoded(self._headers)
            self.request.receiver.begin(self._headers)
