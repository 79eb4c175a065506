"""Consent views for Django. Needs `privateshare[django]`.

path("consent/", include(consent_urls(private_share, secret=SECRET, user=current_user, on_token=welcome)))
"""

from collections.abc import Callable, Mapping, Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from privateshare import PrivateShare
from privateshare.errors import InvalidWebhook, PrivateShareError
from privateshare.protocol.webhooks import Webhook
from privateshare.sdk.consent import PageOptions
from privateshare.web._sync.consent_routes import AppCallbacks, ConsentRoutes
from privateshare.web.cookies import Arrived, CookieFlags, Keeper
from privateshare.web.web_framework import ALREADY_SHARED, TEXT_TYPE, not_shared_text, not_used_text
from privateshare.web.webhooks import HANDLED, REFUSED, REFUSED_TEXT, WebhookReceiver, check_length

OnWebhook = Callable[[Webhook], None]
OnToken = Callable[[HttpRequest, Arrived], HttpResponse]
OnFailure = Callable[[HttpRequest, PrivateShareError], HttpResponse]
OnRepeat = Callable[[HttpRequest], HttpResponse]
UserOf = Callable[[HttpRequest], str]


def tell_failure(_request: HttpRequest, error: PrivateShareError) -> HttpResponse:
    """Respond to a person whose data was not shared, by default."""
    return HttpResponse(not_shared_text(error), status=400, content_type=TEXT_TYPE)


def tell_app_failure(_request: HttpRequest, error: PrivateShareError) -> HttpResponse:
    """Respond to a person whose data was shared before the app failed, by default."""
    return HttpResponse(not_used_text(error), status=502, content_type=TEXT_TYPE)


def tell_repeat(_request: HttpRequest) -> HttpResponse:
    """Respond to a person who comes back once more, by default."""
    return HttpResponse(ALREADY_SHARED, content_type=TEXT_TYPE)


def consent_urls(
    client: PrivateShare,
    *,
    secret: str | Sequence[str],
    redirect_uri: str | None = None,
    user: UserOf | None = None,
    on_token: OnToken,
    on_failure: OnFailure | None = None,
    on_repeat: OnRepeat = tell_repeat,
    options: PageOptions | None = None,
) -> list[URLPattern]:
    """Make URL patterns: `start`, which sends a person to the consent page, and `return`, where they come back.

    The arguments, and what they raise, are those of `privateshare.web.fastapi.consent_router`.
    """
    failure, app_failure = on_failure or tell_failure, on_failure or tell_app_failure
    callbacks = AppCallbacks(user or _no_user, on_token, failure, app_failure, on_repeat)
    routes = ConsentRoutes(client, Keeper(secret), _Django(redirect_uri), callbacks, options)
    return [
        path("start", require_safe(routes.start), name="privateshare_start"),
        path("return", require_safe(routes.come_back), name="privateshare_return"),
    ]


def webhook_urls(*, secret: str | Sequence[str], handlers: Mapping[str, OnWebhook]) -> list[URLPattern]:
    """Make URL patterns with one view, to which the platform sends webhooks with POST. Protocol 16.

    The arguments, and what it does, are those of `privateshare.web.fastapi.webhook_router`. The view needs no CSRF
    token, because each message is signed.
    """
    receiver = WebhookReceiver(secret, handlers)

    def receive(request: HttpRequest) -> HttpResponse:
        try:
            check_length(request.headers.get("content-length"))
            webhook = receiver.read(request.headers, request.body)
        except InvalidWebhook:
            return HttpResponse(REFUSED_TEXT, status=REFUSED, content_type=TEXT_TYPE)
        handler = receiver.handler(webhook)
        if handler is not None:
            handler(webhook)
        return HttpResponse(status=HANDLED)

    return [path("", csrf_exempt(require_POST(receive)), name="privateshare_webhook")]


def _no_user(_request: HttpRequest) -> str:
    return ""


class _Django:
    """Requests and responses of Django."""

    def __init__(self, redirect_uri: str | None) -> None:
        self._redirect_uri = redirect_uri

    def url(self, request: HttpRequest) -> str:
        address: str = request.build_absolute_uri()
        return address

    def return_address(self, request: HttpRequest) -> str:
        return self._redirect_uri or request.build_absolute_uri(reverse("privateshare_return"))

    def cookies(self, request: HttpRequest) -> Mapping[str, str]:
        cookies: Mapping[str, str] = request.COOKIES
        return cookies

    def redirect(self, url: str) -> HttpResponse:
        return HttpResponseRedirect(url)

    def forbid_caching(self, response: HttpResponse) -> None:
        response.headers["cache-control"] = "no-store"

    def set_cookie(self, response: HttpResponse, name: str, value: str, seconds: int, flags: CookieFlags) -> None:
        response.set_cookie(name, value, max_age=seconds, **flags)

    def delete_cookie(self, response: HttpResponse, name: str, flags: CookieFlags) -> None:
        response.delete_cookie(name, samesite=flags["samesite"])
