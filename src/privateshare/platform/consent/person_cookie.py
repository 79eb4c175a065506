"""The cookie by which a browser proves whose libraries it was used for: one secret for each, the last used first."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from privateshare.platform.http.requests import base_path, is_secure
from privateshare.platform.person.browsers import LIFETIME, BrowserSecret, decode_secret

MOST_SECRETS = 20  # so many fit into a cookie; of more, those that were not used for longest go


def read_secrets(request: Request) -> list[BrowserSecret]:
    """Read what this browser keeps. It proves nothing before `find_browsers` has looked at it."""
    texts = request.cookies.get(cookie_name(request), "").split("~", MOST_SECRETS)[:MOST_SECRETS]
    found = [secret for secret in map(decode_secret, texts) if secret is not None]
    return list({(secret.library_id, secret.browser_id): secret for secret in found}.values())


def keep_secret(request: Request, secret: BrowserSecret) -> None:
    """Have this browser keep a secret in place of the one that it has of the same library, once the answer is sent."""
    others = [known for known in _to_keep(request) if known.library_id != secret.library_id]
    request.state.browser_secrets = [secret, *others][:MOST_SECRETS]


def forget_secrets(request: Request, library_ids: Sequence[object]) -> None:
    """Have this browser keep nothing more of these libraries."""
    request.state.browser_secrets = [known for known in _to_keep(request) if known.library_id not in library_ids]


def set_person_cookie(request: Request, response: Response) -> None:
    """Put on an answer what the request changed of the cookie, away from scripts and from other sites' forms."""
    secrets: list[BrowserSecret] | None = getattr(request.state, "browser_secrets", None)
    if secrets is None:
        return
    response.set_cookie(
        cookie_name(request),
        "~".join(secret.encode() for secret in secrets),
        max_age=int(LIFETIME.total_seconds()) if secrets else 0,
        path=f"{base_path(request)}/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def cookie_name(request: Request) -> str:
    """Name the cookie so that over https no other host can plant one of this name."""
    if not is_secure(request):
        return "person"
    return "__Secure-person" if base_path(request) else "__Host-person"


def _to_keep(request: Request) -> list[BrowserSecret]:
    changed: list[BrowserSecret] | None = getattr(request.state, "browser_secrets", None)
    return read_secrets(request) if changed is None else changed
