"""`privateshare login`: a person's consent in their browser, received on this machine."""

import time
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from privateshare.cli.operating import AsJson, show
from privateshare.errors import AuthorizationFailed, ConfigurationError
from privateshare.sdk.defaults import DEFAULT_BASE_URL

WAIT_SECONDS = 30 * 60  # as long as the link is good (protocol 4.6)
PAGE = "<!doctype html><html lang=en><meta charset=utf-8><title>{0}</title><p>{0} You can close this page."
THANKS, DECLINED = PAGE.format("Done."), PAGE.format("Nothing was shared.")

ProfileName = Annotated[
    str,
    typer.Option(
        "--profile", help="Which contract and person, of several.", envvar="PRIVATESHARE_PROFILE", show_envvar=True
    ),
]


def login(
    app: Annotated[str | None, typer.Option(help="The application's id; needed the first time.")] = None,
    contract: Annotated[str | None, typer.Option(help="The contract's id; needed the first time.")] = None,
    key: Annotated[Path | None, typer.Option(help="The contract's private key; needed the first time.")] = None,
    base_url: Annotated[str, typer.Option(help="The platform's API.")] = DEFAULT_BASE_URL,
    path: Annotated[str, typer.Option(help="The path of the loopback redirect URI of the contract.")] = "/return",
    browser: Annotated[bool, typer.Option(help="Open the consent page, rather than only print its address.")] = True,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Ask for consent: opens the consent page, waits for the person to come back, keeps their token."""
    from privateshare.cli.profiles import Profile, load_profile, open_client, save_profile

    if app and contract and key:
        chosen = Profile(app, contract, str(key.absolute()), base_url)
    elif app or contract or key:
        raise ConfigurationError("for a new profile all of --app, --contract and --key are needed")
    else:
        chosen = load_profile(profile)
    with _Returns(path) as returns, open_client(chosen) as client:
        asked = client.get_authorize_url(returns.address)
        typer.echo(f"The consent page: {asked.url}", err=as_json)
        if browser:
            webbrowser.open(asked.url)
        returned = client.read_return(returns.wait(asked.state), state=asked.state)
        token = client.exchange_code_for_token(returned.code, asked.code_verifier)
    save_profile(profile, chosen.with_token(token))
    if as_json:
        show({"profile": profile, "user_id": token.user_id, "consent_id": token.consent_id}, as_json)
    else:
        typer.echo(f"Signed in as {token.user_id}. Now: privateshare read --into data")


class _Returns:
    """A server on loopback for the one request that brings the person back. RFC 8252 7.3."""

    def __init__(self, path: str) -> None:
        seen: Queue[str] = Queue()

        class Handler(BaseHTTPRequestHandler):
            timeout = 10.0  # browsers open connections that they may never use

            def do_GET(self) -> None:
                if self.path.split("?", 1)[0] != path:
                    self.send_error(404)
                    return
                page = (DECLINED if "success=false" in self.path else THANKS).encode()
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(page)))
                self.send_header("cache-control", "no-store")
                self.send_header("referrer-policy", "no-referrer")
                self.end_headers()
                self.wfile.write(page)
                seen.put(self.path)

            def log_message(self, *_: object) -> None:
                """Nothing: the request holds a code."""

        self._seen = seen
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._origin = f"http://127.0.0.1:{self._server.server_port}"
        self.address = f"{self._origin}{path}"

    def __enter__(self) -> "_Returns":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, state: str) -> str:
        """The address that the person came back to. Raises AuthorizationFailed if they do not.

        What came with another state is not about this question, and is passed over.
        """
        give_up = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < give_up:
            try:
                came = self._seen.get(timeout=1.0)  # so that Ctrl-C is noticed on every system
            except Empty:
                continue
            if parse_qs(urlsplit(came).query).get("state") == [state]:
                return self._origin + came
        raise AuthorizationFailed("TIMEOUT", "Nobody came back from the consent page", hint="Run the command again")
