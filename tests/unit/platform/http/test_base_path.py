"""The path below which a platform is, where the proxy leaves it in the address."""

import pytest
from starlette.types import Message, Receive, Scope, Send

from privateshare.platform.http.requests import StripBasePath


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("/share/me/", "/me/"),
        ("/share/", "/"),
        ("/share", "/"),
        ("/me/", "/me/"),
        ("/shared", "/shared"),
        ("/share%2Fme", "/share%2Fme"),
        ("/", "/"),
    ],
)
async def test_only_the_whole_path_is_taken_off(path: str, inner: str) -> None:
    """The platform's own address is its front page, with a slash at the end and without."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(dict(scope))

    async def receive() -> Message:
        raise AssertionError("nobody reads a body")

    async def send(message: Message) -> None:
        raise AssertionError("nobody answers")

    scope: Scope = {"type": "http", "path": path, "raw_path": path.encode()}
    await StripBasePath(app, "/share")(scope, receive, send)
    assert (seen[0]["path"], seen[0]["raw_path"]) == (inner, inner.encode())
