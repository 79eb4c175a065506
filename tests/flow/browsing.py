"""A real Chromium for tests, and the example app to come back to."""

import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.patience import GIVE_UP_SECONDS

# An expectation has a limit of its own, of five seconds unless it is told.
expect.set_options(timeout=GIVE_UP_SECONDS * 1000)

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Provide the machine's Chromium, without a window."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path is not None, "these tests need Chromium: scripts/setup browser"
    async with async_playwright() as playwright:
        limit = GIVE_UP_SECONDS * 1000
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=limit)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page in a browser of its own: no cookies, nothing cached. Fails the test if a script of the page fails."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    page.set_default_timeout(GIVE_UP_SECONDS * 1000)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("dialog", lambda dialog: failures.append(f"a dialog: {dialog.message}"))
    page.on("console", lambda told: failures.append(told.text) if "Content Security Policy" in told.text else None)
    try:
        yield page
        assert not failures, failures
    finally:
        await context.close()


class Landing:
    """An app that only notes what people come back with. `evil` is a page of another site that holds some HTML."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.app = FastAPI()
        self.address = ""
        self.app.add_api_route("/back", self._back)
        self.app.add_api_route("/evil", self._evil)

    def evil(self, html: str) -> str:
        """Return the address of a page elsewhere with this content."""
        return f"{self.address.replace('127.0.0.1', 'localhost')}/evil?{urlencode({'html': html})}"

    async def _back(self, request: Request) -> HTMLResponse:
        self.came.append(str(request.url))
        return HTMLResponse("<!doctype html><title>app</title><body data-page=app>")

    async def _evil(self, html: str) -> HTMLResponse:
        return HTMLResponse(f"<!doctype html><title>elsewhere</title><body data-page=evil>{html}")


@contextmanager
def web_server(app: FastAPI) -> Iterator[str]:
    """Provide an app served on a loopback port of its own; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(GIVE_UP_SECONDS)
        listening.close()
