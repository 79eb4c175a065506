"""Consent routes for FastAPI and Starlette. Needs `privateshare[fastapi]`.

app.include_router(consent_router(private_share, secret=SECRET, user=current_user, on_token=welcome), prefix="/consent")
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from privateshare import AsyncPrivateShare
from privateshare.errors import InvalidWebhook, PrivateShareError
from privateshare.protocol.webhooks import Webhook
from privateshare.sdk.concurrency.on_asyncio import finished
from privateshare.sdk.consent import PageOptions
from privateshare.web._async.consent_routes import AsyncAppCallbacks, AsyncConsentRoutes
from privateshare.web.cookies import Arrived, CookieFlags, Keeper
from privateshare.web.web_framework import ALREADY_SHARED, not_shared_text, not_used_text
from privateshare.web.webhooks import HANDLED, REFUSED, REFUSED_TEXT, WebhookReceiver, check_length

OnWebhook = Callable[[Webhook], Awaitable[None] | None]
OnToken = Callable[[Request, Arrived], Awaitable[Response]]
OnFailure = Callable[[Request, PrivateShareError], Awaitable[Response]]
OnRepeat = Callable[[Request], Awaitable[Response]]
UserOf = Callable[[Request], Awaitable[str] | str]


async def tell_failure(_request: Request, error: PrivateShareError) -> Response:
    """Respond to a person whose data was not shared, by default."""
    return PlainTextResponse(not_shared_text(error), 400)


async def tell_app_failure(_request: Request, error: PrivateShareError) -> Response:
    """Respond to a person whose data was shared before the app failed, by default."""
    return PlainTextResponse(not_used_text(error), 502)


async def tell_repeat(_request: Request) -> Response:
    """Respond to a person who comes back once more, by default."""
    return PlainTextResponse(ALREADY_SHARED)


def consent_router(
    client: AsyncPrivateShare,
    *,
    secret: str | Sequence[str],
    redirect_uri: str | None = None,
    user: UserOf | None = None,
    on_token: OnToken,
    on_failure: OnFailure | None = None,
    on_repeat: OnRepeat = tell_repeat,
    options: PageOptions | None = None,
) -> APIRouter:
    """Make a router with `start`, which sends a person to the consent page, and `return`, where they come back.

    Args:
        client: The client of your contract.
        secret: 32 characters or more that encrypt the cookies. A list replaces a secret: see `Keeper`.
        redirect_uri: The address of `return` as it is registered with the contract. By default it is built from the
            request, which may be wrong behind a proxy.
        user: Returns your own key of the user who makes a request. Their token is then stored under it in the client's
            `token_store`, if it has one, and no other user can return in their place in the same browser.
        on_token: Responds to a person who agreed. Without a token store it has to keep the token.
        on_failure: Responds to a person who declined or made no request, and when the platform failed.
        on_repeat: Responds to a person who comes back once more, by a reload or the back button.
        options: How the consent pages start.

    Raises:
        ConfigurationError: The secret is too short.
    """

    async def user_of(request: Request) -> str:
        return await finished(user(request)) if user is not None else ""

    failure, app_failure = on_failure or tell_failure, on_failure or tell_app_failure
    callbacks = AsyncAppCallbacks(user_of, on_token, failure, app_failure, on_repeat)
    routes = AsyncConsentRoutes(client, Keeper(secret), _Starlette(redirect_uri), callbacks, options)

    async def start(request: Request) -> Response:
        return await routes.start(request)

    async def come_back(request: Request) -> Response:
        return await routes.come_back(request)

    router = APIRouter(include_in_schema=False)
    router.add_api_route("/start", start, name="privateshare_start")
    router.add_api_route("/return", come_back, name="privateshare_return")
    return router


def webhook_router(*, secret: str | Sequence[str], handlers: Mapping[str, OnWebhook]) -> APIRouter:
    """Make a router with `POST /`, to which the platform sends webhooks. Protocol 16.

    Messages that the platform did not sign, or that are too old, are answered with 400 and never reach a handler. If a
    handler fails, the platform sends the message again. A message may come more than once: remember `Webhook.id`.

    Args:
        secret: The secret that `privateshare webhook add` printed. A list while it is being replaced.
        handlers: A function, or coroutine function, for each event of `WebhookEvent` that you handle; others are
            accepted and ignored. "default" handles all that have none of their own. Answer soon: do long work later.

    Raises:
        ConfigurationError: The secret is malformed, or an event is unknown.
    """
    receiver = WebhookReceiver(secret, handlers)

    async def receive(request: Request) -> Response:
        try:
            check_length(request.headers.get("content-length"))
            webhook = receiver.read(request.headers, await request.body())
        except InvalidWebhook:
            return PlainTextResponse(REFUSED_TEXT, REFUSED)
        handler = receiver.handler(webhook)
        if handler is not None:
            await finished(handler(webhook))
        return Response(status_code=HANDLED)

    router = APIRouter(include_in_schema=False)
    router.add_api_route("/", receive, methods=["POST"], name="privateshare_webhook")
    return router


class _Starlette:
    """Requests and responses of Starlette."""

    def __init__(self, redirect_uri: str | None) -> None:
        self._redirect_uri = redirect_uri

    def url(self, request: Request) -> str:
        return str(request.url)

    def return_address(self, request: Request) -> str:
        return self._redirect_uri or str(request.url_for("privateshare_return"))

    def cookies(self, request: Request) -> Mapping[str, str]:
        return request.cookies

    def redirect(self, url: str) -> Response:
        return RedirectResponse(url, 303)

    def forbid_caching(self, response: Response) -> None:
        response.headers["cache-control"] = "no-store"

    def set_cookie(self, response: Response, name: str, value: str, seconds: int, flags: CookieFlags) -> None:
        response.set_cookie(name, value, max_age=seconds, **flags)

    def delete_cookie(self, response: Response, name: str, flags: CookieFlags) -> None:
        response.delete_cookie(name, **flags)
