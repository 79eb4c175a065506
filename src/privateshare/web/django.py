"""Consent views for Django. Needs `privateshare[django]`.

urlpatterns = [path("consent/", include(consent_urls(private_share, secret=SECRET, on_token=remember)))]
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from privateshare.errors import PrivateShareError
from privateshare.sdk.client import PrivateShare
from privateshare.sdk.consent import PageOptions
from privateshare.web.keeping import LIFETIME_SECONDS, NO_STORE, Arrived, Keeper, cookie_flags, cookie_name

OnToken = Callable[[HttpRequest, Arrived], HttpResponse]
OnFailure = Callable[[HttpRequest, PrivateShareError], HttpResponse]


def tell_failure(_request: HttpRequest, error: PrivateShareError) -> HttpResponse:
    """What a person sees by default when it did not work."""
    return HttpResponse(f"The data was not shared ({error.code}).", status=400, content_type="text/plain")


def consent_urls(
    client: PrivateShare,
    *,
    secret: str,
    redirect_uri: str | None = None,
    on_token: OnToken,
    on_failure: OnFailure = tell_failure,
    options: PageOptions | None = None,
) -> list[URLPattern]:
    """URL patterns: `start` sends the person's browser to the consent page, and it comes back to `return`.

    `redirect_uri`: the address of `return` as it is registered with the contract; by default what the request says,
    which behind a proxy may not be what people's browsers see. `on_token` keeps the token and answers the person;
    `on_failure` answers one who declined, whose browser was not the one that was asked, or whom the platform failed.
    """
    keeper = Keeper(secret)

    def return_address(request: HttpRequest) -> str:
        return redirect_uri or str(request.build_absolute_uri(reverse("privateshare_return")))

    def start(request: HttpRequest) -> HttpResponse:
        address = return_address(request)
        try:
            asked = client.get_authorize_url(address, options=options)
        except PrivateShareError as error:
            return on_failure(request, error)
        response = HttpResponseRedirect(asked.url)
        response.headers["cache-control"] = NO_STORE
        name, flags = cookie_name(address), cookie_flags(address)
        response.set_cookie(name, keeper.keep(asked), max_age=LIFETIME_SECONDS, **flags)
        return response

    def come_back(request: HttpRequest) -> HttpResponse:
        address = return_address(request)
        try:
            response = on_token(request, _arrived(client, keeper, request, cookie_name(address)))
        except PrivateShareError as error:
            response = on_failure(request, error)
        response.headers["cache-control"] = NO_STORE
        response.delete_cookie(cookie_name(address), samesite="lax")
        return response

    return [path("start", start, name="privateshare_start"), path("return", come_back, name="privateshare_return")]


def _arrived(client: PrivateShare, keeper: Keeper, request: HttpRequest, cookie: str) -> Arrived:
    kept = keeper.kept(request.COOKIES.get(cookie))
    returned = client.read_return(request.build_absolute_uri(), state=kept.state)
    token = client.exchange_code_for_token(returned.code, kept.verifier)
    return Arrived(token, kept.session, returned.account_reference)
