"""Calls are flows: generators that yield what they need and receive the outcome.

Token refresh, retries, polling and paging are written once, as flows. The drivers of both clients run them.
"""

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from privateshare.errors import NetworkError, PrivateShareError
from privateshare.sdk.http.error_responses import REDIRECTS, error_of, redirect_error
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.tokens import Holder, UserAccessToken

T = TypeVar("T")

# Protocol 13 lists the statuses that may pass.
RETRIED_STATUS = frozenset({408, 413, 429, 500, 502, 503, 504})
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NewestToken:
    """Return the newest known token of a user."""

    holder: Holder


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Refresh a stale token and return the new one. Simultaneous requests cause one refresh."""

    holder: Holder
    stale: UserAccessToken


@dataclass(frozen=True, slots=True)
class ForgetToken:
    """Delete a user's token from the store, because the user was deleted."""

    holder: Holder


Effect = Request | Delay | NewestToken | RefreshToken | ForgetToken
Flow = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Done:
    """A flow has ended with this value."""

    value: Any


def send(request: Request, retries: int, *, repeatable: bool | None = None) -> Flow[Response]:
    """Send a request and return its successful response. Retry where that is safe and may help (protocol 13).

    Args:
        request: The request.
        retries: How often it is repeated after a failure that may pass.
        repeatable: Whether it may be repeated at all. By default its method decides.

    Raises:
        ApiError: The platform refused the request.
        InvalidAnswer: The platform answered with a redirect.
        NetworkError: No response arrived.
    """
    left = retries if repeatable or (repeatable is None and request.method in REPEATABLE_METHODS) else 0
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            response: Response = yield request
            if response.status in REDIRECTS:
                raise redirect_error(response)
            if response.status < 400:
                return response
            error: PrivateShareError = error_of(response)
        except NetworkError as failure:
            error = failure
        if left <= 0 or not _may_pass(error):
            raise error
        left -= 1
        wait = error.retry_after if error.retry_after is not None else pause * random.uniform(0.5, 1.5)  # noqa: S311
        yield Delay(min(wait, LONGEST_PAUSE_SECONDS))
        pause *= 2


def _may_pass(error: PrivateShareError) -> bool:
    """Tell whether an error may pass. A request that is too large does so only if the platform says when to retry."""
    if isinstance(error, NetworkError):
        return True
    return error.status in RETRIED_STATUS and (error.status != TOO_LARGE or error.retry_after is not None)
