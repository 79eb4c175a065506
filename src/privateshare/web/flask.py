"""Consent routes for Flask. Needs `privateshare[flask]`.

app.register_blueprint(consent_blueprint(private_share, secret=SECRET, user=current_user, on_token=welcome))
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Request, Response, make_response, redirect, request, url_for

from privateshare import PrivateShare
from privateshare.errors import InvalidWebhook, PrivateShareError
from privateshare.protocol.webhooks import Webhook
from privateshare.sdk.consent import PageOptions
from privateshare.web._sync.consent_routes import AppCallbacks, ConsentRoutes
from privateshare.web.cookies import Arrived, CookieFlags, Keeper
from privateshare.web.web_framework import ALREADY_SHARED, TEXT_TYPE, not_shared_text, not_used_text
from privateshare.web.webhooks import HANDLED, REFUSED, REFUSED_TEXT, WebhookReceiver, check_length

OnWebhook = Callable[[Webhook], None]
OnToken = Callable[[Arrived], Any]
OnFailure = Callable[[PrivateShareError], Any]
OnRepeat = Callable[[], Any]
UserOf = Callable[[], str]

TEXT_HEADERS = {"content-type": TEXT_TYPE}


def tell_failure(error: PrivateShareError) -> Any:
    """Respond to a person whose data was not shared, by default."""
    return not_shared_text(error), 400, TEXT_HEADERS


def tell_app_failure(error: PrivateShareError) -> Any:
    """Respond to a person whose data was shared before the app failed, by default."""
    return not_used_text(error), 502, TEXT_HEADERS


def tell_repeat() -> Any:
    """Respond to a person who comes back once more, by default."""
    return ALREADY_SHARED, 200, TEXT_HEADERS


def consent_blueprint(
    client: PrivateShare,
    *,
    secret: str | Sequence[str],
    redirect_uri: str | None = None,
    user: UserOf | None = None,
    on_token: OnToken,
    on_failure: OnFailure | None = None,
    on_repeat: OnRepeat = tell_repeat,
    options: PageOptions | None = None,
) -> Blueprint:
    """Make a blueprint with `start`, which sends a person to the consent page, and `return`, where they come back.

    The arguments, and what they raise, are those of `privateshare.web.fastapi.consent_router`. The callbacks return
    what a view of Flask may return, and take no request, because Flask has it in `flask.request`.
    """
    failure, app_failure = on_failure or tell_failure, on_failure or tell_app_failure
    callbacks: AppCallbacks[Request, Response] = AppCallbacks(
        user=lambda _: user() if user is not None else "",
        on_token=lambda _, arrived: make_response(on_token(arrived)),
        on_failure=lambda _, error: make_response(failure(error)),
        on_app_failure=lambda _, error: make_response(app_failure(error)),
        on_repeat=lambda _: make_response(on_repeat()),
    )
    routes = ConsentRoutes(client, Keeper(secret), _Flask(redirect_uri), callbacks, options)
    blueprint = Blueprint("privateshare", __name__)
    blueprint.add_url_rule("/start", "start", lambda: routes.start(request))
    blueprint.add_url_rule("/return", "come_back", lambda: routes.come_back(request))
    return blueprint


def webhook_blueprint(*, secret: str | Sequence[str], handlers: Mapping[str, OnWebhook]) -> Blueprint:
    """Make a blueprint with `POST /`, to which the platform sends webhooks. Protocol 16.

    The arguments, and what it does, are those of `privateshare.web.fastapi.webhook_router`.
    """
    receiver = WebhookReceiver(secret, handlers)

    def receive() -> Any:
        try:
            check_length(request.headers.get("content-length"))
            webhook = receiver.read(dict(request.headers), request.get_data(cache=False))
        except InvalidWebhook:
            return REFUSED_TEXT, REFUSED, TEXT_HEADERS
        handler = receiver.handler(webhook)
        if handler is not None:
            handler(webhook)
        return "", HANDLED

    blueprint = Blueprint("privateshare_webhook", __name__)
    blueprint.add_url_rule("/", "receive", receive, methods=["POST"])
    return blueprint


class _Flask:
    """Requests and responses of Flask."""

    def __init__(self, redirect_uri: str | None) -> None:
        self._redirect_uri = redirect_uri

    def url(self, request: Request) -> str:
        return request.url

    def return_address(self, request: Request) -> str:  # noqa: ARG002 - Flask builds it from the current request.
        return self._redirect_uri or url_for(".come_back", _external=True)

    def cookies(self, request: Request) -> Mapping[str, str]:
        return request.cookies

    def redirect(self, url: str) -> Response:
        return make_response(redirect(url, 303))

    def forbid_caching(self, response: Response) -> None:
        response.headers["cache-control"] = "no-store"

    def set_cookie(self, response: Response, name: str, value: str, seconds: int, flags: CookieFlags) -> None:
        response.set_cookie(name, value, max_age=seconds, **flags)

    def delete_cookie(self, response: Response, name: str, flags: CookieFlags) -> None:
        response.delete_cookie(name, **flags)
