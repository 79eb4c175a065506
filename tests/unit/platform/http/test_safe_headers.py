"""The headers of every response. Over https, browsers are told to use nothing else (RFC 6797)."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from privateshare.platform.http.requests import RequestIds


async def answer(_: Request) -> Response:
    return PlainTextResponse("yes")


@pytest.mark.parametrize(
    ("origin", "address", "expected"),
    [
        ("https://share.example.org", "http://inside", True),
        ("https://share.example.org/below", "http://inside", True),
        (None, "https://share.example.org", True),
        (None, "http://127.0.0.1:8080", False),
        ("http://127.0.0.1:8080", "https://inside", False),
    ],
)
async def test_browsers_keep_to_https_where_people_use_it(origin: str | None, address: str, expected: bool) -> None:
    """The address that people use decides, not that of the connection behind a proxy; also for what is not found."""
    app = RequestIds(Starlette(routes=[Route("/", answer)]), origin)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=address) as client:
        for path in ("/", "/nothing"):
            headers = (await client.get(path)).headers
            assert (headers.get("strict-transport-security") == "max-age=31536000") is expected
            assert headers["x-content-type-options"] == "nosniff"
