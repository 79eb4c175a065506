# Generated from `clients/_async/driven_client.py` by `make sync-client`. Do not edit.
"""What all calls of the blocking client share: a core, and a driver that runs their flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from privateshare.sdk.lazy import LazyModule

if TYPE_CHECKING:
    from privateshare.sdk import core, flow
    from privateshare.sdk.drivers._sync import driver
else:
    core = LazyModule("privateshare.sdk.core")
    driver = LazyModule("privateshare.sdk.drivers._sync.driver")
    flow = LazyModule("privateshare.sdk.flow")

T = TypeVar("T")


class DrivenClient:
    """Runs flows. The calls of a client are in the subclasses, one for each chapter of the protocol."""

    _core: core.Core
    _driver: driver.Driver

    def _drive(self, call: flow.Flow[T]) -> T:
        return self._driver.drive(call)
