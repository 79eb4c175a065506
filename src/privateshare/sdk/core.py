"""What both clients hold, and do in the same way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privateshare.protocol.addresses import API_PATH, DEFAULT_ORIGIN
from privateshare.sdk.tokens import TokenKeeper, UserAccessToken

if TYPE_CHECKING:
    from privateshare.sdk.configuration import Configuration
    from privateshare.sdk.flows.calls import Keys
    from privateshare.sdk.stores import AsyncTokenStore, TokenStore

TIMEOUT_SECONDS = 60.0  # more than a held answer takes (protocol 6.7)
RETRIES = 2  # protocol 13
PARALLEL = 16  # files that are read at once
DEFAULT_BASE_URL = DEFAULT_ORIGIN + API_PATH

OnToken = Callable[[UserAccessToken], object]


@dataclass(frozen=True)
class Core:
    """Configuration, known keys, newest tokens. Two clients may share one."""

    configuration: Configuration
    on_access_token_change: OnToken | None
    token_store: TokenStore | AsyncTokenStore | None = None
    keys: Keys = field(default_factory=dict)
    tokens: TokenKeeper = field(default_factory=TokenKeeper)
    unsaved: set[str] = field(default_factory=set)  # users whose newest tokens could not be written to the store
    has_warned: threading.Event = field(default_factory=threading.Event)  # that new tokens are not kept


def make_core(
    application_id: str,
    contract_id: str,
    private_key: str,
    *,
    base_url: str,
    onboard_url: str | None,
    storage_url: str | None,
    timeout: float,
    retries: int,
    on_access_token_change: OnToken | None,
    token_store: TokenStore | AsyncTokenStore | None,
) -> Core:
    """A core from a client's arguments. Raises ConfigurationError."""
    from privateshare.sdk import run  # noqa: F401 - what calls need comes with the client, not within its first call
    from privateshare.sdk.configuration import configured

    addresses = {"base_url": base_url, "onboard_url": onboard_url, "storage_url": storage_url}
    configuration = configured(application_id, contract_id, private_key, addresses, timeout, retries)
    return Core(configuration, on_access_token_change, token_store)
