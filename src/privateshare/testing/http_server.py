"""The HTTP server of the platform in memory."""

import json
import secrets
from http.server import BaseHTTPRequestHandler

from privateshare.errors import ApiError, NotFound
from privateshare.testing.endpoints import PlatformCall, PlatformResponse, respond
from privateshare.testing.state import PlatformState
from privateshare.testing.storage_endpoints import STORAGE_PATH, respond_to_storage


def make_handler(state: PlatformState) -> type[BaseHTTPRequestHandler]:
    """Make a handler of requests that uses this state."""
    return type("Handler", (_Handler,), {"state": state})


class _Handler(BaseHTTPRequestHandler):
    state: PlatformState
    protocol_version = "HTTP/1.1"
    # Headers and body are sent one after the other. The body would wait 40 ms for the confirmation of the headers.
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            body = self._body(headers)
        except EOFError:
            self.close_connection = True
            return
        root = self.state.path
        call = PlatformCall(self.command, self.path.removeprefix(root), headers, body, root)
        storage = call.path.startswith(STORAGE_PATH)
        try:
            if not self.path.startswith(f"{root}/"):
                raise NotFound("Not Found")
            if self.state.failures:
                raise self.state.failures.pop(0)
            response = respond_to_storage(self.state, call) if storage else respond(self.state, call)
        except ApiError as error:
            response = _refusal(error, storage=storage)
        self._send(response)

    do_GET = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the names that the standard library calls

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self._bytes(int(headers.get("content-length") or 0))
        body = bytearray()
        while size := int(self._line().split(b";")[0], 16):
            body += self._bytes(size)
            self._line()
        self._line()
        return bytes(body)

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            raise EOFError("the caller has closed the connection")
        return line

    def _bytes(self, count: int) -> bytes:
        read = self.rfile.read(count)
        if len(read) < count:
            raise EOFError("the caller has closed the connection")
        return read

    def _send(self, response: PlatformResponse) -> None:
        self.send_response(response.status)
        self.send_header("x-request-id", response.headers.get("x-error-reference", secrets.token_hex(8)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, *_: object) -> None:
        """Log nothing, because requests hold secrets."""


def _refusal(error: ApiError, *, storage: bool) -> PlatformResponse:
    details = {"code": error.code, "message": error.message, "reference": secrets.token_hex(8)}
    body = {"error": error.code, "message": error.message} if storage else {"error": details}
    headers = {f"x-error-{name}": value for name, value in details.items()} | {"content-type": "application/json"}
    if "hint" in vars(error):  # The error has a hint of its own.
        headers["x-error-hint"] = error.hint
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return PlatformResponse(error.status, headers, json.dumps(body).encode())
