"""What drives flows on asyncio."""

import asyncio
from typing import Any, TypeVar

from privateshare.errors import PrivateShareError
from privateshare.sdk import flows
from privateshare.sdk.atransport import AsyncHttpxTransport, AsyncTransport
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow, Newest, Refresh, Request, Sleep
from privateshare.sdk.tokens import UserAccessToken
from privateshare.sdk.workers import finish

T = TypeVar("T")


class AsyncDriver:
    """Does what flows ask for, on asyncio."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._transport: AsyncTransport | None = None
        self._renewals: set[asyncio.Task[UserAccessToken]] = set()

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
        if self._renewals:
            await asyncio.wait(self._renewals)
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    async def refresh(self, token: UserAccessToken) -> UserAccessToken:
        """The newest token of a grant. One that has begun is finished, even if its caller is cancelled."""
        future, ours = self._core.tokens.begin(token)
        if not ours:
            return await asyncio.shield(asyncio.wrap_future(future))
        task = asyncio.create_task(self._renew(token))
        self._renewals.add(task)
        task.add_done_callback(self._renewals.discard)
        return await asyncio.shield(task)

    async def _renew(self, token: UserAccessToken) -> UserAccessToken:
        try:
            new = await self.drive(flows.oauth.refresh(self._core.configuration, self._core.keys, token))
        except BaseException as error:  # whatever it was: others wait for this refresh
            self._core.tokens.end(token, error)
            raise
        try:
            if self._core.on_access_token_change is not None:
                await finish(await asyncio.to_thread(self._core.on_access_token_change, new))
        finally:
            self._core.tokens.end(token, new)
        return new

    async def _perform(self, effect: Request | Newest | Refresh | Sleep) -> Any:
        if isinstance(effect, Request):
            self._transport = self._transport or AsyncHttpxTransport(self._core.configuration.timeout)
            return await self._transport.send(effect)
        if isinstance(effect, Newest):
            return self._core.tokens.newest(effect.token)
        if isinstance(effect, Refresh):
            return await self.refresh(effect.token)
        return await asyncio.sleep(effect.seconds)
