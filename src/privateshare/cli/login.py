"""`privateshare login`: asking for consent in the browser, and receiving the redirect on this machine."""

import time
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from privateshare.cli.output import AsJson, show
from privateshare.errors import AuthorizationFailed, ConfigurationError
from privateshare.sdk.defaults import DEFAULT_BASE_URL

WAIT_SECONDS = 30 * 60  # The consent link is valid for as long (protocol 4.6).
PAGE = "<!doctype html><html lang=en><meta charset=utf-8><title>{0}</title><p>{0} You can close this page."
THANKS, DECLINED = PAGE.format("Done."), PAGE.format("Nothing was shared.")

ProfileName = Annotated[
    str,
    typer.Option(
        "--profile",
        help="The profile (a contract and a person) to use, if there are several.",
        envvar="PRIVATESHARE_PROFILE",
        show_envvar=True,
    ),
]


def login(
    app: Annotated[str | None, typer.Option(help="The application's id; required for a new profile.")] = None,
    contract: Annotated[str | None, typer.Option(help="The contract's id; required for a new profile.")] = None,
    key: Annotated[
        Path | None, typer.Option(help="The file with the contract's private key; required for a new profile.")
    ] = None,
    base_url: Annotated[str, typer.Option(help="The address of the platform's API.")] = DEFAULT_BASE_URL,
    path: Annotated[str, typer.Option(help="The path of the contract's loopback redirect URI.")] = "/return",
    browser: Annotated[
        bool, typer.Option(help="Open the consent page in the browser, or only print its address.")
    ] = True,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Ask for consent: open the consent page, wait for the person to finish, and store their token."""
    from privateshare.cli.profiles import Profile, load_profile, open_client, save_profile

    if app and contract and key:
        chosen = Profile(app, contract, str(key.absolute()), base_url)
    elif app or contract or key:
        raise ConfigurationError("a new profile needs --app, --contract and --key")
    else:
        chosen = load_profile(profile)
    with _LoopbackServer(path) as server, open_client(chosen) as client:
        consent = client.get_authorize_url(server.address)
        typer.echo(f"The consent page: {consent.url}", err=as_json)
        if browser:
            webbrowser.open(consent.url)
        returned = client.read_return(server.wait(consent.state), state=consent.state)
        token = client.exchange_code_for_token(returned.code, consent.code_verifier)
    save_profile(profile, chosen.with_token(token))
    if as_json:
        show({"profile": profile, "user_id": token.user_id, "consent_id": token.consent_id}, as_json)
    else:
        typer.echo(f"Signed in as {token.user_id}. Next, run: privateshare read --into data")


class _LoopbackServer:
    """An HTTP server on 127.0.0.1 that receives the redirect at the end of the consent pages. RFC 8252 7.3."""

    def __init__(self, path: str) -> None:
        received: Queue[str] = Queue()

        class Handler(BaseHTTPRequestHandler):
            timeout = 10.0  # Browsers open connections that they may never use.

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
                received.put(self.path)

            def log_message(self, *_: object) -> None:
                """Log nothing, because the request contains an authorization code."""

        self._received = received
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._origin = f"http://127.0.0.1:{self._server.server_port}"
        self.address = f"{self._origin}{path}"

    def __enter__(self) -> "_LoopbackServer":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, state: str) -> str:
        """Wait for the redirect with this state, and return its address.

        Requests with another state belong to another sign-in and are ignored.

        Raises:
            AuthorizationFailed: No redirect arrived in time.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            try:
                path = self._received.get(timeout=1.0)  # A longer wait would delay Ctrl-C on Windows.
            except Empty:
                continue
            if parse_qs(urlsplit(path).query).get("state") == [state]:
                return self._origin + path
        raise AuthorizationFailed("TIMEOUT", "The consent page was not completed in time", hint="Run the command again")
