"""The cookie that proves which libraries a browser was used for: one secret for each, the last used first."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from privateshare.platform.http.requests import base_path, is_secure
from privateshare.platform.person.browsers import LIFETIME, BrowserSecret, decode_secret

MOST_SECRETS = 20  # More would not fit into a cookie; the least recently used are dropped.


def read_secrets(request: Request) -> list[BrowserSecret]:
    """Read this browser's secrets. They prove nothing until `find_browsers` has checked them."""
    texts = request.cookies.get(person_cookie_name(request), "").split("~", MOST_SECRETS)[:MOST_SECRETS]
    found = [secret for secret in map(decode_secret, texts) if secret is not None]
    return list({(secret.library_id, secret.browser_id): secret for secret in found}.values())


def keep_secret(request: Request, secret: BrowserSecret) -> None:
    """Store a secret in the response's cookie, in place of the one that the browser has for the same library."""
    same = (secret.library_id, secret.browser_id)
    others = [known for known in _to_keep(request) if known.library_id != same[0] and known.browser_id != same[1]]
    request.state.browser_secrets = [secret, *others][:MOST_SECRETS]


def forget_secrets(request: Request, library_ids: Sequence[object]) -> None:
    """Remove the secrets of these libraries from the response's cookie."""
    request.state.browser_secrets = [known for known in _to_keep(request) if known.library_id not in library_ids]


def set_person_cookie(request: Request, response: Response) -> None:
    """Set the cookie on a response if the request changed it; HttpOnly and SameSite protect it."""
    secrets: list[BrowserSecret] | None = getattr(request.state, "browser_secrets", None)
    if secrets is None:
        return
    response.set_cookie(
        person_cookie_name(request),
        "~".join(secret.encode() for secret in secrets),
        max_age=int(LIFETIME.total_seconds()) if secrets else 0,
        path=f"{base_path(request)}/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def person_cookie_name(request: Request) -> str:
    """Return the name of the person's cookie."""
    return protected_name(request, "person")


def protected_name(request: Request, name: str) -> str:
    """Return the name of a cookie of the whole platform, with a prefix so that over https no other host can set it."""
    if not is_secure(request):
        return name
    return f"__Secure-{name}" if base_path(request) else f"__Host-{name}"


def _to_keep(request: Request) -> list[BrowserSecret]:
    changed: list[BrowserSecret] | None = getattr(request.state, "browser_secrets", None)
    return read_secrets(request) if changed is None else changed
