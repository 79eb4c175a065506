"""What both clients hold, and do in the same way."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from privateshare.protocol.addresses import API_PATH, DEFAULT_ORIGIN
from privateshare.sdk.configuration import Configuration, configured
from privateshare.sdk.flows.calls import Keys
from privateshare.sdk.tokens import TokenKeeper, UserAccessToken

TIMEOUT_SECONDS = 60.0  # more than a held answer takes (protocol 6.7)
RETRIES = 2  # protocol 13
DEFAULT_BASE_URL = DEFAULT_ORIGIN + API_PATH

OnToken = Callable[[UserAccessToken], object]


@dataclass(frozen=True)
class Core:
    """Configuration, known keys, newest tokens. Two clients may share one."""

    configuration: Configuration
    on_access_token_change: OnToken | None
    keys: Keys = field(default_factory=dict)
    tokens: TokenKeeper = field(default_factory=TokenKeeper)


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
) -> Core:
    """A core from a client's arguments. Raises ConfigurationError."""
    addresses = {"base_url": base_url, "onboard_url": onboard_url, "storage_url": storage_url}
    return Core(
        configured(application_id, contract_id, private_key, addresses, timeout, retries), on_access_token_change
    )


def new_state() -> str:
    """A state that nobody can guess."""
    return secrets.token_urlsafe(24)
