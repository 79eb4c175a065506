"""Calls are flows: generators that yield what they need done and are sent the outcome.

Refreshing, retrying, polling and paging are written once, as flows. `PrivateShare` and `AsyncPrivateShare` each do
the few things that a flow can ask for.
"""

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from privateshare.errors import InvalidAnswer, NetworkError, PrivateShareError, error_from_answer
from privateshare.sdk.tokens import UserAccessToken
from privateshare.sdk.uploads import Pieces

T = TypeVar("T")

RETRIED_STATUS = frozenset({408, 413, 429, 500, 502, 503, 504})  # protocol 13
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
TOO_LARGE = 413
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Sink(Protocol):
    """Takes the body of an answer as it arrives. It may be begun again when a call is repeated."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """A good answer starts; whatever came before is void."""

    def write(self, data: bytes) -> None:
        """The next bytes."""

    def finish(self) -> None:
        """The answer was whole."""

    def abort(self) -> None:
        """It was not; leaves nothing behind. Safe to call at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. Headers and body may hold secrets and stay out of `repr`."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Callable[[], Pieces] | None = field(default=None, repr=False)
    sink: Sink | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; header names in lower case, the body empty if a sink took it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refresh:
    """Give me the newest token of this one's grant, refreshed; many who ask at once cause one refresh."""

    token: UserAccessToken


@dataclass(frozen=True, slots=True)
class Newest:
    """Give me the newest token known of this one's grant."""

    token: UserAccessToken


Effect = Request | Sleep | Refresh | Newest
Flow = Generator[Effect, Any, T]


def sent(request: Request, retries: int, *, repeatable: bool | None = None) -> Flow[Response]:
    """The good answer to a request, repeated where that is safe and may help. Protocol 13.

    Raises an ApiError for a refusal, NetworkError if no answer came.
    """
    left = retries if repeatable or (repeatable is None and request.method in REPEATABLE) else 0
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            response: Response = yield request
            if response.status in REDIRECTS:
                raise elsewhere(response)
            if response.status < 400:
                return response
            error: PrivateShareError = refusal(response)
        except NetworkError as failure:
            error = failure
        if left <= 0 or not _may_pass(error):
            raise error
        left -= 1
        wait = error.retry_after if error.retry_after is not None else pause * random.uniform(0.5, 1.5)  # noqa: S311
        yield Sleep(min(wait, LONGEST_PAUSE_SECONDS))
        pause *= 2


def elsewhere(response: Response) -> InvalidAnswer:
    """That an address leads to another; it is not followed, since what is sent is for nobody else."""
    parts = urlsplit(response.headers.get("location", ""))  # its path may hold a secret
    to = f" to {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return InvalidAnswer(f"the platform sends its callers on{to}", hint="Give its own address as base_url, with https")


def refusal(response: Response) -> PrivateShareError:
    """The error that an answer tells."""
    import json

    try:
        body = json.loads(response.body)
    except ValueError:
        body = None
    return error_from_answer(response.status, response.headers, body)


def _may_pass(error: PrivateShareError) -> bool:
    if isinstance(error, NetworkError):
        return True
    return error.status in RETRIED_STATUS and (error.status != TOO_LARGE or error.retry_after is not None)
