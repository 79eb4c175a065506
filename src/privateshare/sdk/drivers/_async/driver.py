"""The driver of the asyncio client."""

import threading
from typing import Any, TypeVar

from privateshare.errors import ConfigurationError, PrivateShareError
from privateshare.sdk.concurrency.on_asyncio import pause
from privateshare.sdk.core import Core
from privateshare.sdk.drivers._async.token_renewal import AsyncTokenRenewal
from privateshare.sdk.flow import Delay, Done, Flow, ForgetToken, NewestToken, RefreshToken
from privateshare.sdk.http._async.httpx_transport import AsyncHttpxTransport
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.tokens import UserAccessToken

T = TypeVar("T")


class AsyncDriver:
    """Runs flows: sends their requests, waits, and gives them tokens. Several flows may run at once."""

    def __init__(self, core: Core, transport: AsyncHttpxTransport) -> None:
        self._core, self._transport = core, transport
        self.abandoned: threading.Event = transport.abandoned
        self.tokens: AsyncTokenRenewal = AsyncTokenRenewal(core, self._drive_to_end)
        self._is_closed = False

    async def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its value. Raise what it raises, Abandoned, and what `check_open` raises."""
        try:
            self.check_open()
            step = await self.advance(flow, None)
            while not isinstance(step, Done):
                step = await self.advance(flow, await self._outcome(step))
            value: T = step.value
            return value
        finally:
            flow.close()

    async def advance(self, flow: Flow[Any], outcome: Response | PrivateShareError | None) -> Request | Delay | Done:
        """Continue a flow with the outcome of its last step, up to its next step or its end. Raise what it raises."""
        sent: Any = outcome
        try:
            while True:
                effect = flow.throw(sent) if isinstance(sent, PrivateShareError) else flow.send(sent)
                if isinstance(effect, Request | Delay):
                    return effect
                sent = await self._token_outcome(effect)
        except StopIteration as stop:
            return Done(stop.value)

    def check_open(self) -> None:
        """Raise ConfigurationError if the driver is closed."""
        if self._is_closed:
            raise ConfigurationError("This client is closed", hint="Make a new one, or call within its with block")

    async def close(self) -> None:
        """Close all connections, once no token is being refreshed. No flow can begin after that."""
        self._is_closed = True
        await self.tokens.close()
        await self._transport.close()

    async def _outcome(self, step: Request | Delay) -> Response | PrivateShareError | None:
        try:
            if isinstance(step, Request):
                return await self._transport.send(step)
            await pause(step.seconds, self.abandoned)
        except PrivateShareError as error:
            return error
        return None

    async def _token_outcome(
        self, effect: NewestToken | RefreshToken | ForgetToken
    ) -> UserAccessToken | PrivateShareError | None:
        try:
            if isinstance(effect, NewestToken):
                return await self.tokens.newest(effect.holder)
            if isinstance(effect, RefreshToken):
                return await self.tokens.refresh(effect.holder, effect.stale)
            await self.tokens.forget(effect.holder)
        except PrivateShareError as error:
            return error
        return None

    async def _drive_to_end(self, flow: Flow[T]) -> T:
        """Run a refresh. Once it has begun it is finished, because its response replaces tokens that work no longer."""
        return await AsyncDriver(self._core, self._transport.twin()).drive(flow)
