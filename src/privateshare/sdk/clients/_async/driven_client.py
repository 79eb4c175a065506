"""What all calls of the asyncio client share: a core, and a driver that runs their flows."""

from __future__ import annotations

from typing import TypeVar

from privateshare.sdk.clients._async.lazy_modules import core, driver, flow

T = TypeVar("T")


class AsyncDrivenClient:
    """Runs flows. The calls of a client are in the subclasses, one for each chapter of the protocol."""

    _core: core.Core
    _driver: driver.AsyncDriver

    async def _drive(self, call: flow.Flow[T]) -> T:
        return await self._driver.drive(call)
