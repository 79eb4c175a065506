"""The asyncio client."""

import asyncio
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from privateshare.errors import PrivateShareError
from privateshare.protocol.messages import (
    Account,
    AvailableServices,
    FileHeader,
    FileList,
    SampleDataSet,
    Session,
    SessionOptions,
)
from privateshare.sdk.acalls import AsyncCalls
from privateshare.sdk.core import DEFAULT_BASE_URL, RETRIES, TIMEOUT_SECONDS, Core, OnToken, make_core, new_state
from privateshare.sdk.flow import Done, Effect, Flow, Newest, Refresh, Request, Sleep
from privateshare.sdk.flows import accounts, discovery, oauth, reading
from privateshare.sdk.flows.oauth import AuthorizeUrl, PageOptions, Returned
from privateshare.sdk.flows.reading import Listed
from privateshare.sdk.reading import PARALLEL, Callbacks, OnError, OnFile, OnStatus, Reading
from privateshare.sdk.sinks import File
from privateshare.sdk.tokens import UserAccessToken
from privateshare.sdk.transport import AsyncHttpxTransport, AsyncTransport, bulk_transport
from privateshare.sdk.workers import on_worker

T = TypeVar("T")


class AsyncPrivateShare(AsyncCalls):
    """One application with one contract, on one platform; for asyncio. The calls are those of `PrivateShare`.

    `base_url` is the API's address, by default that of a platform on this machine; `onboard_url` and `storage_url`
    follow from it. `timeout` in seconds, for connecting and between two pieces of an answer. `retries`: how often a
    call that failed for want of a connection or with a passing error is repeated (protocol 13).
    `on_access_token_change` is told every refreshed token, so that you can keep it.
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
        )
        self._transport: AsyncTransport | None = None
        self._bulk: AsyncTransport | None = None

    @classmethod
    def _sharing(cls, core: Core) -> Self:
        client = cls.__new__(cls)
        client._core, client._transport, client._bulk = core, None, None
        return client

    def _telling(self, on_access_token_change: OnToken | None) -> Self:
        """A client with the same keys and tokens that tells a refreshed token to someone else; this one if nobody."""
        if on_access_token_change is None:
            return self
        return self._sharing(replace(self._core, on_access_token_change=on_access_token_change))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.configuration.client_id} at {self._core.configuration.api}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all connections."""
        for transport in (self._transport, self._bulk):
            if transport is not None:
                await transport.close()
        self._transport = self._bulk = None

    async def get_available_services(
        self, *, all_contracts: bool = False, include_sample_data_only_sources: bool = False
    ) -> AvailableServices:
        """The services that a person can connect for this contract, or for any with `all_contracts`. Protocol 9.1."""
        flow = discovery.available_services(
            self._core.configuration,
            all_contracts=all_contracts,
            include_sample_only=include_sample_data_only_sources,
        )
        return await self._drive(flow)

    async def get_service_sample_data_sets(self, source_id: int) -> dict[str, SampleDataSet]:
        """The sample data sets of a source, by the id that `sample_data_set` takes. Protocol 12.2."""
        return await self._drive(discovery.sample_data_sets(self._core.configuration, source_id))

    async def get_authorize_url(
        self,
        redirect_uri: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
        session_options: SessionOptions | None = None,
        user_access_token: UserAccessToken | None = None,
    ) -> AuthorizeUrl:
        """Where to send a person for their consent, and what to keep until they are back. See `PrivateShare`."""
        flow = oauth.authorize(
            self._core.configuration,
            self._core.keys,
            redirect_uri,
            state or new_state(),
            options or PageOptions(),
            reading.with_our_compression(session_options),
            user_access_token.access_token.value if user_access_token else None,
        )
        return await self._drive(flow)

    def read_return(self, url: str, *, state: str | None = None) -> Returned:
        """What the address that a person came back to says. See `PrivateShare`."""
        return oauth.read_return(url, state)

    async def exchange_code_for_token(self, code: str, code_verifier: str) -> UserAccessToken:
        """The user's tokens for this contract, in exchange for the code their browser brought back. Protocol 4.2."""
        return await self._drive(oauth.exchange_code(self._core.configuration, self._core.keys, code, code_verifier))

    async def refresh_token(self, user_access_token: UserAccessToken) -> UserAccessToken:
        """A new pair of tokens. Calls do this by themselves when they need to. Protocol 4.3."""
        return await self._refresh(user_access_token)

    async def read_session(self, user_access_token: UserAccessToken, options: SessionOptions | None = None) -> Session:
        """A new session; the platform begins to fetch. Protocol 5.1."""
        ready = reading.with_our_compression(options)
        return await self._drive(reading.read_session(self._core.configuration, user_access_token, ready))

    async def read_file_list(self, session: Session | str, user_access_token: UserAccessToken) -> FileList:
        """Where a session stands and the files it has so far. Protocol 6.1."""
        flow = reading.read_file_list(self._core.configuration, user_access_token, _key(session))
        return (await self._drive(flow)).files

    async def read_file(
        self,
        session: Session | str,
        name: str,
        user_access_token: UserAccessToken,
        *,
        to: str | os.PathLike[str] | None = None,
    ) -> File:
        """One file, opened and checked; at `to` if given, whatever its size. See `PrivateShare`."""
        path = Path(to) if to is not None else None
        flow = reading.read_file(self._core.configuration, user_access_token, _key(session), name, path)
        return await self._drive(flow)

    async def read_file_metadata(
        self, session: Session | str, name: str, user_access_token: UserAccessToken
    ) -> FileHeader:
        """What there is to know of a file without reading it. Protocol 6.4."""
        flow = reading.read_file_metadata(self._core.configuration, user_access_token, _key(session), name)
        return await self._drive(flow)

    def read_all_files(
        self,
        session: Session | str,
        user_access_token: UserAccessToken,
        *,
        into: str | os.PathLike[str] | None = None,
        on_file_data: OnFile | None = None,
        on_file_error: OnError | None = None,
        on_status_change: OnStatus | None = None,
        on_access_token_change: OnToken | None = None,
        parallel: int = PARALLEL,
    ) -> Reading:
        """Begins to read all files of a session, each as soon as it is there. See `PrivateShare`.

        The handle is an async iterator over the files; `await handle.result()` waits for the end. Callbacks may be
        coroutine functions. Use it in `async with`, or call `close`, if you may leave it early.
        """
        callbacks = Callbacks(on_file_data, on_file_error, on_status_change)
        client = self._telling(on_access_token_change)
        reader = _Reader(client, _key(session), user_access_token, closes=client is not self)
        return Reading(reader, callbacks, Path(into) if into is not None else None, parallel)

    async def read_accounts(self, user_access_token: UserAccessToken) -> list[Account]:
        """The sources that the person connected, as far as this contract may see them. Protocol 7.1."""
        return await self._drive(accounts.read_accounts(self._core.configuration, user_access_token))

    async def _drive(self, flow: Flow[T], *, bulk: bool = False) -> T:
        outcome: Any = None
        failure: PrivateShareError | None = None
        try:
            while True:
                step = partial(self._advance, flow, outcome, failure)
                # what follows a good answer is soon done; what comes before it is a signature
                effect = await on_worker(step) if bulk and outcome is None else step()
                if isinstance(effect, Done):
                    value: T = effect.value
                    return value
                outcome, failure = None, None
                try:
                    outcome = await self._perform(effect, bulk)
                except PrivateShareError as error:
                    failure = error
        finally:
            flow.close()

    def _advance(self, flow: Flow[T], outcome: Any, failure: PrivateShareError | None) -> Effect | Done:
        """Runs a flow until it needs something that takes time."""
        try:
            effect = flow.throw(failure) if failure is not None else flow.send(outcome)
            while isinstance(effect, Newest):
                effect = flow.send(self._core.tokens.newest(effect.token))
        except StopIteration as stop:
            return Done(stop.value)
        return effect

    async def _perform(self, effect: Effect, bulk: bool) -> Any:
        if isinstance(effect, Request):
            return await self._transport_for(bulk).send(effect)
        if isinstance(effect, Refresh):
            return await self._refresh(effect.token)
        if isinstance(effect, Sleep):
            return await asyncio.sleep(effect.seconds)
        raise TypeError(effect)

    def _transport_for(self, bulk: bool) -> AsyncTransport:
        timeout = self._core.configuration.timeout
        if bulk:
            self._bulk = self._bulk or bulk_transport(timeout)
            return self._bulk
        self._transport = self._transport or AsyncHttpxTransport(timeout)
        return self._transport

    async def _refresh(self, token: UserAccessToken) -> UserAccessToken:
        future, ours = self._core.tokens.begin(token)
        if not ours:
            return await asyncio.wrap_future(future)
        try:
            new = await self._drive(oauth.refresh(self._core.configuration, self._core.keys, token))
        except BaseException as error:
            self._core.tokens.end(token, error)
            raise
        self._core.tokens.end(token, new)
        if self._core.on_access_token_change is not None:
            await asyncio.to_thread(self._core.on_access_token_change, new)
        return new


class _Reader:
    """The calls that `Reading` needs, on the transport for many files."""

    def __init__(self, client: AsyncPrivateShare, session_key: str, token: UserAccessToken, *, closes: bool) -> None:
        self._client, self._session_key, self._token, self._closes = client, session_key, token, closes

    async def close(self) -> None:
        if self._closes:
            await self._client.close()

    async def list_files(self, wait: int, known: Listed | None) -> Listed:
        configuration = self._client._core.configuration
        flow = reading.read_file_list(configuration, self._token, self._session_key, wait, known)
        return await self._client._drive(flow)

    async def read(self, name: str, to: Path | None) -> File:
        configuration = self._client._core.configuration
        flow = reading.read_file(configuration, self._token, self._session_key, name, to)
        return await self._client._drive(flow, bulk=True)


def _key(session: Session | str) -> str:
    return session if isinstance(session, str) else session.key
