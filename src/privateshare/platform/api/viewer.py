"""The API's description for people: Swagger UI, served from a wheel, without files from other servers. ADR 13."""

import gzip
from functools import cache
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from privateshare.errors import NotFound

router = APIRouter(include_in_schema=False)

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
OURS, SWAGGER_UI = files("privateshare.platform.api") / "viewer", files("fastapi_standalone_docs") / "static/swagger"
TYPES = {
    "icon.png": "image/png",
    "icon.svg": "image/svg+xml",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "viewer.css": "text/css",
    "viewer.js": "text/javascript",
}
YEAR_SECONDS = 365 * 24 * 3600


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Show all endpoints with their parameters, bodies and responses."""
    headers = {
        "content-security-policy": POLICY,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(_page(), headers=headers)


@router.get("/docs/{name}")
async def asset(request: Request, name: str) -> Response:
    """Return a file of the page. It can be cached forever, since its address changes with its content."""
    if name not in TYPES:
        raise NotFound("There is no such file")
    headers = {"cache-control": f"public, max-age={YEAR_SECONDS}, immutable", "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_compressed(name), media_type=TYPES[name], headers=headers | {"content-encoding": "gzip"})
    return Response(_content(name), media_type=TYPES[name], headers=headers)


def asset_path(name: str) -> str:
    """Return the path of a file of the page. It changes with the file's content."""
    return f"/docs/{name}?{sha256(_content(name)).hexdigest()[:12]}"


@cache
def _page() -> str:
    environment = Environment(
        loader=PackageLoader("privateshare.platform.api", "viewer"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        hashes={name: sha256(_content(name)).hexdigest()[:12] for name in TYPES}
    )


@cache
def _content(name: str) -> bytes:
    folder = SWAGGER_UI if name.startswith("swagger-ui") else OURS
    return folder.joinpath(name).read_bytes()


@cache
def _compressed(name: str) -> bytes:
    return gzip.compress(_content(name))
