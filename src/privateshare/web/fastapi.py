"""Consent routes for FastAPI and Starlette. Needs `privateshare[fastapi]`.

app.include_router(consent_router(private_share, secret=SECRET, user=current_user, on_token=welcome), prefix="/consent")
"""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from privateshare import AsyncPrivateShare
from privateshare.errors import AuthorizationFailed, PrivateShareError, UnexpectedReturn
from privateshare.sdk.concurrency.on_asyncio import finished
from privateshare.sdk.consent import PageOptions
from privateshare.web.exchanges import Exchange, Exchanges
from privateshare.web.keeping import (
    ALREADY_SHARED,
    ENDED_SECONDS,
    LIFETIME_SECONDS,
    NO_STORE,
    SHARED,
    Arrived,
    Asked,
    Keeper,
    cookie_flags,
    cookie_name,
    state_in,
)

OnToken = Callable[[Request, Arrived], Awaitable[Response]]
OnFailure = Callable[[Request, PrivateShareError], Awaitable[Response]]
OnRepeat = Callable[[Request], Awaitable[Response]]
UserOf = Callable[[Request], Awaitable[str] | str]


async def tell_failure(_request: Request, error: PrivateShareError) -> Response:
    """What a person sees by default when it did not work."""
    return PlainTextResponse(f"The data was not shared ({error.code}).", 400)


async def tell_trouble(_request: Request, error: PrivateShareError) -> Response:
    """What a person sees by default when they shared their data, and the app then failed."""
    return PlainTextResponse(f"The data was shared, but could not be used now ({error.code}).", 502)


async def tell_repeat(_request: Request) -> Response:
    """What a person sees by default when they come back once more, by a reload or the back button."""
    return PlainTextResponse(ALREADY_SHARED)


def consent_router(
    client: AsyncPrivateShare,
    *,
    secret: str,
    redirect_uri: str | None = None,
    user: UserOf | None = None,
    on_token: OnToken,
    on_failure: OnFailure | None = None,
    on_repeat: OnRepeat = tell_repeat,
    options: PageOptions | None = None,
) -> APIRouter:
    """Make a router with `start`, which sends a person to the consent page, and `return`, where they come back.

    Args:
        client: The SDK.
        secret: 32 characters or more, with which cookies are sealed.
        redirect_uri: The address of `return` as it is registered with the contract; by default what the request says,
            which behind a proxy may not be what people's browsers see.
        user: Says who of the app's users makes a request, by a key of your own. Their token is kept in the client's
            `token_store` under it, if it has one; and nobody else comes back in their place in the same browser.
        on_token: Answers a person who agreed. Without a store it keeps the token.
        on_failure: Answers one who declined, whose browser was not the one that was asked, or whom the platform failed.
        on_repeat: Answers one who comes back once more, by a reload or the back button: they have shared already.
        options: How the consent pages begin.
    """
    routes = _Routes(client, Keeper(secret), redirect_uri, user, on_token, on_failure, on_repeat, options)
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/start", routes.start, name="privateshare_start")
    router.add_api_route("/return", routes.come_back, name="privateshare_return")
    return router


class _Routes:
    def __init__(
        self,
        client: AsyncPrivateShare,
        keeper: Keeper,
        redirect_uri: str | None,
        user: UserOf | None,
        on_token: OnToken,
        on_failure: OnFailure | None,
        on_repeat: OnRepeat,
        options: PageOptions | None,
    ) -> None:
        self._client, self._keeper, self._redirect_uri, self._user = client, keeper, redirect_uri, user
        self._on_token, self._on_failure, self._on_repeat = on_token, on_failure or tell_failure, on_repeat
        self._on_trouble, self._options = on_failure or tell_trouble, options
        self._exchanges = Exchanges()

    async def start(self, request: Request) -> Response:
        address = self._return_address(request)
        try:
            asked = await self._client.get_authorize_url(address, options=self._options)
        except PrivateShareError as error:
            return await self._on_failure(request, error)
        response = RedirectResponse(asked.url, 303)
        response.headers["cache-control"] = NO_STORE
        name, flags = cookie_name(address, asked.state), cookie_flags(address)
        for old in self._keeper.too_many(request.cookies):
            response.delete_cookie(old, **flags)
        value = self._keeper.keep(asked, await self._user_of(request))
        response.set_cookie(name, value, max_age=LIFETIME_SECONDS, **flags)
        return response

    async def come_back(self, request: Request) -> Response:
        address, state = self._return_address(request), state_in(str(request.url))
        name, flags = cookie_name(address, state), cookie_flags(address)
        ended: str | None = None
        try:
            user = await self._user_of(request)
            asked = self._keeper.kept(request.cookies.get(name), state, user)
            response, outcome = await self._answer(request, asked, user)
            ended = self._keeper.ended(asked, outcome) if outcome and outcome != asked.outcome else None
        except PrivateShareError as error:
            response = await self._on_failure(request, error)
        response.headers["cache-control"] = NO_STORE
        if ended is not None:
            response.set_cookie(name, ended, max_age=ENDED_SECONDS, **flags)
        return response

    async def _answer(self, request: Request, asked: Asked, user: str) -> tuple[Response, str]:
        """Answer a person, and say how it ended: "" if it has not, so that they may try again."""
        if asked.outcome == SHARED:
            return await self._on_repeat(request), SHARED
        try:
            asked.check_open()
            exchange = await self._exchanged(request, asked, user)
        except UnexpectedReturn:
            raise
        except AuthorizationFailed as error:
            return await self._on_failure(request, error), error.code
        arrived = self._exchanges.take(exchange)
        if arrived is None:
            return await self._on_repeat(request), SHARED
        try:
            return await self._on_token(request, arrived), SHARED
        except PrivateShareError as error:
            if self._is_kept(arrived):
                return await self._on_trouble(request, error), SHARED
            self._exchanges.give_back(exchange, arrived)
            return await self._on_trouble(request, error), ""
        except BaseException:
            self._exchanges.give_back(exchange, arrived)
            raise

    async def _exchanged(self, request: Request, asked: Asked, user: str) -> Exchange:
        """Exchange the code for a token, once for each request for consent. Raises what the SDK raises."""
        returned = self._client.read_return(str(request.url), state=asked.state)
        exchange, ours = self._exchanges.begin(asked.state)
        if not ours:
            await asyncio.shield(asyncio.wrap_future(exchange.future))
            return exchange
        try:
            token = await self._client.exchange_code_for_token(returned.code, asked.verifier)
            arrived = Arrived(token, asked.session, returned.account_reference, user)
            if self._is_kept(arrived):
                await self._client.user(user).keep(token)
        except BaseException as error:
            self._exchanges.fail(asked.state, exchange, error)
            raise
        self._exchanges.succeed(exchange, arrived)
        return exchange

    def _is_kept(self, arrived: Arrived) -> bool:
        """Whether the token of a person is in the client's store, whatever the app does with it."""
        return bool(arrived.user) and self._client.has_token_store

    async def _user_of(self, request: Request) -> str:
        return await finished(self._user(request)) if self._user is not None else ""

    def _return_address(self, request: Request) -> str:
        return self._redirect_uri or str(request.url_for("privateshare_return"))
