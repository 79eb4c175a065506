"""Codes that were exchanged: each once, however often and fast a browser repeats its request.

A code that is used a second time revokes what it gave (protocol 4.2), and a browser that is reloaded before the first
answer came sends its old cookie again. So this process remembers for which requests it has a token.
"""

import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, field

from privateshare.web.keeping import Arrived

REMEMBERED = 10_000


@dataclass
class Exchange:
    """The exchange of one code. `arrived` is let go once the app has taken it."""

    future: Future[None] = field(default_factory=Future)
    arrived: Arrived | None = None


class Exchanges:
    """The exchanges of this process, by the state of their requests; those of long ago are forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Exchange] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, state: str) -> tuple[Exchange, bool]:
        """Return the exchange of a request, and whether the caller is to do it."""
        with self._lock:
            if state in self._known:
                return self._known[state], False
            exchange = self._known[state] = Exchange()
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return exchange, True

    def succeed(self, exchange: Exchange, arrived: Arrived) -> None:
        """Note what a code gave, and let those go on who wait for it."""
        exchange.arrived = arrived
        exchange.future.set_result(None)

    def fail(self, state: str, exchange: Exchange, error: BaseException) -> None:
        """Let those go on who wait, with the error; the next request may try again."""
        with self._lock:
            self._known.pop(state, None)
        exchange.future.set_exception(error)

    def take(self, exchange: Exchange) -> Arrived | None:
        """Return who arrived, to the one caller that hands it to the app; None if another did."""
        with self._lock:
            arrived, exchange.arrived = exchange.arrived, None
            return arrived

    def give_back(self, exchange: Exchange, arrived: Arrived) -> None:
        """Keep it for the next request: the app failed to take it."""
        exchange.arrived = arrived
