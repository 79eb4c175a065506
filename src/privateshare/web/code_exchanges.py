"""Exchanges of codes for tokens: one for each code, however often a browser repeats its request.

A code that is used a second time revokes the tokens of the first time (protocol 4.2). A browser that reloads the page
before the first response arrives sends its old cookie again. This process therefore remembers which codes it exchanged.
"""

import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, field

from privateshare.web.cookies import Arrived

MAX_REMEMBERED = 10_000


@dataclass
class CodeExchange:
    """The exchange of one code.

    Attributes:
        future: Is done once the exchange has succeeded or failed.
        arrived: The result. It is None before the exchange succeeds, and while or after the app's callback handles it.
    """

    future: Future[None] = field(default_factory=Future)
    arrived: Arrived | None = None


class CodeExchanges:
    """The exchanges of this process, by the state of their requests. The oldest are forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, CodeExchange] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, state: str) -> tuple[CodeExchange, bool]:
        """Return the exchange of a request, and whether the caller has to make it."""
        with self._lock:
            if state in self._known:
                return self._known[state], False
            exchange = self._known[state] = CodeExchange()
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
            return exchange, True

    def succeed(self, exchange: CodeExchange, arrived: Arrived) -> None:
        """Store the result of an exchange, and wake everyone who waits for it."""
        exchange.arrived = arrived
        exchange.future.set_result(None)

    def fail(self, state: str, exchange: CodeExchange, error: BaseException) -> None:
        """Give the error to everyone who waits for the exchange. The next request may try again."""
        with self._lock:
            self._known.pop(state, None)
        exchange.future.set_exception(error)

    def take(self, exchange: CodeExchange) -> Arrived | None:
        """Return the result, only to the first caller, which calls the app's callback with it; None to all others."""
        with self._lock:
            arrived, exchange.arrived = exchange.arrived, None
            return arrived

    def give_back(self, exchange: CodeExchange, arrived: Arrived) -> None:
        """Store the result again for the next request, because the app's callback failed."""
        exchange.arrived = arrived
