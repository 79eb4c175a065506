# Generated from `sdk/drivers/_async/driver.py` by `make sync-client`. Do not edit.
"""The driver of the blocking client."""

import threading
from typing import Any, TypeVar

from privateshare.errors import ConfigurationError, PrivateShareError
from privateshare.sdk.concurrency.on_threads import pause
from privateshare.sdk.core import Core
from privateshare.sdk.drivers._sync.token_renewal import TokenRenewal
from privateshare.sdk.flow import Delay, Done, Flow, ForgetToken, NewestToken, RefreshToken
from privateshare.sdk.http._sync.httpx_transport import HttpxTransport
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.tokens import UserAccessToken

T = TypeVar("T")


class Driver:
    """Runs flows: sends their requests, waits, and gives them tokens. Several flows may run at once."""

    def __init__(self, core: Core, transport: HttpxTransport) -> None:
        self._core, self._transport = core, transport
        self.abandoned: threading.Event = transport.abandoned
        self.tokens: TokenRenewal = TokenRenewal(core, self._drive_to_end)
        self._is_closed = False

    def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its value. Raise what it raises, Abandoned, and what `check_open` raises."""
        try:
            self.check_open()
            step = self.advance(flow, None)
            while not isinstance(step, Done):
                step = self.advance(flow, self._outcome(step))
            value: T = step.value
            return value
        finally:
            flow.close()

    def advance(self, flow: Flow[Any], outcome: Response | PrivateShareError | None) -> Request | Delay | Done:
        """Continue a flow with the outcome of its last step, up to its next step or its end. Raise what it raises."""
        sent: Any = outcome
        try:
            while True:
                effect = flow.throw(sent) if isinstance(sent, PrivateShareError) else flow.send(sent)
                if isinstance(effect, Request | Delay):
                    return effect
                sent = self._token_outcome(effect)
        except StopIteration as stop:
            return Done(stop.value)

    def check_open(self) -> None:
        """Raise ConfigurationError if the driver is closed."""
        if self._is_closed:
            raise ConfigurationError("This client is closed", hint="Make a new one, or call within its with block")

    def close(self) -> None:
        """Close all connections, once no token is being refreshed. No flow can begin after that."""
        self._is_closed = True
        self.tokens.close()
        self._transport.close()

    def _outcome(self, step: Request | Delay) -> Response | PrivateShareError | None:
        try:
            if isinstance(step, Request):
                return self._transport.send(step)
            pause(step.seconds, self.abandoned)
        except PrivateShareError as error:
            return error
        return None

    def _token_outcome(
        self, effect: NewestToken | RefreshToken | ForgetToken
    ) -> UserAccessToken | PrivateShareError | None:
        try:
            if isinstance(effect, NewestToken):
                return self.tokens.newest(effect.holder)
            if isinstance(effect, RefreshToken):
                return self.tokens.refresh(effect.holder, effect.stale)
            self.tokens.forget(effect.holder)
        except PrivateShareError as error:
            return error
        return None

    def _drive_to_end(self, flow: Flow[T]) -> T:
        """Run a refresh. Once it has begun it is finished, because its response replaces tokens that work no longer."""
        return Driver(self._core, self._transport.twin()).drive(flow)
