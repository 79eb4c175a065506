"""`privateshare listen`: printing webhooks while an app is developed."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated, Any

import typer

from privateshare.errors import ConfigurationError, InvalidWebhook

DEFAULT_PORT = 8791
ACCEPTED, REFUSED, TOO_LARGE = 204, 400, 413
READ_SECONDS = 10

Secret = Annotated[
    str | None,
    typer.Option(help="The secret that `webhook add` printed. [default: PRIVATESHARE_WEBHOOK_SECRET]"),
]
Port = Annotated[int, typer.Option(help="The port to listen on, on this machine only.", min=0, max=65535)]


def listen(secret: Secret = None, port: Port = DEFAULT_PORT) -> None:
    """Print webhooks as they arrive, one JSON object per line, until Ctrl-C.

    Add the printed address with `privateshare webhook add`, on a platform that may send to this machine
    (PRIVATESHARE_WEBHOOK_PRIVATE_ADDRESSES=true). Without a secret, messages are printed as not verified.
    """
    from privateshare.protocol.webhooks import check_secrets

    known = secret or os.environ.get("PRIVATESHARE_WEBHOOK_SECRET")
    if known is not None:
        check_secrets([known])

    class Handler(WebhookPrinter):
        secret = known

    try:
        server = HTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on port {port}: {error.strerror}; choose another with --port"
        ) from error
    with server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        typer.echo(f"Listening at {address}. Press Ctrl-C to stop.", err=True)
        server.serve_forever()


class WebhookPrinter(BaseHTTPRequestHandler):
    """Answers the platform, and prints each message."""

    secret: str | None = None
    timeout = READ_SECONDS

    def do_POST(self) -> None:
        """Print a message; refuse one that the platform did not sign."""
        from privateshare.protocol.webhooks import MAX_BODY_BYTES

        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > MAX_BODY_BYTES:
            self._answer(TOO_LARGE)
            return
        try:
            found = self._read(self.rfile.read(int(length)))
        except InvalidWebhook as error:
            typer.echo(f"refused a message: {error.message}", err=True)
            self._answer(REFUSED)
            return
        typer.echo(json.dumps(found))
        self._answer(ACCEPTED)

    def _read(self, body: bytes) -> dict[str, Any]:
        """Return what is printed. Raises InvalidWebhook."""
        from privateshare.protocol.webhooks import ID_HEADER, verify_webhook

        if self.secret is not None:
            verify_webhook([self.secret], dict(self.headers.items()), body, time.time())
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidWebhook("the body is not JSON") from error
        return {"id": self.headers.get(ID_HEADER, ""), "verified": self.secret is not None, "message": message}

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing about the requests themselves."""
