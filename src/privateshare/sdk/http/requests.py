"""One HTTP request, its response, and the receiver of a response's body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from privateshare.sdk.http.response_bodies import MAX_RESPONSE_BYTES
from privateshare.sdk.uploads import Pieces


class BodyReceiver(Protocol):
    """Receives the body of a successful response as it arrives. A call that is retried begins it again."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """Start with a new response. Whatever arrived before is discarded."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""

    def finish(self) -> None:
        """Check and keep the body, which is complete."""

    def abort(self) -> None:
        """Remove what is incomplete. It may be called at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. Headers and body may hold secrets and stay out of `repr`.

    `route` is the path with names in place of ids and keys, which are secrets: it is what logs and errors show.
    `limit` is how many bytes the response may have. It does not apply to a body that goes to a `receiver`.
    """

    method: str
    url: str = field(repr=False)
    route: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Callable[[], Pieces] | None = field(default=None, repr=False)
    receiver: BodyReceiver | None = None
    limit: int = MAX_RESPONSE_BYTES


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. Header names are in lower case. The body is empty if a receiver took it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
