"""The asyncio client."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from privateshare.sdk import flows
from privateshare.sdk.acalls import AsyncCalls
from privateshare.sdk.adriver import AsyncDriver
from privateshare.sdk.consent import read_return
from privateshare.sdk.core import DEFAULT_BASE_URL, PARALLEL, RETRIES, TIMEOUT_SECONDS, make_core
from privateshare.sdk.workers import on_loop

if TYPE_CHECKING:
    import os

    from privateshare.protocol.discovery import AvailableServices, SampleDataSet
    from privateshare.protocol.messages import Account, FileHeader, FileList, Session, SessionOptions
    from privateshare.sdk.areading import AsyncReading
    from privateshare.sdk.ausers import AsyncUser
    from privateshare.sdk.consent import AuthorizeUrl, PageOptions, Returned
    from privateshare.sdk.core import OnToken
    from privateshare.sdk.flow import Flow
    from privateshare.sdk.run import OnError, OnFile, OnStatus
    from privateshare.sdk.sinks import File, OnProgress
    from privateshare.sdk.stores import AsyncTokenStore, TokenStore
    from privateshare.sdk.tokens import Holder, UserAccessToken

T = TypeVar("T")


class AsyncPrivateShare(AsyncCalls):
    """One application with one contract, on one platform; for asyncio. The calls are those of `PrivateShare`.

    `base_url` is the platform's address or its API's, by default that of a platform on this machine, and may be below a
    path; `onboard_url` and `storage_url` follow from it. `timeout` in seconds, for connecting and between two pieces of
    an answer. `retries`: how often a call that failed for want of a connection or with a passing error is repeated
    (protocol 13). `on_access_token_change` is told every refreshed token, so that you can keep it.
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
        on_access_token_change: OnToken | None = None,
        token_store: TokenStore | AsyncTokenStore | None = None,
    ) -> None:
        self._core = make_core(
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
        self._driver = AsyncDriver(self._core)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.configuration.client_id} at {self._core.configuration.api}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all connections."""
        await self._driver.close()

    @property
    def has_token_store(self) -> bool:
        """Whether the client has a store, and so users."""
        return self._core.token_store is not None

    def user(self, key: str) -> AsyncUser:
        """Return a handle of a user in the token store, by a key of your own. Calls take it in place of a token.

        Raises ConfigurationError if the client has no store.
        """
        from privateshare.sdk.ausers import AsyncUser

        return AsyncUser(key, self._driver.tokens.store())

    async def get_available_services(
        self, *, all_contracts: bool = False, include_sample_data_only_sources: bool = False
    ) -> AvailableServices:
        """The services that a person can connect for this contract, or for any with `all_contracts`. Protocol 9.1."""
        flow = flows.discovery.available_services(
            self._core.configuration,
            all_contracts=all_contracts,
            include_sample_only=include_sample_data_only_sources,
        )
        return await self._drive(flow)

    async def get_service_sample_data_sets(self, source_id: int) -> dict[str, SampleDataSet]:
        """The sample data sets of a source, by the id that `sample_data_set` takes. Protocol 12.2."""
        return await self._drive(flows.discovery.sample_data_sets(self._core.configuration, source_id))

    async def get_authorize_url(
        self,
        redirect_uri: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
        session_options: SessionOptions | None = None,
        user_access_token: Holder | None = None,
    ) -> AuthorizeUrl:
        """Where to send a person for their consent, and what to keep until they are back. See `PrivateShare`."""
        flow = flows.oauth.authorize(
            self._core.configuration,
            self._core.keys,
            redirect_uri,
            state,
            options,
            session_options,
            user_access_token,
        )
        return await self._drive(flow)

    def read_return(self, url: str, *, state: str | None = None) -> Returned:
        """Read the address that a person came back to. See `PrivateShare`."""
        return read_return(url, state)

    async def exchange_code_for_token(self, code: str, code_verifier: str) -> UserAccessToken:
        """The user's tokens for this contract, in exchange for the code their browser brought back. Protocol 4.2."""
        return await self._drive(
            flows.oauth.exchange_code(self._core.configuration, self._core.keys, code, code_verifier)
        )

    async def refresh_token(self, user_access_token: Holder) -> UserAccessToken:
        """A new pair of tokens. Calls do this by themselves when they need to. Protocol 4.3."""
        newest = await self._driver.tokens.newest(user_access_token)
        return await self._driver.tokens.refresh(user_access_token, newest, is_asked=True)

    async def read_session(self, user_access_token: Holder, options: SessionOptions | None = None) -> Session:
        """A new session; the platform begins to fetch. Protocol 5.1."""
        return await self._drive(flows.reading.read_session(self._core.configuration, user_access_token, options))

    async def read_file_list(self, session: Session | str, user_access_token: Holder) -> FileList:
        """Where a session stands and the files it has so far. Protocol 6.1."""
        flow = flows.reading.read_file_list(self._core.configuration, user_access_token, flows.reading.key_of(session))
        return await self._drive(flow)

    async def read_file(
        self,
        session: Session | str,
        name: str,
        user_access_token: Holder,
        *,
        to: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> File:
        """One file, opened and checked; at `to` if given, whatever its size. See `PrivateShare`.

        `on_progress` is called on a worker thread.
        """
        path = Path(to) if to is not None else None
        flow = flows.reading.read_file(
            self._core.configuration, user_access_token, flows.reading.key_of(session), name, path, on_progress
        )
        return await self._drive(flow)

    async def read_file_metadata(self, session: Session | str, name: str, user_access_token: Holder) -> FileHeader:
        """What there is to know of a file without reading it. Protocol 6.4."""
        flow = flows.reading.read_file_metadata(
            self._core.configuration, user_access_token, flows.reading.key_of(session), name
        )
        return await self._drive(flow)

    def read_all_files(
        self,
        session: Session | str,
        user_access_token: Holder,
        *,
        into: str | os.PathLike[str] | None = None,
        on_file_data: OnFile | None = None,
        on_file_error: OnError | None = None,
        on_status_change: OnStatus | None = None,
        on_access_token_change: OnToken | None = None,
        parallel: int = PARALLEL,
        timeout: float | None = None,
    ) -> AsyncReading:
        """Begin to read all files of a session, each as soon as it is there. See `PrivateShare`.

        The handle is an async iterator over the files; `await handle.result()` waits for the end. Callbacks may be
        coroutine functions. Use it in `async with`, or call `close`, if you may leave it early.
        """
        from privateshare.sdk.areading import AsyncReading
        from privateshare.sdk.astores import on_threads
        from privateshare.sdk.run import Callbacks, Run

        tell = on_loop(on_access_token_change or self._core.on_access_token_change)
        store = on_threads(self._core.token_store) if self._core.token_store is not None else None
        begin = partial(
            Run,
            replace(self._core, on_access_token_change=tell, token_store=store),
            session,
            user_access_token,
            Callbacks(on_loop(on_file_data), on_loop(on_file_error), on_loop(on_status_change)),
            Path(into) if into is not None else None,
            parallel,
            timeout,
        )
        return AsyncReading(begin)

    async def read_accounts(self, user_access_token: Holder) -> list[Account]:
        """The sources that the person connected, as far as this contract may see them. Protocol 7.1."""
        return await self._drive(flows.accounts.read_accounts(self._core.configuration, user_access_token))

    async def _drive(self, flow: Flow[T]) -> T:
        return await self._driver.drive(flow)
