"""Answers that are not of the protocol: each call tells so by an error of the tree, and none by another."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from privateshare import (
    AccountRef,
    InvalidAnswer,
    NetworkError,
    NotFound,
    PrivateShare,
    PrivateShareError,
    PushDescriptor,
    UserAccessToken,
)
from privateshare.protocol import jwt
from privateshare.sdk.tokens import Token
from tests.keys import rsa_key
from tests.threads import in_a_thread

KEY = rsa_key()
TOKEN = UserAccessToken(Token("access-secret", 4e9), Token("refresh-secret", 4e9), "person", "consent")
DESCRIPTOR = PushDescriptor(mime_type="x/y", accounts=[AccountRef(account_id="a")])

CALLS: dict[str, Callable[[PrivateShare], Any]] = {
    "services": lambda app: app.get_available_services(),
    "samples": lambda app: app.get_service_sample_data_sets(16),
    "authorize": lambda app: app.get_authorize_url("https://app.example/"),
    "exchange": lambda app: app.exchange_code_for_token("code", "v" * 43),
    "refresh": lambda app: app.refresh_token(TOKEN),
    "session": lambda app: app.read_session(TOKEN),
    "list": lambda app: app.read_file_list("session", TOKEN),
    "file": lambda app: app.read_file("session", "file", TOKEN),
    "metadata": lambda app: app.read_file_metadata("session", "file", TOKEN),
    "all files": lambda app: app.read_all_files("session", TOKEN).result(),
    "accounts": lambda app: app.read_accounts(TOKEN),
    "onboard": lambda app: app.get_onboard_service_url(TOKEN, "https://app.example/"),
    "reauthorize": lambda app: app.get_reauthorize_url(TOKEN, "https://app.example/"),
    "reauthorize account": lambda app: app.get_reauthorize_account_url(TOKEN, "https://app.example/", "a"),
    "revoke": lambda app: app.get_revoke_account_permission_url(TOKEN, "a", "https://app.example/"),
    "sources": lambda app: app.query_sources(),
    "countries": lambda app: app.query_countries(),
    "contract": lambda app: app.get_contract_details(),
    "storage": lambda app: app.create_provisional_storage(),
    "reference": lambda app: app.get_storage_reference("s"),
    "person's storage": lambda app: app.get_user_storage(TOKEN),
    "stored files": lambda app: app.list_storage_files("s"),
    "upload": lambda app: app.upload_file_to_storage("s", "/x", b"x"),
    "download": lambda app: app.download_storage_file("s", "/x"),
}
BODIES = [
    b"",
    b"[]",
    b"{}",
    b'"text"',
    b"null",
    b"<html>",
    b"\xff",
    b'{"token": "a.b.c"}',
    b'{"data": 7, "session": []}',
]


@dataclass
class Odd:
    """A server that answers everything in one way. `received` has the headers of the last request."""

    api: str = ""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    received: dict[str, str] = field(default_factory=dict)

    def client(self) -> PrivateShare:
        """The SDK against it."""
        return PrivateShare("a", contract_id="c", private_key=jwt.private_pem(KEY), base_url=self.api, retries=0)


@pytest.fixture
def odd() -> Iterator[Odd]:
    answer = Odd()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # The body would wait 40 ms for the confirmation of the headers.

        def _serve(self) -> None:
            answer.received = {name.lower(): value for name, value in self.headers.items()}
            self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("transfer-encoding"):
                while (line := self.rfile.readline()) and line.strip() != b"0":
                    pass  # an empty line is the end: the client gave up, and this thread must not read for ever
                self.rfile.readline()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 - the names that the standard library calls

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as at:
        answer.api = f"http://{at}/v1.7/"
        yield answer


def refused(app: PrivateShare, call: str) -> PrivateShareError | None:
    """The error that a call raises, if it does."""
    try:
        CALLS[call](app)
    except PrivateShareError as error:
        return error
    return None


@pytest.mark.parametrize("call", CALLS)
def test_an_unexpected_response_raises_invalid_answer(odd: Odd, call: str) -> None:
    """Or the error of a file. The message contains no secret."""
    with odd.client() as app:
        for odd.body in BODIES:
            empty = call == "metadata" or (call == "samples" and odd.body == b"{}")
            empty = empty or (call == "accounts" and odd.body == b"[]")
            error = refused(app, call)
            assert error is not None or empty, odd.body
            assert error is None or (error.hint and "secret" not in str(error))


@pytest.mark.parametrize(
    "metadata", ["", "%", "e30", "W10", "eyJzaXplIjogIngifQ", "eyJtZXRhZGF0YSI6IDd9", "eyJjb21wcmVzc2lvbiI6IFtdfQ"]
)
def test_invalid_metadata_is_reported(odd: Odd, metadata: str) -> None:
    """For a single file, and in a reading of all files."""
    odd.headers, odd.body = {"x-metadata": metadata}, b"x" * 400
    with odd.client() as app, pytest.raises(PrivateShareError):
        app.read_file("session", "file", TOKEN)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(odd: Odd, status: int) -> None:
    """The request contains tokens. The error names the target without its path."""
    odd.status, odd.headers = status, {"location": "https://share.example/v1.7/query/secret"}
    with (
        odd.client() as app,
        pytest.raises(InvalidAnswer, match=r"redirect to https://share\.example\.") as told,
    ):
        app.read_accounts(TOKEN)
    assert "secret" not in str(told.value)
    assert "base_url" in told.value.hint


@pytest.mark.protocol("13")
@pytest.mark.parametrize(
    ("body", "headers", "code", "message", "reference"),
    [
        ({"error": {"code": "FileNotFound", "message": "m", "reference": "r"}}, {}, "FileNotFound", "m", "r"),
        (
            {"error": "NotFound", "message": "no such storage"},
            {"x-request-id": "r"},
            "NotFound",
            "no such storage",
            "r",
        ),
        ({}, {"x-error-code": "InvalidSession", "x-error-message": "m"}, "InvalidSession", "m", None),
        ({"error": {"code": "Unheard", "message": 7}}, {}, "Unheard", "7", None),
        ("<html>", {}, "NotFound", "The platform answered with the status 404", None),
    ],
)
def test_an_error_response_is_reported_in_any_form(
    odd: Odd, body: object, headers: dict[str, str], code: str, message: str, reference: str | None
) -> None:
    """In the body, as storage does (11.5), or in the headers; otherwise by its status."""
    odd.status, odd.headers, odd.body = 404, headers, json.dumps(body).encode()
    with odd.client() as app, pytest.raises(PrivateShareError) as told:
        app.read_accounts(TOKEN)
    assert (told.value.code, told.value.message, told.value.reference) == (code, message, reference)
    assert told.value.status == 404


def test_a_response_that_cannot_be_decompressed_is_an_error(odd: Odd) -> None:
    """It counts as a response that did not arrive."""
    odd.headers, odd.body = {"content-encoding": "gzip"}, b"no gzip"
    with odd.client() as app, pytest.raises(NetworkError):
        app.read_accounts(TOKEN)


def test_failed_downloads_leave_nothing_on_disk(odd: Odd, tmp_path: Path) -> None:
    """Neither an invalid file nor a missing one."""
    with odd.client() as app:
        odd.body = b"x" * 1000
        with pytest.raises(PrivateShareError):
            app.download_storage_file("s", "/x", to=tmp_path / "x")
        odd.status = 404
        with pytest.raises(NotFound):
            app.read_file("s", "x", TOKEN, to=tmp_path / "x")
        with pytest.raises(FileNotFoundError):
            app.push_data(TOKEN, tmp_path / "nothing", DESCRIPTOR)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 300_000])
def test_bytes_are_pushed_with_their_length(odd: Odd, data: bytes) -> None:
    """They are not sent in chunks, which takes more packets. What gives its bytes piece by piece is."""
    odd.body = b"{}"
    with odd.client() as app:
        app.push_data(TOKEN, data, DESCRIPTOR)
        assert odd.received["content-length"] == str(len(data))
        assert "transfer-encoding" not in odd.received
        app.push_data(TOKEN, iter([data or b"x"]), DESCRIPTOR)
        assert odd.received["transfer-encoding"] == "chunked"
        assert "content-length" not in odd.received
