"""What drives flows on the thread that calls; for asyncio see `adriver.py`. Else the clients do not differ."""

import threading
from dataclasses import dataclass
from typing import Any, TypeVar

from privateshare.errors import PrivateShareError
from privateshare.sdk.core import Core
from privateshare.sdk.deadlines import Abandoned
from privateshare.sdk.flow import Flow, Forget, Newest, Refresh, Request, Response, Sleep
from privateshare.sdk.renewal import Renewal
from privateshare.sdk.tokens import UserAccessToken
from privateshare.sdk.transport import Transport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """A flow has ended with this value."""

    value: Any


class Driver:
    """Does what flows ask for on the thread that calls; any number of threads may."""

    def __init__(self, core: Core, transport: Transport) -> None:
        self._core, self._transport = core, transport
        self.abandoned: threading.Event = transport.abandoned
        self.tokens: Renewal = Renewal(core, self._drive_steadily)

    def drive(self, flow: Flow[T]) -> T:
        """What the flow comes to. Raises what it raises, and Abandoned."""
        try:
            step = self.advance(flow, None)
            while not isinstance(step, Done):
                step = self.advance(flow, self._done(step))
            value: T = step.value
            return value
        finally:
            flow.close()

    def advance(self, flow: Flow[Any], outcome: Response | PrivateShareError | None) -> Request | Sleep | Done:
        """Goes on with a flow after its last step, up to its next one or its end. Raises what the flow raises."""
        sent: Any = outcome
        try:
            while True:
                effect = flow.throw(sent) if isinstance(sent, PrivateShareError) else flow.send(sent)
                if isinstance(effect, Request | Sleep):
                    return effect
                sent = self._perform(effect)
        except StopIteration as stop:
            return Done(stop.value)

    def close(self) -> None:
        """Ends all connections."""
        self._transport.close()

    def _done(self, step: Request | Sleep) -> Response | PrivateShareError | None:
        if isinstance(step, Sleep):
            if self.abandoned.wait(step.seconds):
                raise Abandoned
            return None
        try:
            return self._transport.send(step)
        except PrivateShareError as error:
            return error

    def _perform(self, effect: Newest | Refresh | Forget) -> UserAccessToken | PrivateShareError | None:
        try:
            if isinstance(effect, Newest):
                return self.tokens.newest(effect.who)
            if isinstance(effect, Refresh):
                return self.tokens.refresh(effect.who, effect.stale)
            self.tokens.forget(effect.who)
        except PrivateShareError as error:
            return error
        return None

    def _drive_steadily(self, flow: Flow[T]) -> T:
        """Drive a refresh: one that has begun is finished, because its answer has what takes the place of the old."""
        return Driver(self._core, self._transport.twin()).drive(flow)
