"""Calls are flows: generators that yield what they need done and are sent the outcome.

Refreshing, retrying, polling and paging are written once, as flows. `PrivateShare` and `AsyncPrivateShare` each do
the few things that a flow can ask for.
"""

import random
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from privateshare.errors import InvalidAnswer, NetworkError, PrivateShareError, error_from_answer
from privateshare.sdk.bodies import MAX_ANSWER_BYTES
from privateshare.sdk.tokens import Holder, UserAccessToken
from privateshare.sdk.uploads import Pieces

T = TypeVar("T")

RETRIED_STATUS = frozenset({408, 413, 429, 500, 502, 503, 504})  # protocol 13
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
TOO_LARGE = 413
REDIRECTS = frozenset({301, 302, 303, 307, 308})

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


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
    """One HTTP request. Headers and body may hold secrets and stay out of `repr`.

    `limit`: how many bytes its answer may have, unless a sink takes it.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Callable[[], Pieces] | None = field(default=None, repr=False)
    sink: Sink | None = None
    limit: int = MAX_ANSWER_BYTES


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
class Newest:
    """Give me the newest token known of this grant."""

    who: Holder


@dataclass(frozen=True, slots=True)
class Refresh:
    """Give me the token of this grant in place of a stale one; many who ask at once cause one refresh."""

    who: Holder
    stale: UserAccessToken


@dataclass(frozen=True, slots=True)
class Forget:
    """Forget the tokens of this grant: the person is gone."""

    who: Holder


Effect = Request | Sleep | Newest | Refresh | Forget
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
                raise redirect_error(response)
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


def redirect_error(response: Response) -> InvalidAnswer:
    """Build the error of a redirect. The SDK follows none, because its requests carry the user's token."""
    try:
        parts = urlsplit(response.headers.get("location", ""))
    except ValueError:
        parts = urlsplit("")
    to = f" to {parts.scheme}://{parts.netloc:.200}" if parts.netloc else ""  # its path may hold a secret
    hint = "Give the platform's own address as base_url, with https"
    return InvalidAnswer(f"The platform answered with a redirect{to}", hint=hint)


def refusal(response: Response) -> PrivateShareError:
    """Build the error that an answer tells."""
    try:
        body = read_json(response.body)
    except InvalidAnswer:
        body = None
    return error_from_answer(response.status, response.headers, body)


def read_json(body: bytes) -> Any:
    """Read the JSON of an answer, as RFC 8259 has it: UTF-8, without NaN, and with text that is text.

    Raises InvalidAnswer, also for JSON that is nested too deeply to be read.
    """
    import json

    try:
        found = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
        if _SURROGATE.search(body):  # half of a pair is no text: it could not be sent or written later
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidAnswer("The platform answered something that is not JSON") from error
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _may_pass(error: PrivateShareError) -> bool:
    if isinstance(error, NetworkError):
        return True
    return error.status in RETRIED_STATUS and (error.status != TOO_LARGE or error.retry_after is not None)
