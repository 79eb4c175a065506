"""HTML out: templates, the headers that protect them, and their static files."""

from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from privateshare.platform.consent.locales import choose_language, display_name, languages, translations
from privateshare.platform.consent.person_cookie import set_person_cookie
from privateshare.platform.consent.translation import Translator
from privateshare.platform.http.requests import platform_of
from privateshare.protocol.addresses import ONBOARD_PATH

STATIC_TYPES = {
    "style.css": "text/css",
    "begin.js": "text/javascript",
    "upload.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
YEAR_SECONDS = 365 * 24 * 3600
SAFE_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


OPEN_ISOLATE, CLOSE_ISOLATE = "\u2066\u2067\u2068", "\u2069"
DIRECTIONS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))


class PageRoute(APIRoute):
    """A route of a page: it answers HEAD wherever it answers GET (RFC 9110 9.1), and keeps the person's cookie."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        methods = set(options.pop("methods", None) or ["GET"])
        super().__init__(path, endpoint, methods=methods | {"HEAD"} if "GET" in methods else methods, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give what answers a request. A request that fails changes no cookie, as it changes nothing else."""
        answer = super().get_route_handler()

        async def answer_with_cookie(request: Request) -> Response:
            response = await answer(request)
            set_person_cookie(request, response)
            return response

        return answer_with_cookie


def page(
    template: str,
    words: Translator,
    values: Mapping[str, object],
    *,
    base: str,
    status: int = 200,
    leads_to: tuple[str, ...] = (),
) -> Response:
    """Make a page; `base` is the path below which people reach the platform.

    Its forms may lead nowhere but to this platform and, by redirection, to the addresses of `leads_to`.
    """
    shared = {
        "words": words,
        "languages": _languages(),
        "static": lambda name: base + static_address(name),
        "my_data": f"{base}/me/",
    }
    body = _environment(words.language).get_template(template).render(shared | dict(values))
    return HTMLResponse(body, status, headers=SAFE_HEADERS | {"content-security-policy": _policy(leads_to)})


def isolated(text: str) -> Markup:
    """Mark up others' words so that, whatever is in them, the words around them are read as they are meant.

    A character that ends an isolate (U+2069) would end ours too, if there is none in the text that it could end.
    """
    kept, depth = [], 0
    for character in text:
        depth += (character in OPEN_ISOLATE) - (character == CLOSE_ISOLATE)
        if depth < 0:
            depth = 0
        else:
            kept.append(character)
    return Markup("<bdi>{}</bdi>").format("".join(kept))


def as_title(markup: Markup) -> Markup:
    """Make the title of a page, which has no markup: what changes the writing direction is left out."""
    return escape(markup.striptags().translate(DIRECTIONS))


def request_words(request: Request, asked: str | None) -> Translator:
    """Choose the language for a browser. Protocol 8.2, `lng`."""
    language = choose_language(asked, request.headers.get("accept-language", ""))
    return Translator(language, platform_of(request).sources.listed)


def redirect(address: str) -> Response:
    """Sends the browser on with GET; addresses of private schemes too."""
    response = RedirectResponse("/", 303, SAFE_HEADERS)
    response.headers["location"] = address  # as it is: Starlette would quote it once more
    return response


def static_file(name: str) -> Response | None:
    """A static file, cacheable for good: its address changes with its content. None if there is none."""
    if name not in STATIC_TYPES:
        return None
    headers = {"cache-control": f"public, max-age={YEAR_SECONDS}, immutable", "x-content-type-options": "nosniff"}
    return Response(_static(name), media_type=STATIC_TYPES[name], headers=headers)


class RedirectInstead(Exception):  # not an error: it carries the answer that is given instead
    """The page that was asked for is not the one to show, this answer is; and what was changed for it is undone."""

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
    environment.filters |= {"isolated": isolated, "as_title": as_title}
    texts = translations(language)
    environment.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
    return environment


@cache
def _languages() -> list[tuple[str, str]]:
    return [(language.replace("_", "-"), display_name(language)) for language in languages()]


@cache
def _static(name: str) -> bytes:
    return files("privateshare.platform.consent").joinpath("static", name).read_bytes()


@cache
def static_address(name: str) -> str:
    """Give the path of a static file, below the platform's address."""
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
    """An address as a source of a content security policy: browsers check redirections after a form against it."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or "[" in parts.netloc:  # a policy cannot name an IPv6 address
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
