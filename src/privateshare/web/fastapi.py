"""Consent routes for FastAPI and Starlette. Needs `privateshare[fastapi]`.

app.include_router(consent_router(private_share, secret=SECRET, on_token=remember), prefix="/consent")
"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from privateshare.errors import PrivateShareError
from privateshare.sdk.aclient import AsyncPrivateShare
from privateshare.sdk.flows.oauth import PageOptions
from privateshare.web.keeping import COOKIE, LIFETIME_SECONDS, Arrived, Keeper

OnToken = Callable[[Request, Arrived], Awaitable[Response]]
OnFailure = Callable[[Request, PrivateShareError], Awaitable[Response]]


async def tell_failure(_request: Request, error: PrivateShareError) -> Response:
    """What a person sees by default when it did not work."""
    return PlainTextResponse(f"The data was not shared ({error.code}).", 400)


def consent_router(
    client: AsyncPrivateShare,
    *,
    secret: str,
    on_token: OnToken,
    on_failure: OnFailure = tell_failure,
    options: PageOptions | None = None,
) -> APIRouter:
    """A router with `start`, which sends the person's browser to the consent page, and `return`, where it comes back.

    Register the address of `return` with the contract. `on_token` keeps the token and answers the person; `on_failure`
    answers one who declined, or whose browser was not the one that was asked.
    """
    keeper = Keeper(secret)
    router = APIRouter(include_in_schema=False)

    @router.get("/start", name="privateshare_start")
    async def start(request: Request) -> Response:
        asked = await client.get_authorize_url(str(request.url_for("privateshare_return")), options=options)
        response = RedirectResponse(asked.url, 303)
        response.set_cookie(
            COOKIE,
            keeper.keep(asked),
            max_age=LIFETIME_SECONDS,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    @router.get("/return", name="privateshare_return")
    async def come_back(request: Request) -> Response:
        try:
            response = await on_token(request, await _arrived(client, keeper, request))
        except PrivateShareError as error:
            response = await on_failure(request, error)
        response.delete_cookie(COOKIE, secure=request.url.scheme == "https", httponly=True, samesite="lax")
        return response

    return router


async def _arrived(client: AsyncPrivateShare, keeper: Keeper, request: Request) -> Arrived:
    kept = keeper.kept(request.cookies.get(COOKIE))
    returned = client.read_return(str(request.url), state=kept.state)
    token = await client.exchange_code_for_token(returned.code or "", kept.verifier)
    return Arrived(token, kept.session, returned.account_reference)
