"""Calls of the asyncio client about consent and tokens."""

from __future__ import annotations

from privateshare.sdk.clients._async.driven_client import AsyncDrivenClient
from privateshare.sdk.clients._async.lazy_modules import messages, oauth, pages
from privateshare.sdk.consent import AuthorizeUrl, PageOptions, PageUrl, Returned, read_return
from privateshare.sdk.tokens import Holder, UserAccessToken


class AsyncConsentCalls(AsyncDrivenClient):
    """Calls about consent and tokens. Protocol 4, 8."""

    async def get_authorize_url(
        self,
        redirect_uri: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
        session_options: messages.SessionOptions | None = None,
        user_access_token: Holder | None = None,
    ) -> AuthorizeUrl:
        """Request a consent page, and return the address where you send the person.

        Keep the result until the person is back: `exchange_code_for_token` needs its `code_verifier`, and
        `read_return` its `state`.

        Args:
            redirect_uri: Where the person comes back to. It must be registered with the contract.
            state: A text that comes back with the person. By default a random one is made.
            options: How the consent pages start.
            session_options: What the session reads that the consent starts.
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
        call = oauth.authorize(self._core, redirect_uri, state, options, session_options, user_access_token)
        return await self._drive(call)

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

    async def exchange_code_for_token(self, code: str, code_verifier: str) -> UserAccessToken:
        """Exchange an authorization code for the user's tokens.

        Args:
            code: `Returned.code`, or the `code` parameter of the address that the person came back to.
            code_verifier: `AuthorizeUrl.code_verifier` of the call that sent this person away.

        Returns:
            Access and refresh token, valid for this contract only.

        Raises:
            InvalidToken: The code was used before, is older than 10 minutes, or belongs to another contract.
            InvalidRequest: The verifier does not match the code.

        Protocol 4.2.
        """
        return await self._drive(oauth.exchange_code(self._core, code, code_verifier))

    async def refresh_token(self, user_access_token: Holder) -> UserAccessToken:
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
        newest = await self._driver.tokens.newest(user_access_token)
        return await self._driver.tokens.refresh(user_access_token, newest, is_asked=True)

    async def get_onboard_service_url(
        self,
        user_access_token: Holder,
        redirect_uri: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
        session_options: messages.SessionOptions | None = None,
    ) -> PageUrl:
        """Request a page where a person who has consented connects one more source.

        Args:
            user_access_token: The user's token, or a user of the token store.
            redirect_uri: Where the person comes back to, without a code. It must be registered with the contract.
            state: A text that comes back with the person. By default a random one is made.
            options: How the page starts.
            session_options: What the session reads that starts once the source is connected.

        Returns:
            The address where you send the person, and the session.

        Raises:
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            InvalidRedirectUri: The redirect URI is not registered with the contract.
            ScopeOutOfBounds: The session options ask for more than the contract allows.

        Protocol 4.4, 8.1.
        """
        call = pages.onboard(self._core, user_access_token, redirect_uri, state, options, session_options)
        return await self._drive(call)

    async def get_reauthorize_account_url(
        self,
        user_access_token: Holder,
        redirect_uri: str,
        account_id: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
    ) -> PageUrl:
        """Request a page where a person signs in to one source again. Use it when an account's error has `reauth`.

        Args:
            user_access_token: The user's token, or a user of the token store.
            redirect_uri: Where the person comes back to, without a code. It must be registered with the contract.
            account_id: The id of the account, as in `Account.id`.
            state: A text that comes back with the person. By default a random one is made.
            options: How the page starts.

        Returns:
            The address where you send the person, and the session that reads the account afterwards.

        Raises:
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            InvalidRedirectUri: The redirect URI is not registered with the contract.

        Protocol 6.1, 7.3.
        """
        call = pages.reauthorize_account(self._core, user_access_token, redirect_uri, state, account_id, options)
        return await self._drive(call)

    async def get_reauthorize_url(
        self,
        user_access_token: Holder,
        redirect_uri: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
        session_options: messages.SessionOptions | None = None,
    ) -> AuthorizeUrl:
        """Request a page where a person renews a grant whose tokens have expired. They come back with a code.

        Args:
            user_access_token: The user's token, which may be expired but must once have been valid.
            redirect_uri: Where the person comes back to. It must be registered with the contract.
            state: A text that comes back with the person. By default a random one is made.
            options: How the page starts.
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
        call = pages.reauthorize(self._core, user_access_token, redirect_uri, state, options, session_options)
        return await self._drive(call)

    async def get_revoke_account_permission_url(
        self, user_access_token: Holder, account_id: str, redirect_uri: str
    ) -> str:
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
        return await self._drive(call)
