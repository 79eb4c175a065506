"""The consent routes of web apps on asyncio, for any framework."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from privateshare import AsyncPrivateShare
from privateshare.errors import AuthorizationFailed, PrivateShareError, UnexpectedReturn
from privateshare.sdk.arguments import check_callback, check_kind, optional
from privateshare.sdk.concurrency.on_asyncio import outcome
from privateshare.sdk.consent import PageOptions
from privateshare.web.code_exchanges import CodeExchange, CodeExchanges
from privateshare.web.cookies import (
    ENDED_SECONDS,
    LIFETIME_SECONDS,
    SHARED,
    Arrived,
    ConsentRequest,
    Keeper,
    cookie_flags,
    cookie_name,
    state_in,
)
from privateshare.web.web_framework import WebFramework

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


@dataclass(frozen=True, slots=True)
class AsyncAppCallbacks(Generic[RequestT, ResponseT]):
    """What the app does with people who come back.

    `on_failure` responds to a person whose data was not shared, and `on_app_failure` to one whose data was shared
    before the app failed.
    """

    user: Callable[[RequestT], Awaitable[str]]
    on_token: Callable[[RequestT, Arrived], Awaitable[ResponseT]]
    on_failure: Callable[[RequestT, PrivateShareError], Awaitable[ResponseT]]
    on_app_failure: Callable[[RequestT, PrivateShareError], Awaitable[ResponseT]]
    on_repeat: Callable[[RequestT], Awaitable[ResponseT]]


class AsyncConsentRoutes(Generic[RequestT, ResponseT]):
    """The two routes: `start` sends a person to the consent page, and `come_back` is where they return."""

    def __init__(
        self,
        client: AsyncPrivateShare,
        keeper: Keeper,
        framework: WebFramework[RequestT, ResponseT],
        callbacks: AsyncAppCallbacks[RequestT, ResponseT],
        options: PageOptions | None,
    ) -> None:
        check_kind("client", client, AsyncPrivateShare, "a client of the class " + AsyncPrivateShare.__name__)
        optional(check_kind, "options", options, PageOptions, "PageOptions(…)")
        for name in ("on_token", "on_failure", "on_repeat"):
            check_callback(name, getattr(callbacks, name), required=True)
        self._client, self._keeper, self._framework = client, keeper, framework
        self._callbacks, self._options = callbacks, options
        self._exchanges = CodeExchanges()

    async def start(self, request: RequestT) -> ResponseT:
        """Redirect a person to the consent page, and set the cookie of this request."""
        framework, address = self._framework, self._framework.return_address(request)
        try:
            asked = await self._client.get_authorize_url(address, options=self._options)
        except PrivateShareError as error:
            return await self._callbacks.on_failure(request, error)
        response = framework.redirect(asked.url)
        framework.forbid_caching(response)
        flags = cookie_flags(address)
        for name in self._keeper.excess_cookies(framework.cookies(request)):
            framework.delete_cookie(response, name, flags)
        value = self._keeper.keep(asked, await self._callbacks.user(request))
        framework.set_cookie(response, cookie_name(address, asked.state), value, LIFETIME_SECONDS, flags)
        return response

    async def come_back(self, request: RequestT) -> ResponseT:
        """Respond to a person who comes back, and remember in the cookie how the request ended."""
        framework, address = self._framework, self._framework.return_address(request)
        state = state_in(framework.url(request))
        name = cookie_name(address, state)
        ended: str | None = None
        try:
            user = await self._callbacks.user(request)
            asked = self._keeper.kept(framework.cookies(request).get(name), state, user)
            response, ending = await self._respond(request, asked, user)
            ended = self._keeper.ended(asked, ending) if ending and ending != asked.outcome else None
        except PrivateShareError as error:
            response = await self._callbacks.on_failure(request, error)
        framework.forbid_caching(response)
        if ended is not None:
            framework.set_cookie(response, name, ended, ENDED_SECONDS, cookie_flags(address))
        return response

    async def _respond(self, request: RequestT, asked: ConsentRequest, user: str) -> tuple[ResponseT, str]:
        """Respond to a person, and return how the request ended: "" if it has not, so that they may try again."""
        if asked.outcome == SHARED:
            return await self._callbacks.on_repeat(request), SHARED
        try:
            asked.check_open()
            exchange = await self._exchange(request, asked, user)
        except UnexpectedReturn:
            raise
        except AuthorizationFailed as error:
            return await self._callbacks.on_failure(request, error), error.code
        arrived = self._exchanges.take(exchange)
        if arrived is None:
            return await self._callbacks.on_repeat(request), SHARED
        try:
            return await self._callbacks.on_token(request, arrived), SHARED
        except PrivateShareError as error:
            if self._is_stored(user):
                return await self._callbacks.on_app_failure(request, error), SHARED
            self._exchanges.give_back(exchange, arrived)
            return await self._callbacks.on_app_failure(request, error), ""
        except BaseException:  # A cancelled request too must leave its token to the next one.
            self._exchanges.give_back(exchange, arrived)
            raise

    async def _exchange(self, request: RequestT, asked: ConsentRequest, user: str) -> CodeExchange:
        """Exchange the code for a token, once for each request for consent. Raise what the SDK raises."""
        returned = self._client.read_return(self._framework.url(request), state=asked.state)
        exchange, is_ours = self._exchanges.begin(asked.state)
        if not is_ours:
            await outcome(exchange.future)
            return exchange
        try:
            token = await self._client.exchange_code_for_token(returned.code, asked.verifier)
            if self._is_stored(user):
                await self._client.user(user).keep(token)
        except BaseException as error:  # Other requests wait for this exchange, even if this one is cancelled.
            self._exchanges.fail(asked.state, exchange, error)
            raise
        self._exchanges.succeed(exchange, Arrived(token, asked.session, returned.account_reference, user))
        return exchange

    def _is_stored(self, user: str) -> bool:
        """Tell whether a person's token is in the client's store, whatever the app does with it."""
        return bool(user) and self._client.has_token_store
