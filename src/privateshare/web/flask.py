"""Consent routes for Flask. Needs `privateshare[flask]`.

app.register_blueprint(consent_blueprint(private_share, secret=SECRET, on_token=remember), url_prefix="/consent")
"""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, make_response, redirect, request, url_for

from privateshare.errors import PrivateShareError
from privateshare.sdk.client import PrivateShare
from privateshare.sdk.consent import PageOptions
from privateshare.web.keeping import LIFETIME_SECONDS, NO_STORE, Arrived, Keeper, cookie_flags, cookie_name

OnToken = Callable[[Arrived], Any]
OnFailure = Callable[[PrivateShareError], Any]


def tell_failure(error: PrivateShareError) -> Any:
    """What a person sees by default when it did not work."""
    return f"The data was not shared ({error.code}).", 400, {"content-type": "text/plain; charset=utf-8"}


def consent_blueprint(
    client: PrivateShare,
    *,
    secret: str,
    redirect_uri: str | None = None,
    on_token: OnToken,
    on_failure: OnFailure = tell_failure,
    options: PageOptions | None = None,
) -> Blueprint:
    """A blueprint: `start` sends the person's browser to the consent page, and it comes back to `return`.

    `redirect_uri`: the address of `return` as it is registered with the contract; by default what the request says,
    which behind a proxy may not be what people's browsers see. `on_token` keeps the token and answers the person;
    `on_failure` answers one who declined, whose browser was not the one that was asked, or whom the platform failed.
    """
    keeper = Keeper(secret)
    blueprint = Blueprint("privateshare", __name__)

    def return_address() -> str:
        return redirect_uri or url_for(".come_back", _external=True)

    @blueprint.get("/start")
    def start() -> Response:
        address = return_address()
        try:
            asked = client.get_authorize_url(address, options=options)
        except PrivateShareError as error:
            return make_response(on_failure(error))
        response = make_response(redirect(asked.url, 303))
        response.headers["cache-control"] = NO_STORE
        name, flags = cookie_name(address), cookie_flags(address)
        response.set_cookie(name, keeper.keep(asked), max_age=LIFETIME_SECONDS, **flags)
        return response

    @blueprint.get("/return")
    def come_back() -> Response:
        address = return_address()
        try:
            response = make_response(on_token(_arrived(client, keeper, cookie_name(address))))
        except PrivateShareError as error:
            response = make_response(on_failure(error))
        response.headers["cache-control"] = NO_STORE
        response.delete_cookie(cookie_name(address), **cookie_flags(address))
        return response

    return blueprint


def _arrived(client: PrivateShare, keeper: Keeper, cookie: str) -> Arrived:
    kept = keeper.kept(request.cookies.get(cookie))
    returned = client.read_return(request.url, state=kept.state)
    token = client.exchange_code_for_token(returned.code, kept.verifier)
    return Arrived(token, kept.session, returned.account_reference)
