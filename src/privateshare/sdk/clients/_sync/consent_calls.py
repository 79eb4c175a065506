# Generated from `sdk/clients/_async/consent_calls.py` by `make sync-client`. Do not edit.
"""Calls of the blocking client about consent and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from privateshare.sdk.arguments import check_kind, check_seconds, optional
from privateshare.sdk.clients._sync.driven_client import DrivenClient
from privateshare.sdk.clients._sync.lazy_modules import loopback, messages, oauth, on_threads, pages
from privateshare.sdk.consent import (
    AuthorizeUrl,
    PageOptions,
    PageUrl,
    Returned,
    SampleDataOptions,
    page_options,
    read_return,
)
from privateshare.sdk.tokens import Holder, UserAccessToken


class ConsentCalls(DrivenClient):
    """Calls about consent and tokens. Protocol 4, 8."""

    def get_authorize_url(
        self,
        callback: str,
        *,
        state: str | None = None,
        service_id: int | None = None,
        sample_data: SampleDataOptions | str | None = None,
        locale: str | None = None,
        source_type: str | None = None,
        include_sample_data_only_sources: bool = False,
        trigger_query: bool | None = None,
        sources_scope: Mapping[str, Any] | None = None,
        storage_id: str | None = None,
        options: PageOptions | None = None,
        session_options: messages.SessionOptions | None = None,
        user_access_token: Holder | None = None,
    ) -> AuthorizeUrl:
        """Request a consent page, and return the address where you send the person.

        Keep the result until the person is back: `exchange_code_for_token` needs its `code_verifier`, and
        `read_return` its `state`.

        Args:
            callback: Where the person comes back to. It must be registered with the contract as a redirect URI.
            state: A text that comes back with the person. By default a random one is made.
            service_id: The source to connect, as in `Service.id`. Without it, the person chooses one.
            sample_data: Sample data to use in place of the person's own: the id of a data set, or `SampleDataOptions`.
            locale: The language of the pages, such as "de". By default it is that of the person's browser.
            source_type: The sources to offer: "pull" to read from, which is the default, or "push" to send to.
            include_sample_data_only_sources: Whether to offer sources that have sample data only.
            trigger_query: Whether the platform fetches data as soon as the source is connected. By default it does.
            sources_scope: Which sources to offer: `{"dataType": ["vaccinations"], "organizationType": "…"}`.
            storage_id: A storage that will belong to the person, as in `Storage.id`.
            options: Options for several calls. Arguments of this call override them.
            session_options: Options of the session that starts with the consent.
            user_access_token: A token of the same person, of this contract or another one of yours. The new grant then
                belongs to the same library.

        Returns:
            The address, the verifier, the state and the session that can be read once the person has agreed.

        Raises:
            InvalidRedirectUri: The redirect URI is not registered with the contract.
            InvalidClient: The application or the contract is unknown, or they do not belong together.
            InvalidToken: The platform does not know `user_access_token`.
            ScopeOutOfBounds: The session options ask for more than the contract allows.
            InvalidRequest: An option or a claim is wrong. The message names it.

        Protocol 4.1, 8.
        """
        page = page_options(
            options,
            service_id=service_id,
            sample_data=sample_data,
            locale=locale,
            source_type=source_type,
            include_sample_data_only_sources=include_sample_data_only_sources,
            trigger_query=trigger_query,
            sources_scope=sources_scope,
        )
        call = oauth.authorize(self._core, callback, state, page, session_options, user_access_token, storage_id)
        return self._drive(call)

    def read_return(self, url: str, *, state: str | None = None) -> Returned:
        """Read the address that a person came back to. Nothing is sent.

        Args:
            url: The whole address, with its query.
            state: The `state` that was sent. Leave it out only if your framework has compared it already.

        Returns:
            The `code` to exchange for tokens, or the account that the person connected.

        Raises:
            ConsentDeclined: The person declined (USER_CANCEL).
            ConsentLinkInvalid: The link could not be started, was used before, or has expired.
            SourceNotConnected: The source could not be connected.
            ConsentPageFailed: The platform failed, or gives a reason that this version does not know.
            UnexpectedReturn: The state differs, a parameter is there twice, or the address has none of the parameters.

        All of them are `AuthorizationFailed`, whose `code` is the platform's `errorCode`. Protocol 8.3.
        """
        return read_return(url, state)

    def wait_for_return(
        self,
        asked: AuthorizeUrl | PageUrl,
        *,
        timeout: float | None = None,
    ) -> Returned:
        """Wait on this machine until the person is back from the consent pages. For programs without a web server.

        The callback of the request must be an address of this machine with a port, such as
        `http://127.0.0.1:8000/return`. This call listens there, and shows the person a page that says to go back.

        Args:
            asked: The result of the call that sent the person away.
            timeout: How many seconds to wait. By default it is as long as a consent link works: half an hour.

        Returns:
            The same as `read_return`: the `code` to exchange for tokens, or the account that the person connected.

        Raises:
            AuthorizationFailed: The person did not come back in time (TIMEOUT). The other errors are subclasses of it.
            ConsentDeclined: The person declined (USER_CANCEL).
            ConsentLinkInvalid: The link could not be started, was used before, or has expired.
            SourceNotConnected: The source could not be connected.
            ConsentPageFailed: The platform failed, or gives a reason that this version does not know.
            UnexpectedReturn: The address has a parameter twice, or says neither that the person agreed nor otherwise.
            ConfigurationError: The callback is not an address of this machine, or its port is in use.

        Protocol 8.3.
        """
        check_kind("asked", asked, (AuthorizeUrl, PageUrl), "the result of get_authorize_url(…)")
        optional(check_seconds, "timeout", timeout)
        seconds = loopback.WAIT_SECONDS if timeout is None else timeout
        with loopback.LoopbackServer(asked.callback) as server:
            try:
                url = on_threads.outcome_within(server.returned(asked.state), seconds)
            except TimeoutError as error:
                raise loopback.did_not_return(seconds) from error
        return read_return(url, asked.state)

    def exchange_code_for_token(self, authorization_code: str, code_verifier: str) -> UserAccessToken:
        """Exchange an authorization code for the user's tokens.

        Args:
            authorization_code: `Returned.code`, or the `code` parameter of the address that the person came back to.
            code_verifier: `AuthorizeUrl.code_verifier` of the call that sent this person away.

        Returns:
            Access and refresh token, valid for this contract only.

        Raises:
            InvalidToken: The code was used before, is older than 10 minutes, or belongs to another contract.
            InvalidRequest: The verifier does not match the code.

        Protocol 4.2.
        """
        return self._drive(oauth.exchange_code(self._core, authorization_code, code_verifier))

    def refresh_token(self, user_access_token: Holder) -> UserAccessToken:
        """Refresh a user's tokens. Calls do this by themselves when it is needed.

        Args:
            user_access_token: The user's token, or a user of the token store.

        Returns:
            The new pair of tokens. The old refresh token works for one more minute.

        Raises:
            InvalidToken: The refresh token has expired or was revoked, so the person has to consent again.
            UnknownUser: The token store has no token of this user.

        Protocol 4.3.
        """
        self._driver.check_open()
        newest = self._driver.tokens.newest(user_access_token)
        return self._driver.tokens.refresh(user_access_token, newest, is_asked=True)

    def get_onboard_service_url(
        self,
        user_access_token: Holder,
        callback: str,
        *,
        state: str | None = None,
        service_id: int | None = None,
        sample_data: SampleDataOptions | str | None = None,
        locale: str | None = None,
        source_type: str | None = None,
        include_sample_data_only_sources: bool = False,
        trigger_query: bool | None = None,
        sources_scope: Mapping[str, Any] | None = None,
        options: PageOptions | None = None,
        session_options: messages.SessionOptions | None = None,
    ) -> PageUrl:
        """Request a page where a person who has consented connects one more source.

        Args:
            user_access_token: The user's token, or a user of the token store.
            callback: Where the person comes back to, without a code. It must be registered with the contract.
            state: A text that comes back with the person. By default a random one is made.
            service_id: The source to connect, as in `Service.id`. Without it, the person chooses one.
            sample_data: Sample data to use in place of the person's own: the id of a data set, or `SampleDataOptions`.
            locale: The language of the pages, such as "de". By default it is that of the person's browser.
            source_type: The sources to offer: "pull" to read from, which is the default, or "push" to send to.
            include_sample_data_only_sources: Whether to offer sources that have sample data only.
            trigger_query: Whether the platform fetches data as soon as the source is connected. By default it does.
            sources_scope: Which sources to offer: `{"dataType": ["vaccinations"], "organizationType": "…"}`.
            options: Options for several calls. Arguments of this call override them.
            session_options: What the session reads that starts once the source is connected.

        Returns:
            The address where you send the person, the state and the session.

        Raises:
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            InvalidRedirectUri: The redirect URI is not registered with the contract.
            ScopeOutOfBounds: The session options ask for more than the contract allows.

        Protocol 4.4, 8.1.
        """
        page = page_options(
            options,
            service_id=service_id,
            sample_data=sample_data,
            locale=locale,
            source_type=source_type,
            include_sample_data_only_sources=include_sample_data_only_sources,
            trigger_query=trigger_query,
            sources_scope=sources_scope,
        )
        call = pages.onboard(self._core, user_access_token, callback, state, page, session_options)
        return self._drive(call)

    def get_reauthorize_account_url(
        self,
        user_access_token: Holder,
        callback: str,
        account_id: str,
        *,
        state: str | None = None,
        locale: str | None = None,
        options: PageOptions | None = None,
    ) -> PageUrl:
        """Request a page where a person signs in to one source again. Use it when an account's error has `reauth`.

        Args:
            user_access_token: The user's token, or a user of the token store.
            callback: Where the person comes back to, without a code. It must be registered with the contract.
            account_id: The id of the account, as in `Account.id`.
            state: A text that comes back with the person. By default a random one is made.
            locale: The language of the pages, such as "de". By default it is that of the person's browser.
            options: Options for several calls. Arguments of this call override them.

        Returns:
            The address where you send the person, and the session that reads the account afterwards. Whether there is
            such an account is checked only when the person opens it.

        Raises:
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            InvalidRedirectUri: The redirect URI is not registered with the contract.

        Protocol 6.1, 7.3.
        """
        page = page_options(options, locale=locale)
        call = pages.reauthorize_account(self._core, user_access_token, callback, state, account_id, page)
        return self._drive(call)

    def get_reauthorize_url(
        self,
        user_access_token: Holder,
        callback: str,
        *,
        state: str | None = None,
        locale: str | None = None,
        trigger_query: bool | None = None,
        options: PageOptions | None = None,
        session_options: messages.SessionOptions | None = None,
    ) -> AuthorizeUrl:
        """Request a page where a person renews a grant whose tokens have expired. The person comes back with a code.

        Args:
            user_access_token: The user's token, which may be expired but must once have been valid.
            callback: Where the person comes back to. It must be registered with the contract.
            state: A text that comes back with the person. By default a random one is made.
            locale: The language of the pages, such as "de". By default it is that of the person's browser.
            trigger_query: Whether the platform fetches data once the grant is renewed. By default it does.
            options: Options for several calls. Arguments of this call override them.
            session_options: What the session reads that the renewal starts.

        Returns:
            The address, the verifier, the state and the session, as from `get_authorize_url`.

        Raises:
            InvalidToken: The token was revoked or never existed.
            UnknownUser: The token store has no token of this user.
            InvalidRedirectUri: The redirect URI is not registered with the contract.
            ScopeOutOfBounds: The session options ask for more than the contract allows.

        Protocol 4.4, 8.1.
        """
        page = page_options(options, locale=locale, trigger_query=trigger_query)
        call = pages.reauthorize(self._core, user_access_token, callback, state, page, session_options)
        return self._drive(call)

    def get_revoke_account_permission_url(self, user_access_token: Holder, account_id: str, redirect_uri: str) -> str:
        """Request the address where a person withdraws what they granted at a source.

        Args:
            user_access_token: The user's token, or a user of the token store.
            account_id: The id of the account, as in `Account.id`.
            redirect_uri: Where the person comes back to. It must be registered with the contract.

        Returns:
            The address where you send the person.

        Raises:
            NotFound: There is no such account, or this contract cannot see it.
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            InvalidRedirectUri: The redirect URI is not registered with the contract.

        Protocol 7.4.
        """
        call = pages.revoke_account_permission(self._core, user_access_token, account_id, redirect_uri)
        return self._drive(call)
