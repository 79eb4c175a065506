# Generated from `sdk/clients/_async/driven_client.py` by `make sync-client`. Do not edit.
"""What all calls of the blocking client share: a core, and a driver that runs their flows."""

from __future__ import annotations

from typing import TypeVar

from privateshare.sdk.clients._sync.lazy_modules import core, driver, flow

T = TypeVar("T")


class DrivenClient:
    """Runs flows. The calls of a client are in the subclasses, one for each chapter of the protocol."""

    _core: core.Core
    _driver: driver.Driver

    def _drive(self, call: flow.Flow[T]) -> T:
        return self._driver.drive(call)
