"""`privateshare login`: a person's consent in their browser, received on this machine."""

import time
import webbrowser
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Annotated

import typer

from privateshare.errors import AuthorizationFailed, ConfigurationError
from privateshare.sdk.core import DEFAULT_BASE_URL

WAIT_SECONDS = 30 * 60  # as long as the link is good (protocol 4.6)
THANKS = "<!doctype html><meta charset=utf-8><title>Done</title><p>Done. You can close this page."

ProfileName = Annotated[str, typer.Option("--profile", help="Which contract and person, of several.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def login(
    app: Annotated[str | None, typer.Option(help="The application's id; needed the first time.")] = None,
    contract: Annotated[str | None, typer.Option(help="The contract's id; needed the first time.")] = None,
    key: Annotated[Path | None, typer.Option(help="The contract's private key; needed the first time.")] = None,
    base_url: Annotated[str, typer.Option(help="The platform's API.")] = DEFAULT_BASE_URL,
    path: Annotated[str, typer.Option(help="The path of the loopback redirect URI of the contract.")] = "/return",
    browser: Annotated[bool, typer.Option(help="Open the consent page, rather than only print its address.")] = True,
    profile: ProfileName = "default",
) -> None:
    """Ask for consent: opens the consent page, waits for the person to come back, keeps their token."""
    from privateshare.cli.profiles import Profile, load_profile, open_client, save_profile

    if app and contract and key:
        chosen = Profile(app, contract, str(key.absolute()), base_url)
    elif app or contract or key:
        raise ConfigurationError("the first time all of --app, --contract and --key are needed")
    else:
        chosen = load_profile(profile)
    with _Returns(path) as returns, open_client(profile, chosen) as client:
        asked = client.get_authorize_url(returns.address)
        typer.echo(f"The consent page: {asked.url}")
        if browser:
            webbrowser.open(asked.url)
        returned = client.read_return(returns.wait(), state=asked.state)
        token = client.exchange_code_for_token(returned.code or "", asked.code_verifier)
    save_profile(profile, Profile(**(asdict(chosen) | {"token": token.to_json()})))
    typer.echo(f"Signed in as {token.user_id}. Now: privateshare read --into data")


class _Returns:
    """A server on loopback for the one request that brings the person back. RFC 8252 7.3."""

    def __init__(self, path: str) -> None:
        seen: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.split("?", 1)[0] != path:
                    self.send_error(404)
                    return
                seen.append(self.path)
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(THANKS.encode())

            def log_message(self, *_: object) -> None:
                """Nothing: the request holds a code."""

        self._seen = seen
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.timeout = 1.0
        self._origin = f"http://127.0.0.1:{self._server.server_port}"
        self.address = f"{self._origin}{path}"

    def __enter__(self) -> "_Returns":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def wait(self) -> str:
        """The address that the person came back to. Raises AuthorizationFailed if they do not."""
        give_up = time.monotonic() + WAIT_SECONDS
        while not self._seen and time.monotonic() < give_up:
            self._server.handle_request()
        if not self._seen:
            raise AuthorizationFailed("TIMEOUT", "nobody came back from the consent page")
        return self._origin + self._seen[0]
