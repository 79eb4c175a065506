# Generated from `sdk/clients/_async/client.py` by `make sync-client`. Do not edit.
"""The blocking client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from privateshare.sdk.arguments import check_text
from privateshare.sdk.clients._sync.account_calls import AccountCalls
from privateshare.sdk.clients._sync.catalogue_calls import CatalogueCalls
from privateshare.sdk.clients._sync.consent_calls import ConsentCalls
from privateshare.sdk.clients._sync.lazy_modules import (
    call_log,
    core,
    driver,
    file_reader,
    httpx_transport,
    token_stores,
    users,
)
from privateshare.sdk.clients._sync.session_calls import SessionCalls
from privateshare.sdk.clients._sync.storage_calls import StorageCalls
from privateshare.sdk.defaults import DEFAULT_BASE_URL, RETRIES, TIMEOUT_SECONDS
from privateshare.sdk.lazy import load
from privateshare.sdk.tokens import UserAccessToken


class PrivateShare(ConsentCalls, SessionCalls, AccountCalls, CatalogueCalls, StorageCalls):
    """A blocking client for one application with one contract, on one platform. Any number of threads may use it.

    Args:
        application_id: The id of your application, which the platform gave you.
        contract_id: The id of your contract, which the platform gave you.
        private_key: The contract's private key, as a PEM text. It may be as environment variables hold it: in quotes,
            on one line, with the two characters `\\n` for the end of a line.
        base_url: The address of the platform or of its API, which may be below a path. By default it is a platform on
            this machine.
        onboard_url: The address of the consent pages. By default it follows from `base_url`.
        storage_url: The address of the storage. By default it follows from `base_url`.
        timeout: The time limit for connecting, and for each pause while a response is read, in seconds.
        retries: How often a call is repeated that failed without a response, or with an error that may pass.
        on_access_token_change: Called with every refreshed token, so that you can keep it.
        token_store: Where the client keeps the tokens of your users. Then calls take a `user` in place of a token.

    Raises:
        ConfigurationError: An argument is wrong, or the proxy or certificates of the environment cannot be used.

    Besides the errors that a call lists, every call can raise:

    - `NetworkError`: no response arrived, and retries did not help.
    - `InvalidAnswer`: the response does not follow the protocol. `base_url` may be the address of something else.
    - `InvalidClient`, `InvalidJWT`, `InvalidTimestamp`: the platform does not accept who you are, your private key, or
      the clock of this machine.
    - `TooManyRequests`, `Unavailable`, `InternalError`: the platform cannot respond now.
    - `DataUnreadable`: what the platform stored of this person is damaged or lost.
    - `SDKInvalid`, `SDKVersionInvalid`: the operator of the platform has blocked this SDK.
    - `ConfigurationError`: an argument is wrong, or the token store holds something that is not a token of this
      contract.

    Each is an `ApiError` if the platform refused the call, and all are `PrivateShareError`. Protocol 13.
    """

    def __init__(
        self,
        application_id: str,
        *,
        contract_id: str,
        private_key: str,
        base_url: str = DEFAULT_BASE_URL,
        onboard_url: str | None = None,
        storage_url: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
        on_access_token_change: Callable[[UserAccessToken], object] | None = None,
        token_store: token_stores.TokenStore | None = None,
    ) -> None:
        call_log.log_as_environment_says()
        self._core = core.make_core(
            application_id,
            contract_id,
            private_key,
            base_url=base_url,
            onboard_url=onboard_url,
            storage_url=storage_url,
            timeout=timeout,
            retries=retries,
            on_access_token_change=on_access_token_change,
            token_store=token_store,
        )
        self._driver = driver.Driver(self._core, httpx_transport.HttpxTransport(timeout))
        load(file_reader)  # What calls need is imported now, so that the first call does not wait for it.

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.configuration.client_id} at {self._core.configuration.api}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Calls after that raise ConfigurationError. Readings in progress continue."""
        self._driver.close()

    @property
    def has_token_store(self) -> bool:
        """Whether the client has a token store, so that `user()` works."""
        return self._core.token_store is not None

    def user(self, key: str) -> users.User:
        """Return a handle of a user in the token store. Calls take it in place of a token.

        Args:
            key: Your own key of the user, such as an id in your database.

        Returns:
            The handle. Nothing is read or stored yet.

        Raises:
            ConfigurationError: The client has no token store, or the key is not a string.
        """
        check_text("key", key, "your own key of the user, as a string")
        return users.User(key, self._driver.tokens.store())
