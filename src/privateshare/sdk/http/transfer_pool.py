"""Pools of transfers, for reading many files: requests go in with `start`, and outcomes come out with `finished`."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from privateshare.errors import PrivateShareError
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.http.transport import BlockingTransport

T = TypeVar("T")
Outcome = Response | PrivateShareError | Exception


class TransferPool(Protocol[T]):
    """Transfers files for one thread, up to `at_once` at a time."""

    at_once: int

    def start(self, request: Request, tag: T) -> None:
        """Send a GET whose body goes to the request's receiver. `tag` is returned with the outcome."""

    def finished(self, seconds: float) -> Sequence[tuple[T, Outcome]]:
        """Return the outcomes of finished transfers, and wait some seconds for the first.

        An exception that a receiver raises is the outcome of its transfer.
        """

    def close(self) -> None:
        """Close all connections of the pool."""


class SingleTransferPool(Generic[T]):
    """One transfer at a time, through a transport that others use too and whose owner closes it."""

    at_once = 1

    def __init__(self, transport: BlockingTransport) -> None:
        self._transport = transport
        self._finished: list[tuple[T, Outcome]] = []

    def start(self, request: Request, tag: T) -> None:
        """Send a request, and wait for its response."""
        try:
            self._finished.append((tag, self._transport.send(request)))
        except Exception as error:  # noqa: BLE001 - Whatever it is, it is the outcome of this request.
            self._finished.append((tag, error))

    def finished(self, seconds: float) -> Sequence[tuple[T, Outcome]]:
        """Return the outcome of the request that was started."""
        del seconds
        finished, self._finished = self._finished, []
        return finished

    def close(self) -> None:
        """Do nothing: the owner of the transport closes it."""
