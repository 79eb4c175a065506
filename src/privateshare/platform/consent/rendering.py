"""Rendering of HTML pages: templates, security headers, and static files."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from privateshare.platform.consent.language_cookie import PARAMETER, read_language, remember_language
from privateshare.platform.consent.locales import (
    LANGUAGES,
    choose_language,
    choose_locale,
    display_name,
    translations,
)
from privateshare.platform.consent.marks import draw_mark
from privateshare.platform.consent.person_cookie import set_person_cookie
from privateshare.platform.consent.translation import Translator, within_itself
from privateshare.platform.http.requests import platform_of
from privateshare.platform.operating.settings import Settings
from privateshare.protocol.addresses import ONBOARD_PATH
from privateshare.protocol.contract_document import AppText, primary_language

STATIC_TYPES = {
    "style.css": "text/css",
    "begin.js": "text/javascript",
    "code.js": "text/javascript",
    "passkey.js": "text/javascript",
    "drop.js": "text/javascript",
    "upload.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
BAD_REQUEST = 400
YEAR_SECONDS = 365 * 24 * 3600
SAFE_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


# The values of a page that cannot be shown again, so that it must have no links to other languages.
SHOWN_ONCE: Mapping[str, object] = {"languages": ()}

BIDI_CONTROLS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))


class PageRoute(APIRoute):
    """A route of a page. It answers HEAD wherever it answers GET (RFC 9110 9.1), and sets cookies.

    These are the cookie by which the person is known, and the one with the language that they chose.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        methods = set(options.pop("methods", None) or ["GET"])
        super().__init__(path, endpoint, methods=methods | {"HEAD"} if "GET" in methods else methods, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler so that it sets the cookies, unless the request fails."""
        answer = super().get_route_handler()

        async def answer_with_cookies(request: Request) -> Response:
            response = await answer(request)
            set_person_cookie(request, response)
            remember_language(request, response)
            return response

        return answer_with_cookies


def page(
    template: str,
    words: Translator,
    values: Mapping[str, object],
    *,
    settings: Settings,
    status: int = 200,
    leads_to: tuple[str, ...] = (),
    query: Sequence[tuple[str, str]] = (),
) -> Response:
    """Render a page.

    Args:
        template: The template's file name.
        words: The texts of the page's language.
        values: What the template uses. `refresh` is the number of seconds after which the page renews itself, if any;
            with `problem`, or if the template sets `failed`, the title says that something is wrong.
        settings: The settings of the platform, which say where it is and who runs it.
        status: The status of the response.
        leads_to: The addresses besides this platform to which the page's forms may redirect.
        query: The query of the page's address, which the links to the other languages keep.
    """
    kept = [(name, value) for name, value in query if name != PARAMETER]
    base = urlsplit(settings.origin or "").path
    shared = {
        "words": words,
        "languages": _languages(),
        "in_language": lambda tag: f"?{urlencode([*kept, (PARAMETER, tag)])}",
        "static": lambda name: base + static_address(name),
        "front_page": f"{base}/",
        "my_data": f"{base}/me/",
        "operator": _operator(settings),
        "problem": "",
        "failed": False,
        "problem_field": "",
        "is_error": status >= BAD_REQUEST,
    }
    own_headers = {"content-security-policy": _policy(leads_to), "content-language": words.tag}
    if refresh := values.get("refresh"):
        own_headers["refresh"] = str(refresh)
    body = page_template(template, words).render(shared | dict(values))
    return HTMLResponse(body, status, headers=SAFE_HEADERS | own_headers)


def page_template(name: str, words: Translator) -> Template:
    """Return a template in the language of these texts."""
    return _environment(words.language).get_template(name)


def _operator(settings: Settings) -> Mapping[str, str]:
    """Return what the settings say of the operator, for the end of every page; empty texts for what they do not say."""
    return {
        "name": settings.operator_name or "",
        "contact": settings.operator_contact or "",
        "contact_address": settings.contact_address or "",
        "privacy_notice": settings.operator_privacy_notice or "",
    }


def isolated(text: str) -> Markup:
    """Wrap text of other people in `<bdi>`, so that its writing direction does not affect the text around it.

    A U+2069 that closes no isolate within the text would close the `<bdi>` itself: see `within_itself`.
    """
    return Markup("<bdi>{}</bdi>").format(within_itself(text))


def app_words(text: AppText, page_language: str) -> Markup:
    """Wrap words of an app as `isolated` does, and name their language where it is another than the page's."""
    shown = isolated(text.text)
    if not text.language or primary_language(text.language) == primary_language(page_language):
        return shown
    return Markup('<bdi lang="{}">').format(text.language) + shown[len(Markup("<bdi>")) :]


def isolated_parts(texts: Iterable[str], separator: str) -> Markup:
    """Join texts with a separator, each isolated from the others. Empty ones are left out."""
    return escape(separator).join(isolated(text) for text in texts if text)


def as_title(markup: Markup) -> Markup:
    """Turn markup into the plain text of a page's title, without characters that change the writing direction."""
    return escape(markup.striptags().translate(BIDI_CONTROLS))


def request_words(request: Request, asked: str | None) -> Translator:
    """Choose the language for a browser, and return its texts. Protocol 8.2, `lng`."""
    accepted = request.headers.get("accept-language", "")
    language = choose_language([asked, read_language(request)], accepted)
    return Translator(language, platform_of(request).sources.listed, choose_locale(language, accepted))


def redirect(address: str) -> Response:
    """Redirect the browser to an address of any scheme, with GET."""
    response = RedirectResponse("/", 303, SAFE_HEADERS)
    response.headers["location"] = address  # RedirectResponse would quote the address a second time.
    return response


def static_file(name: str) -> Response | None:
    """Return a static file, or None. It may be cached forever, since its address changes with its content."""
    if name not in STATIC_TYPES:
        return None
    headers = {"cache-control": f"public, max-age={YEAR_SECONDS}, immutable", "x-content-type-options": "nosniff"}
    return Response(_static(name), media_type=STATIC_TYPES[name], headers=headers)


class RedirectInstead(Exception):
    """Answer the request with this response instead of the page, and roll back the transaction. It is no error."""

    def __init__(self, response: Response) -> None:
        self.response = response


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("privateshare.platform.consent"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"isolated": isolated, "app_words": app_words, "isolated_parts": isolated_parts}
    environment.filters |= {"as_title": as_title, "mark": draw_mark}
    texts = translations(language)
    environment.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["ngettext"] = _plural
    return environment


@pass_context
def _plural(context: Context, one: str, many: str, number: int, **values: object) -> Markup:
    """Translate a text that depends on a number, and insert the number as it is written in the page's language."""
    words: Translator = context["words"]
    return Markup(words.plural(one, many, number)) % ({"num": words.number(number)} | values)  # noqa: S704 - our text


@cache
def _languages() -> list[tuple[str, str]]:
    return [(language.replace("_", "-"), display_name(language)) for language in LANGUAGES]


@cache
def _static(name: str) -> bytes:
    return files("privateshare.platform.consent").joinpath("static", name).read_bytes()


@cache
def static_address(name: str) -> str:
    """Return the path of a static file, below the platform's address."""
    return f"{ONBOARD_PATH}static/{name}?{sha256(_static(name)).hexdigest()[:12]}"


def _policy(leads_to: tuple[str, ...]) -> str:
    targets = dict.fromkeys(["'self'", *map(_target, leads_to)])
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            f"form-action {' '.join(targets)}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _target(address: str) -> str:
    """Turn an address into a source of `form-action`, against which browsers also check redirects after a form."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or "[" in parts.netloc:  # A policy cannot name an IPv6 address.
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
