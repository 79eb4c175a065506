"""Consent routes for FastAPI and Starlette. Needs `privateshare[fastapi]`.

app.include_router(consent_router(private_share, secret=SECRET, on_token=remember), prefix="/consent")
"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from privateshare.errors import PrivateShareError
from privateshare.sdk.aclient import AsyncPrivateShare
from privateshare.sdk.consent import PageOptions
from privateshare.web.keeping import LIFETIME_SECONDS, NO_STORE, Arrived, Keeper, cookie_flags, cookie_name

OnToken = Callable[[Request, Arrived], Awaitable[Response]]
OnFailure = Callable[[Request, PrivateShareError], Awaitable[Response]]


async def tell_failure(_request: Request, error: PrivateShareError) -> Response:
    """What a person sees by default when it did not work."""
    return PlainTextResponse(f"The data was not shared ({error.code}).", 400)


def consent_router(
    client: AsyncPrivateShare,
    *,
    secret: str,
    redirect_uri: str | None = None,
    on_token: OnToken,
    on_failure: OnFailure = tell_failure,
    options: PageOptions | None = None,
) -> APIRouter:
    """A router with `start`, which sends the person's browser to the consent page, and `return`, where it comes back.

    `redirect_uri`: the address of `return` as it is registered with the contract; by default what the request says,
    which behind a proxy may not be what people's browsers see. `on_token` keeps the token and answers the person;
    `on_failure` answers one who declined, whose browser was not the one that was asked, or whom the platform failed.
    """
    keeper = Keeper(secret)
    router = APIRouter(include_in_schema=False)

    def return_address(request: Request) -> str:
        return redirect_uri or str(request.url_for("privateshare_return"))

    @router.get("/start", name="privateshare_start")
    async def start(request: Request) -> Response:
        address = return_address(request)
        try:
            asked = await client.get_authorize_url(address, options=options)
        except PrivateShareError as error:
            return await on_failure(request, error)
        response = RedirectResponse(asked.url, 303)
        response.headers["cache-control"] = NO_STORE
        name, flags = cookie_name(address), cookie_flags(address)
        response.set_cookie(name, keeper.keep(asked), max_age=LIFETIME_SECONDS, **flags)
        return response

    @router.get("/return", name="privateshare_return")
    async def come_back(request: Request) -> Response:
        address = return_address(request)
        try:
            response = await on_token(request, await _arrived(client, keeper, request, cookie_name(address)))
        except PrivateShareError as error:
            response = await on_failure(request, error)
        response.headers["cache-control"] = NO_STORE
        response.delete_cookie(cookie_name(address), **cookie_flags(address))
        return response

    return router


async def _arrived(client: AsyncPrivateShare, keeper: Keeper, request: Request, cookie: str) -> Arrived:
    kept = keeper.kept(request.cookies.get(cookie))
    returned = client.read_return(str(request.url), state=kept.state)
    token = await client.exchange_code_for_token(returned.code, kept.verifier)
    return Arrived(token, kept.session, returned.account_reference)
