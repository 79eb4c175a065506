"""The SDK against a platform that means harm: whatever comes, each call ends soon, in little memory, with an error."""

import gzip
import json
import sys
import threading
import time
import tracemalloc
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import brotli
import pytest

from privateshare import (
    AccountRef,
    AsyncPrivateShare,
    ConfigurationError,
    FileIntegrityError,
    InvalidAnswer,
    NetworkError,
    PrivateShare,
    PrivateShareError,
    PushDescriptor,
    Unavailable,
    UserAccessToken,
)
from privateshare.protocol import jwt, zstd
from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from privateshare.sdk.local_files.safe_files import safe_name
from privateshare.sdk.reading.manifest import NAME
from privateshare.sdk.tokens import Token
from tests.keys import rsa_key
from tests.patience import GIVE_UP_SECONDS, wait_for
from tests.unit.sdk.hostile import Behaviour, Exchange, gzip_bomb, hostile_platform

KEY = rsa_key()
TOKEN = UserAccessToken(Token("access-secret", 4e9), Token("refresh-secret", 4e9), "person", "consent")
SETTINGS: dict[str, Any] = {"contract_id": "c", "private_key": jwt.private_pem(KEY), "timeout": 0.2, "retries": 0}
IMPATIENT = SETTINGS | {"timeout": 0.05}
PATIENT = SETTINGS | {"timeout": GIVE_UP_SECONDS}  # for what ends by itself, also on a machine that is busy
LONGEST_SECONDS = 60  # for a call whose deadline is within a second, on a machine that has other things to do
MEMORY_BYTES = 80 << 20
DESCRIPTOR = PushDescriptor(mime_type="x/y", accounts=[AccountRef(account_id="a")])

CALLS: dict[str, Callable[[PrivateShare], Any]] = {
    "accounts": lambda app: app.read_accounts(TOKEN),
    "file": lambda app: app.read_file("session", "file", TOKEN),
    "push": lambda app: app.push_data(TOKEN, b"x" * 100_000, DESCRIPTOR),
}
ASYNC_CALLS: dict[str, Callable[[AsyncPrivateShare], Any]] = {
    "accounts": lambda app: app.read_accounts(TOKEN),
    "file": lambda app: app.read_file("session", "file", TOKEN),
}
AsyncApps = tuple[AsyncPrivateShare, AsyncPrivateShare]
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
MEGABYTE = b"100000\r\n" + b"[" * (1 << 20) + b"\r\n"


def raw(data: bytes) -> Behaviour:
    """Sends these bytes and closes."""
    return lambda exchange: exchange.send(data)


def then_for_ever(start: bytes, piece: bytes, every: float = 0.0) -> Behaviour:
    """Sends a start, and then a piece for ever."""

    def behave(exchange: Exchange) -> None:
        exchange.send(start)
        exchange.for_ever(piece, every)

    return behave


def encoded(encoding: str, body: bytes) -> Behaviour:
    """A proper answer in some content encoding."""
    return lambda exchange: exchange.answer(body, content_encoding=encoding)


BOMB = gzip_bomb(2048)
BEHAVIOURS: dict[str, Behaviour] = {
    "a bomb of gzip": encoded("gzip", BOMB),
    "a bomb in capital letters": encoded(" GZip ", BOMB),
    "a bomb of brotli": encoded("br", brotli.compress(bytes(1 << 26), quality=5)),
    "a bomb of zstd": encoded("zstd", zstd.compress(bytes(1 << 26))),
    "a bomb of deflate": encoded("deflate", BOMB[10:]),
    "gzip in gzip": encoded("gzip, gzip", gzip.compress(BOMB)),
    "an unknown encoding": encoded("rot13", b"[]"),
    "a body without end": then_for_ever(CHUNKED, MEGABYTE),
    "a body without end or length": then_for_ever(b"HTTP/1.1 200 OK\r\n\r\n", b"[" * (1 << 20)),
    "a body of a terabyte": then_for_ever(
        b"HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n", b"[" * (1 << 20)
    ),
    "two lengths": then_for_ever(CHUNKED.replace(b"chunked", b"chunked\r\ncontent-length: 3"), MEGABYTE),
    "a body byte by byte": then_for_ever(CHUNKED, b"1\r\n[\r\n", 0.02),
    "a chunk size byte by byte": then_for_ever(CHUNKED, b"0", 0.02),
    "headers without end": then_for_ever(b"HTTP/1.1 200 OK\r\n", b"x-more: " + b"x" * 1000 + b"\r\n"),
    "headers byte by byte": then_for_ever(b"HTTP/1.1 200 OK\r\nx: ", b"x", 0.02),
    "a header without end": then_for_ever(b"HTTP/1.1 200 OK\r\nx: ", b"x" * 10_000),
    "informational answers without end": then_for_ever(b"", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"),
    "informational answers now and then": then_for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
    "trailers without end": then_for_ever(CHUNKED + b"0\r\n", b"x-more: " + b"x" * 1000 + b"\r\n"),
    "nothing at all": lambda exchange: exchange.for_ever(b"", 0.05),
    "an end at once": raw(b""),
    "no HTTP": raw(b"\x16\x03\x01\x02\x00" + bytes(range(256))),
    "HTTP 0.9": raw(b"<html>"),
    "no status": raw(b"HTTP/1.1\r\n\r\n[]"),
    "a status that is no number": raw(b"HTTP/1.1 abc OK\r\n\r\n[]"),
    "a status of ten digits": raw(b"HTTP/1.1 2000000000 OK\r\n\r\n[]"),
    "another protocol": raw(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n[["),
    "a negative length": raw(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n[]"),
    "lengths that differ": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n[]]"),
    "a chunk size that is no number": raw(CHUNKED + b"zz\r\n"),
    "a chunk size of a yottabyte": then_for_ever(CHUNKED + b"f" * 16 + b"\r\n", b"[" * (1 << 20)),
    "header names that are none": raw(b"HTTP/1.1 200 OK\r\n\xff\x00: \x01\r\n\r\n{"),
    "headers that are no text": raw(
        b"HTTP/1.1 200 OK\r\netag: \xff\xfe\r\nx-metadata: \xff\r\ncontent-length: 1\r\n\r\n{"
    ),
    "half a million cookies": raw(b"HTTP/1.1 200 OK\r\n" + b"set-cookie: a=b; expires=x\r\n" * 3000 + b"\r\n{"),
    "deep JSON": lambda exchange: exchange.answer(b"[" * 1_000_000),
    "redirects without end": lambda exchange: exchange.answer(b"", 302, location=exchange.path + "x"),
    "a redirect to no address": lambda exchange: exchange.answer(b"", 302, location="http://[::1"),
    "a redirect that keeps the method": lambda exchange: exchange.answer(b"", 308, location="//elsewhere.example/x"),
    "a redirect with a bomb": lambda exchange: exchange.answer(BOMB, 307, location="/", content_encoding="gzip"),
}


ENDED_BY_THE_DEADLINE = {
    *("a body byte by byte", "a chunk size byte by byte", "headers byte by byte"),
    *("informational answers now and then", "nothing at all"),
}
GROWING = (
    "bomb",
    "gzip",
    "without end",
    "terabyte",
    "yottabyte",
    "lengths",
    "frames",
    "window",
)  # what may take memory


@contextmanager
def bounded(name: str) -> Iterator[None]:
    """Check that what is done within takes little time, and little memory where it might take much."""
    may_grow = any(word in name for word in GROWING) and "informational" not in name
    if may_grow:  # which is slow to watch
        tracemalloc.start()
    began, peak = time.monotonic(), 0
    try:
        yield
    finally:
        if may_grow:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    assert time.monotonic() - began < LONGEST_SECONDS
    assert peak < MEMORY_BYTES


@dataclass
class Hostile:
    """A platform whose behaviour a test chooses, and the SDK against it."""

    app: PrivateShare
    impatient: PrivateShare
    patient: PrivateShare
    behaviour: Behaviour

    def app_for(self, name: str) -> PrivateShare:
        """Return the client for this behaviour: the impatient one, if the call ends by its deadline."""
        return self.impatient if name in ENDED_BY_THE_DEADLINE else self.app


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    def behave(exchange: Exchange) -> None:
        made.behaviour(exchange)

    with (
        hostile_platform(behave) as api,
        PrivateShare("a", base_url=api, **SETTINGS) as app,
        PrivateShare("a", base_url=api, **IMPATIENT) as impatient,
        PrivateShare("a", base_url=api, **PATIENT) as patient,
    ):
        made = Hostile(app, impatient, patient, raw(b""))
        yield made


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_every_call_ends_soon_with_an_error_in_little_memory(hostile: Hostile, behaviour: str) -> None:
    """The error is one of ours, says what to do, and contains no secret."""
    hostile.behaviour = BEHAVIOURS[behaviour]
    for call in CALLS.values():
        if call is CALLS["push"] and behaviour in HARMLESS_AFTER_A_PUSH:
            continue
        with bounded(behaviour), pytest.raises(PrivateShareError) as told:
            call(hostile.app_for(behaviour))
        assert told.value.hint
        assert "secret" not in str(told.value)
        assert str(told.value).isprintable()


HARMLESS_AFTER_A_PUSH = {  # whose answer says nothing more than that it was taken
    *("an unknown encoding", "header names that are none", "headers that are no text", "half a million cookies"),
    *("deep JSON", "another protocol"),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_every_asyncio_call_ends_soon_with_an_error(
    hostile: Hostile, asyncio_apps: AsyncApps, behaviour: str
) -> None:
    """With the same behaviours."""
    hostile.behaviour = BEHAVIOURS[behaviour]
    patient, impatient = asyncio_apps
    for call in ASYNC_CALLS.values():
        with bounded(behaviour), pytest.raises(PrivateShareError):
            await call(impatient if behaviour in ENDED_BY_THE_DEADLINE else patient)


@pytest.fixture(scope="module")
async def asyncio_apps(hostile: Hostile) -> AsyncIterator[AsyncApps]:
    api = hostile.app._core.configuration.api
    async with (
        AsyncPrivateShare("a", base_url=api, **SETTINGS) as patient,
        AsyncPrivateShare("a", base_url=api, **IMPATIENT) as impatient,
    ):
        yield patient, impatient


REFUSALS: dict[str, Behaviour] = {
    "a bomb": lambda exchange: exchange.answer(BOMB, 503, content_encoding="gzip"),
    "no gzip": lambda exchange: exchange.answer(b"no gzip", 503, content_encoding="gzip"),
    "half a gzip": lambda exchange: exchange.answer(gzip.compress(b"{}")[:-3], 503, content_encoding="gzip"),
    "an unknown encoding": lambda exchange: exchange.answer(b"{}", 503, content_encoding="rot13"),
    "a body without end": then_for_ever(CHUNKED.replace(b"200 OK", b"503 No"), MEGABYTE),
    "a body without end or length": then_for_ever(b"HTTP/1.1 503 No\r\n\r\n", b"[" * (1 << 20)),
    "deep JSON": lambda exchange: exchange.answer(b'{"error":' + b"[" * 900_000, 503),
    "a long message": lambda exchange: exchange.answer(
        b'{"error": {"code": "Unavailable", "message": "' + b"x" * 900_000 + b'"}}', 503
    ),
    "control characters": lambda exchange: exchange.answer(
        b'{"error": {"code": "Unavailable", "message": "\\u001b[2J\\u202e\\u009b", "reference": "\\u0007"}}', 503
    ),
    "a wait that is none": lambda exchange: exchange.answer(b"{}", 503, retry_after="nan"),
    "a wait for ever": lambda exchange: exchange.answer(b"{}", 503, retry_after="1e999"),
}


@pytest.mark.parametrize("behaviour", REFUSALS)
def test_an_error_response_is_reported_whatever_its_body(hostile: Hostile, behaviour: str) -> None:
    """The status is sufficient. The text can be shown on a terminal safely."""
    hostile.behaviour = REFUSALS[behaviour]
    for call in (CALLS["accounts"], CALLS["file"]):
        with bounded(behaviour), pytest.raises(Unavailable) as told:
            call(hostile.patient)
        assert str(told.value).isprintable()
        assert len(str(told.value)) < 5000


# --- files, of which one is bad ---

GOOD = b'[{"entityid": "1"}]'
NAMES = [f"file-{number}" for number in range(6)]


def file_answer(body: bytes, header: dict[str, object], **headers: str) -> Behaviour:
    """A file in an envelope that opens, with this `X-Metadata`."""
    sealed = b"".join(encrypt_stream([body], KEY.public_key()))
    return lambda exchange: exchange.answer(sealed, 200, x_metadata=encode_metadata(header), **headers)


ZEROS = bytes(1 << 27)  # more than memory may grow to in a thousandth of that
TINY_BROTLI, TINY_ZSTD = brotli.compress(ZEROS, quality=5), zstd.compress(ZEROS)
WINDOW = b"\x28\xb5\x2f\xfd\x04\xa8" + bytes(20)  # asks for 2 GB
SKIPPED = b"\x50\x2a\x4d\x18\xf0\xff\x00\x00" + bytes(0xFFF0)  # a frame of zstd that holds nothing
FOUR_GB = 1 << 32
DEEP = urlsafe_b64encode(b'{"metadata":' + b"[" * 30_000).decode()
FILES: dict[str, Behaviour] = {
    "a bomb of gzip": file_answer(BOMB, {"compression": "gzip"}),
    "a bomb of gzip that says so": file_answer(BOMB, {"compression": "gzip", "size": 1 << 28}),
    "a bomb of brotli": file_answer(TINY_BROTLI, {"compression": "brotli"}),
    "a bomb of brotli that says 4 GB": file_answer(TINY_BROTLI, {"compression": "brotli", "size": FOUR_GB}),
    "a bomb of brotli that says 7 bytes": file_answer(TINY_BROTLI, {"compression": "brotli", "size": 7}),
    "a bomb of zstd": file_answer(TINY_ZSTD, {"compression": "zstd"}),
    "a bomb of zstd in frames": file_answer(TINY_ZSTD * 50, {"compression": "zstd"}),
    "a large window of zstd": file_answer(WINDOW, {"compression": "zstd"}),
    "gzip in an encoding": file_answer(gzip.compress(GOOD), {"compression": "gzip"}, content_encoding="gzip"),
    "an encoding of brotli": file_answer(GOOD, {}, content_encoding="br"),
    "an unknown compression": file_answer(GOOD, {"compression": "\x1b[2J" * 9}),
    "half a gzip": file_answer(gzip.compress(GOOD)[:-4], {"compression": "gzip"}),
    "half a brotli": file_answer(brotli.compress(GOOD * 99)[:-1], {"compression": "brotli"}),
    "half a zstd": file_answer(zstd.compress(GOOD)[:-1], {"compression": "zstd"}),
    "more after gzip": file_answer(gzip.compress(GOOD) + b"more", {"compression": "gzip"}),
    "more after brotli": file_answer(brotli.compress(GOOD) + b"more", {"compression": "brotli"}),
    "more after zstd": file_answer(zstd.compress(GOOD) + b"more", {"compression": "zstd"}),
    "frames that hold nothing": file_answer(zstd.compress(GOOD) + SKIPPED * 50, {"compression": "zstd", "size": 19}),
    "members that hold nothing": file_answer(gzip.compress(b"") * 9000 + b"x", {"compression": "gzip", "size": 0}),
    "a size that is too small": file_answer(GOOD, {"size": 3}),
    "a size that is too large": file_answer(GOOD, {"size": 300}),
    "a negative size": file_answer(GOOD, {"size": -1}),
    "a size of many digits": file_answer(GOOD, {"size": 10**400}),
    "another hash": file_answer(GOOD, {"sha256": "0" * 64}),
    "metadata of other types": file_answer(GOOD, {"metadata": [], "size": "x", "compression": {}}),
    "metadata that is deep": lambda exchange: exchange.answer(GOOD, x_metadata=DEEP),
    "metadata that is no base64": lambda exchange: exchange.answer(GOOD, x_metadata="%%%"),
    "no envelope": lambda exchange: exchange.answer(GOOD * 100),
    "nothing": lambda exchange: exchange.answer(b""),
    "no content": lambda exchange: exchange.answer(b"", 204),
    "an envelope without end": then_for_ever(
        CHUNKED[:-2] + b"x-metadata: " + encode_metadata({"size": 7}).encode() + b"\r\n\r\n",
        b"10000\r\n" + bytes(1 << 16) + b"\r\n",
    ),
    "metadata in a trailer": raw(CHUNKED + b"1\r\nx\r\n0\r\nx-metadata: e30\r\n\r\n"),
}


def session_of(bad: dict[str, Behaviour]) -> Behaviour:
    """A session of good files, and of files that behave so."""
    good = file_answer(GOOD, {"size": len(GOOD)})
    entries = [{"name": name, "updatedDate": 1} for name in (*NAMES, *bad)]
    listed = json.dumps({"status": {"state": "completed"}, "fileList": entries}).encode()

    def behave(exchange: Exchange) -> None:
        name = unquote(exchange.path.rpartition("/")[2])
        if name == "session":
            exchange.answer(listed)
        else:
            bad.get(name, good)(exchange)

    return behave


@pytest.mark.parametrize("file", FILES)
def test_an_invalid_file_is_rejected_in_little_memory(hostile: Hostile, file: str) -> None:
    """For everything that can be wrong with a file."""
    hostile.behaviour = FILES[file]
    with bounded(file), pytest.raises(PrivateShareError) as told:
        hostile.app.read_file("session", file, TOKEN)
    assert str(told.value).isprintable()


@pytest.mark.parametrize("into", [False, True])
def test_invalid_files_do_not_end_the_reading(into: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is reported, the others are read, and no partial file is left. With a folder and without libcurl too."""
    if into:
        monkeypatch.setitem(sys.modules, "pycurl", None)
    bad = BEHAVIOURS | {f"file: {name}": behaviour for name, behaviour in FILES.items()}
    for name in ENDED_BY_THE_DEADLINE:  # The good files would have to be faster than it, while all others are read.
        del bad[name]
    grown: dict[str, Behaviour] = {}
    if into:  # On a disk they may grow. Some MB of that are enough.
        bombs = {"brotli": brotli.compress(bytes(1 << 24), quality=5), "zstd": zstd.compress(bytes(1 << 24))}
        grown = {f"file: a bomb of {kind}": file_answer(bomb, {"compression": kind}) for kind, bomb in bombs.items()}
    folder = tmp_path / "folder" if into else None
    with hostile_platform(session_of(bad | grown)) as api, PrivateShare("a", base_url=api, **PATIENT) as app:
        result = app.read_all_files("session", TOKEN, parallel=24, into=folder, on_file_data=lambda _: None).result()
    assert {error.name for error in result.errors} == bad.keys() - grown.keys()
    assert result.files == len(NAMES) + len(grown)
    if folder is not None:
        assert not list(folder.glob(".*.part"))
        assert {path.name for path in folder.iterdir()} == {safe_name(name) for name in (*NAMES, *grown)} | {NAME}


def test_slow_files_do_not_end_the_reading() -> None:
    """They are reported, and the files after them are read."""
    bad = {name: BEHAVIOURS[name] for name in ENDED_BY_THE_DEADLINE}
    settings = SETTINGS | {"timeout": 1}
    with hostile_platform(session_of(bad)) as api, PrivateShare("a", base_url=api, **settings) as app:
        result = app.read_all_files("session", TOKEN, parallel=24, on_file_data=lambda _: None).result()
    failed = {error.name for error in result.errors}
    assert failed - set(NAMES) == bad.keys()
    assert result.files == len(set(NAMES) - failed)  # On a busy machine, one may take longer than the short limit.


def test_a_decompression_bomb_is_reported(hostile: Hostile, tmp_path: Path) -> None:
    """In memory it stops early, on disk later. A size that exceeds the memory is reported immediately."""
    hostile.behaviour = FILES["a bomb of brotli"]
    with pytest.raises(FileIntegrityError, match="300-fold"):
        CALLS["file"](hostile.patient)
    hostile.patient.read_file("session", "file", TOKEN, to=tmp_path / "file")
    assert (tmp_path / "file").stat().st_size == len(ZEROS)
    hostile.behaviour = FILES["a bomb of brotli that says 4 GB"]
    with pytest.raises(ConfigurationError, match="too much for the memory"):
        CALLS["file"](hostile.patient)
    with pytest.raises(FileIntegrityError, match="instead of"):
        hostile.patient.read_file("session", "file", TOKEN, to=tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_file_lists_are_limited_and_one_invalid_entry_affects_no_other() -> None:
    """An entry that cannot be parsed counts as a file that could not be read."""
    entries = [
        *('{"name": "file-0", "updatedDate": 1}', '{"name": 7, "updatedDate": 1}', '{"updatedDate": 1}', "null", "[]"),
        *('{"name": "late", "updatedDate": "soon"}', '{"name": "file-1", "updatedDate": 1, "schema": 7}', '"text"'),
        '{"name": "file-2", "updatedDate": 1e999}',
    ]
    listed = f'{{"status": {{"state": "completed"}}, "fileList": [{",".join(entries)}]}}'.encode()
    good = file_answer(GOOD, {"size": len(GOOD)})

    def behave(exchange: Exchange) -> None:
        exchange.answer(listed) if exchange.path.endswith("session") else good(exchange)

    with hostile_platform(behave) as api, PrivateShare("a", base_url=api, **PATIENT) as app:
        result = app.read_all_files("session", TOKEN).result()
        assert result.files == 1
        assert len(result.errors) == len(entries) - 1
        assert {type(failed.error) for failed in result.errors} == {InvalidAnswer}
        assert {"late", "file-1", "file-2"} < {failed.name for failed in result.errors}
        with pytest.raises(InvalidAnswer):
            app.read_file_list("session", TOKEN)


def test_time_spent_in_the_app_does_not_count_as_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow callback, or a slow source of an upload, does not end a request."""
    spent = 0

    def spend_time(*_: object) -> None:
        nonlocal spent
        spent += 3 * GIVE_UP_SECONDS

    def slow_pieces() -> Iterator[bytes]:
        for _ in range(3):
            spend_time()
            yield b"x"

    for module in ("deadlines", "_sync.connections"):
        monkeypatch.setattr(f"privateshare.sdk.http.{module}.monotonic", lambda: time.monotonic() + spent)
    with hostile_platform(file_answer(GOOD * 50_000, {})) as api, PrivateShare("a", base_url=api, **PATIENT) as app:
        app.read_file("session", "file", TOKEN, on_progress=spend_time)
        assert spent > 0
        app.push_data(TOKEN, slow_pieces(), DESCRIPTOR)


def test_closing_does_not_wait_for_a_silent_platform() -> None:
    """The threads of an abandoned reading end within a second or two."""
    settings = SETTINGS | {"timeout": 60}
    with (
        hostile_platform(session_of({"bad": BEHAVIOURS["nothing at all"]})) as api,
        PrivateShare("a", base_url=api, **settings) as app,
    ):
        began = time.monotonic()
        with pytest.raises(PrivateShareError), app.read_all_files("session", TOKEN, timeout=1) as reading:
            reading.result()
        wait_for(lambda: not [one for one in threading.enumerate() if one.name.startswith("privateshare-")])
        assert time.monotonic() - began < LONGEST_SECONDS


@pytest.mark.parametrize(
    ("behaviour", "kind", "words", "timeout"),
    [
        ("a bomb of gzip", InvalidAnswer, "larger than 16384 KB", GIVE_UP_SECONDS),
        ("gzip in gzip", InvalidAnswer, "did not request", GIVE_UP_SECONDS),
        ("headers byte by byte", NetworkError, "too slowly", 1),  # On a busy machine, a byte may take most of this.
        ("nothing at all", NetworkError, "sends nothing", 0.1),
        ("redirects without end", InvalidAnswer, "redirect", GIVE_UP_SECONDS),
    ],
)
def test_errors_say_what_the_platform_did(
    hostile: Hostile, behaviour: str, kind: type[Exception], words: str, timeout: float
) -> None:
    """The texts distinguish a slow connection from an attack."""
    hostile.behaviour = BEHAVIOURS[behaviour]
    api, settings = hostile.app._core.configuration.api, SETTINGS | {"timeout": timeout}
    with PrivateShare("a", base_url=api, **settings) as app, pytest.raises(kind, match=words):
        CALLS["accounts"](app)
