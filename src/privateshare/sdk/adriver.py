"""What drives flows on asyncio."""

import asyncio
from typing import Any, TypeVar

from privateshare.errors import PrivateShareError
from privateshare.sdk.arenewal import AsyncRenewal
from privateshare.sdk.atransport import AsyncHttpxTransport, AsyncTransport
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Effect, Flow, Forget, Newest, Refresh, Request

T = TypeVar("T")


class AsyncDriver:
    """Does what flows ask for, on asyncio."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._transport: AsyncTransport | None = None
        self.tokens: AsyncRenewal = AsyncRenewal(core, self.drive)

    async def drive(self, flow: Flow[T]) -> T:
        """What the flow comes to. Raises what it raises."""
        outcome: Any = None
        try:
            while True:
                effect = flow.throw(outcome) if isinstance(outcome, PrivateShareError) else flow.send(outcome)
                try:
                    outcome = await self._perform(effect)
                except PrivateShareError as error:
                    outcome = error
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            flow.close()

    async def close(self) -> None:
        """Ends all connections, once no token is being refreshed."""
        await self.tokens.close()
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Request):
            self._transport = self._transport or AsyncHttpxTransport(self._core.configuration.timeout)
            return await self._transport.send(effect)
        if isinstance(effect, Newest):
            return await self.tokens.newest(effect.who)
        if isinstance(effect, Refresh):
            return await self.tokens.refresh(effect.who, effect.stale)
        if isinstance(effect, Forget):
            return await self.tokens.forget(effect.who)
        return await asyncio.sleep(effect.seconds)
