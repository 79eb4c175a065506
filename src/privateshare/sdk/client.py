"""The blocking client."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from privateshare.sdk import flows
from privateshare.sdk.calls import Calls
from privateshare.sdk.consent import read_return
from privateshare.sdk.core import DEFAULT_BASE_URL, PARALLEL, RETRIES, TIMEOUT_SECONDS, make_core
from privateshare.sdk.driver import Driver
from privateshare.sdk.transport import HttpxTransport

if TYPE_CHECKING:
    import os

    from privateshare.protocol.discovery import AvailableServices, SampleDataSet
    from privateshare.protocol.messages import Account, FileHeader, FileList, Session, SessionOptions
    from privateshare.sdk.consent import AuthorizeUrl, PageOptions, Returned
    from privateshare.sdk.core import OnToken
    from privateshare.sdk.flow import Flow
    from privateshare.sdk.reading import Reading
    from privateshare.sdk.run import OnError, OnFile, OnStatus
    from privateshare.sdk.sinks import File, OnProgress
    from privateshare.sdk.stores import TokenStore
    from privateshare.sdk.tokens import Holder, UserAccessToken
    from privateshare.sdk.users import User

T = TypeVar("T")


class PrivateShare(Calls):
    """One application with one contract, on one platform. It may be used from many threads.

    `base_url` is the platform's address or its API's, by default that of a platform on this machine, and may be below a
    path; `onboard_url` and `storage_url` follow from it. `private_key` is the contract's, a PEM text. `timeout` in
    seconds, for connecting and between two pieces of an answer. `retries`: how often a call that failed for want of a
    connection or with a passing error is repeated (protocol 13). `on_access_token_change` is told every refreshed
    token, so that you can keep it.

    Every call raises an `ApiError` when the platform refuses it and `NetworkError` when no answer comes.
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
        token_store: TokenStore | None = None,
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
        self._driver = Driver(self._core, HttpxTransport(timeout))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.configuration.client_id} at {self._core.configuration.api}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections."""
        self._driver.close()

    @property
    def has_token_store(self) -> bool:
        """Whether the client has a store, and so users."""
        return self._core.token_store is not None

    def user(self, key: str) -> User:
        """Return a handle of a user in the token store, by a key of your own. Calls take it in place of a token.

        Raises ConfigurationError if the client has no store.
        """
        from privateshare.sdk.users import User

        return User(key, self._driver.tokens.store())

    def get_available_services(
        self, *, all_contracts: bool = False, include_sample_data_only_sources: bool = False
    ) -> AvailableServices:
        """The services that a person can connect for this contract, or for any with `all_contracts`. Protocol 9.1."""
        flow = flows.discovery.available_services(
            self._core.configuration,
            all_contracts=all_contracts,
            include_sample_only=include_sample_data_only_sources,
        )
        return self._drive(flow)

    def get_service_sample_data_sets(self, source_id: int) -> dict[str, SampleDataSet]:
        """The sample data sets of a source, by the id that `sample_data_set` takes. Protocol 12.2."""
        return self._drive(flows.discovery.sample_data_sets(self._core.configuration, source_id))

    def get_authorize_url(
        self,
        redirect_uri: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
        session_options: SessionOptions | None = None,
        user_access_token: Holder | None = None,
    ) -> AuthorizeUrl:
        """Where to send a person for their consent, and what to keep until they are back.

        `redirect_uri` must be registered with the contract; the person comes back to it (see `read_return`).
        `state` is made if not given. `session_options` are for the session that consent starts. A `user_access_token`
        of the same person, from this or another contract of yours, joins the new grant to the same library.
        Protocol 4.1, 8.

        Raises InvalidRedirectUri, ScopeOutOfBounds, InvalidClient.
        """
        flow = flows.oauth.authorize(
            self._core.configuration,
            self._core.keys,
            redirect_uri,
            state,
            options,
            session_options,
            user_access_token,
        )
        return self._drive(flow)

    def read_return(self, url: str, *, state: str | None = None) -> Returned:
        """Read the address that a person came back to: the `code`, or which account they connected.

        Args:
            url: The whole address, with its query.
            state: The `state` that was sent. Leave it out only if your framework compared it already.

        Raises:
            ConsentDeclined: The person declined (USER_CANCEL).
            ConsentLinkInvalid: The link could not be started, was used before, or has expired.
            SourceNotConnected: Connecting the source failed.
            ConsentPageFailed: The platform failed, or names a reason that is not known here.
            UnexpectedReturn: The state is another, a parameter is there twice, or the address holds no answer.

        All of them are `AuthorizationFailed`, with the platform's `errorCode` as `code`. Protocol 8.3.
        """
        return read_return(url, state)

    def exchange_code_for_token(self, code: str, code_verifier: str) -> UserAccessToken:
        """The user's tokens for this contract, in exchange for the code their browser brought back.

        Raises InvalidToken if the code was used, expired (10 minutes) or belongs to another contract. Protocol 4.2.
        """
        return self._drive(flows.oauth.exchange_code(self._core.configuration, self._core.keys, code, code_verifier))

    def refresh_token(self, user_access_token: Holder) -> UserAccessToken:
        """A new pair of tokens. Calls do this by themselves when they need to.

        Raises InvalidToken if the person has to consent again. Protocol 4.3.
        """
        newest = self._driver.tokens.newest(user_access_token)
        return self._driver.tokens.refresh(user_access_token, newest, is_asked=True)

    def read_session(self, user_access_token: Holder, options: SessionOptions | None = None) -> Session:
        """A new session; the platform begins to fetch what the person's sources have new.

        Raises InvalidToken, ScopeOutOfBounds, InsufficientScope, InvalidContractDataRequest. Protocol 5.1.
        """
        return self._drive(flows.reading.read_session(self._core.configuration, user_access_token, options))

    def read_file_list(self, session: Session | str, user_access_token: Holder) -> FileList:
        """Where a session stands and the files it has so far. Raises InvalidSession. Protocol 6.1."""
        flow = flows.reading.read_file_list(self._core.configuration, user_access_token, flows.reading.key_of(session))
        return self._drive(flow)

    def read_file(
        self,
        session: Session | str,
        name: str,
        user_access_token: Holder,
        *,
        to: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> File:
        """One file, opened and checked; in memory, or written to `to` in constant memory, whole or not at all.

        `on_progress` is told how many bytes of the encrypted file have arrived, and of how many if that is known.
        Raises FileNotFound, FileDecryptionError (another contract's key), FileIntegrityError (cut or changed on the
        way). Protocol 6.3, 6.5.
        """
        path = Path(to) if to is not None else None
        flow = flows.reading.read_file(
            self._core.configuration, user_access_token, flows.reading.key_of(session), name, path, on_progress
        )
        return self._drive(flow)

    def read_file_metadata(self, session: Session | str, name: str, user_access_token: Holder) -> FileHeader:
        """What there is to know of a file without reading it. Raises FileNotFound. Protocol 6.4."""
        flow = flows.reading.read_file_metadata(
            self._core.configuration, user_access_token, flows.reading.key_of(session), name
        )
        return self._drive(flow)

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
    ) -> Reading:
        """Begin to read all files of a session, each as soon as it is there, several at a time.

        Iterate over the handle for the files, or give `on_file_data` and call `result()` to wait for the end.

        Args:
            session: The session that consent began, or one of `read_session`; its key will do.
            user_access_token: Whose data it is.
            into: The folder to write files to. A later run into it fetches only what is missing or newer.
            on_file_data: Is called with each file.
            on_file_error: Is called with each file that cannot be read. The others are read all the same. Without it,
                the loop over the handle raises FilesNotRead at its end; `result()` tells them in either case.
            on_status_change: Is called with the session's status whenever that changes.
            on_access_token_change: Is called with a token that is refreshed meanwhile, in place of the client's own.
            parallel: How many files are read at once.
            timeout: The seconds that all of it may take; after that loop and `result()` raise ReadTimeout.

        Callbacks run on other threads, one at a time. What they raise ends the run. Protocol 5, 6.
        """
        from privateshare.sdk.reading import Reading
        from privateshare.sdk.run import Callbacks, Run

        run = Run(
            replace(self._core, on_access_token_change=on_access_token_change or self._core.on_access_token_change),
            session,
            user_access_token,
            Callbacks(on_file_data, on_file_error, on_status_change),
            Path(into) if into is not None else None,
            parallel,
            timeout,
        )
        return Reading(run)

    def read_accounts(self, user_access_token: Holder) -> list[Account]:
        """The sources that the person connected, as far as this contract may see them. Protocol 7.1."""
        return self._drive(flows.accounts.read_accounts(self._core.configuration, user_access_token))

    def _drive(self, flow: Flow[T]) -> T:
        return self._driver.drive(flow)
