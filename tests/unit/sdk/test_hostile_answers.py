"""Answers of a platform that are wrong in any way: each call gives a value, or an error of the tree.

The flows are driven here without a network; what travels on one is in test_hostile_platform.py.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import RSAKey

from privateshare import File, FileMetadata, PageOptions, PrivateShareError, SourceQuery, UserAccessToken, tables
from privateshare.protocol import jwt
from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from privateshare.sdk.configuration import make_configuration
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Delay, Flow
from privateshare.sdk.flows import accounts, catalogue_queries, contracts, oauth, pages, references, sessions, storage
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.tokens import Token
from tests.keys import rsa_key

KEY = rsa_key()
API = "https://share.example/v1.7/"
ADDRESSES = {"base_url": API, "onboard_url": None, "storage_url": None}
CORE = Core(make_configuration("app", "contract", jwt.private_pem(KEY), ADDRESSES, timeout=1, retries=0))
TOKEN = UserAccessToken(Token("access-secret", 4e9), Token("refresh-secret", 4e9), "person", "consent")
KEYS = {(f"{API}jwks/oauth", "one"): KEY.public_key()}
KNOWING_KEYS = replace(CORE, keys=KEYS)
SESSION = {"key": "session-key", "expiry": 4_000_000_000_000}

Make = Callable[[], Flow[Any]]

ACCOUNT = {
    "id": "19_a",
    "reference": "r",
    "type": "USER",
    "createdDate": 1,
    "updatedDate": 1,
    "serviceGroupId": 5,
    "serviceGroupName": "Entertainment",
    "serviceTypeId": 19,
    "serviceTypeName": "Spotify",
    "serviceTypeReference": "spotify",
    "sourceId": 16,
    "accessTokenStatus": {"authorized": True, "expiresAt": 1},
    "username": "ann",
}
ENTRY = {
    "name": "18_5_19_1_406_D202601_1.json",
    "updatedDate": 1,
    "schema": {"standard": "digime", "version": "1.0"},
    "objectType": "playhistory",
    "objectCount": 1,
}
STATE = {"state": "partial", "error": {"code": "ServiceAuthorizationError", "statusCode": 511, "reauth": True}}
LIST = {"status": {"state": "completed", "details": {"19_a": STATE}}, "fileList": [ENTRY]}
SOURCE = {
    "id": 16,
    "name": "Spotify",
    "category": [{"id": 5, "name": "Entertainment"}],
    "country": [{"id": 1, "code": "nl", "name": "x"}],
    "service": {"id": 19, "name": "Spotify", "publishedStatus": "approved"},
    "resource": {"url": "https://x/", "mimetype": "image/png", "type": 0},
    "type": [{"id": 1, "name": "pull"}],
    "json": {"a": [1]},
}
CONTRACT = {
    "id": "contract",
    "type": "json",
    "accessType": "r",
    "application": {"id": "app", "name": "Test", "resources": {}, "status": 1},
    "certificate": "e30=",
    "certificateContractSchemaVersion": "5.0.0",
    "expirationDate": 1,
    "partnerId": "partner",
}
STORED = {"id": "1", "name": "x", "originalName": "X", "originalPath": "/apps/app/", "path": "/apps/app/"}

CALLS: dict[str, tuple[Make, Any]] = {
    "accounts": (partial(accounts.read_accounts, CORE, TOKEN), [ACCOUNT]),
    "list": (partial(sessions.read_file_list, CORE, TOKEN, "s"), LIST),
    "list of a run": (partial(sessions.wait_for_list, CORE, TOKEN, "s"), LIST),
    "session": (partial(sessions.read_session, CORE, TOKEN, None), {"session": SESSION}),
    "sources": (
        partial(catalogue_queries.query_sources, CORE, SourceQuery(), 1, 0, None),
        {"data": [SOURCE], "limit": 1, "offset": 0, "total": 1},
    ),
    "countries": (
        partial(catalogue_queries.query_countries, CORE, None),
        {"data": [{"id": 1, "code": "nl", "name": "Netherlands"}]},
    ),
    "samples": (
        partial(catalogue_queries.sample_data_sets, CORE, 16),
        {"default": {"name": "Default", "description": "x"}},
    ),
    "contract": (partial(contracts.contract_details, CORE), CONTRACT),
    "storage": (partial(storage.user_storage, CORE, TOKEN), {"id": "1", "kid": "k"}),
    "stored files": (
        partial(storage.list_files, CORE, "1", "/", recursive=True),
        {"files": [STORED], "total": 1},
    ),
    "reference": (partial(references.storage_reference, CORE, "1"), {"id": "1"}),
    "revoke": (
        partial(pages.revoke_account_permission, CORE, TOKEN, "a", "https://app/"),
        {"location": "https://x/"},
    ),
    "key set": (partial(oauth.exchange_code, replace(CORE, keys={}), "code", "v" * 43), {"keys": []}),
}
REPORT = partial(contracts.portability_report, CORE, TOKEN, "spotify", "xml", None, None)
CALLS["report"] = REPORT, "text"
PAIR = {"value": "new-secret", "expires_on": 4_000_000_000}
CLAIMS: dict[str, tuple[Make, Any]] = {
    "tokens": (
        partial(oauth.exchange_code, KNOWING_KEYS, "code", "v" * 43),
        {"access_token": PAIR, "refresh_token": PAIR, "sub": "p", "identifier": {"id": "p"}, "consentid": "c"},
    ),
    "authorize": (
        partial(oauth.authorize, KNOWING_KEYS, "https://app/", None, PageOptions(), None, None, None),
        {"preauthorization_code": "code"},
    ),
    "onboard": (
        partial(pages.onboard, KNOWING_KEYS, TOKEN, "https://app/", None, PageOptions(), None),
        {"reference_code": "code"},
    ),
}

# JSON that no field expects, as text: some of it no JSON at all
ODD_TEXT = [
    *(
        "null",
        "true",
        "[]",
        "{}",
        '""',
        "0",
        "-1",
        "1.5",
        "1e999",
        "NaN",
        "-Infinity",
        "1" + "0" * 400,
        "1" + "0" * 5000,
    ),
    *(
        "9007199254740993",
        '"\\ud800"',
        '"\\u0000\x7f\x9b\u202e"',
        '"../../x"',
        '"' + "x" * 5000 + '"',
        "[null]",
        '"soon"',
    ),
    *("[" * 2000 + "]" * 2000, '{"a": {"b": {"c": 1}}}', '{"a": 1, "a": 2}', "{", ""),
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


def written(value: Any, changes: dict[tuple[Any, ...], str], path: tuple[Any, ...] = ()) -> str:
    """The JSON of a value, in some places replaced by other text; a key may be left out or be there twice."""
    change = changes.get(path)
    if change not in (None, "left out", "twice"):
        return str(change)
    if isinstance(value, dict):
        parts = []
        for key, inner in value.items():
            part = f"{json.dumps(key)}: {written(inner, changes, (*path, key))}"
            told = changes.get((*path, key))
            parts += [] if told == "left out" else [part, f"{json.dumps(key)}: 7"] if told == "twice" else [part]
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(inner, changes, (*path, number)) for number, inner in enumerate(value)) + "]"
    return json.dumps(value)


def answers(answer: Any) -> Iterator[bytes]:
    """The answer with each of its places wrong, in each way."""
    for place in paths(answer):
        for text in (*ODD_TEXT, "left out", "twice"):
            yield written(answer, {place: text}).encode("utf-8", "surrogatepass")


def mangled(body: bytes) -> Iterator[bytes]:
    """The answer cut anywhere, and with bytes that do not belong to it."""
    yield from (body[:end] for end in range(0, len(body), 1 + len(body) // 10))
    for junk in (b"\xff", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"["):
        yield from (junk + body, body + junk, body.replace(b"1", junk), body.decode().encode("utf-16"))


def outcome(flow: Flow[Any], answer: Callable[[Request], Response]) -> Any:
    """What a call comes to whose requests are all answered so. Raises what it raises."""
    result: Any = None
    try:
        while True:
            effect = flow.send(result)
            token = None if isinstance(effect, Delay) else TOKEN
            result = answer(effect) if isinstance(effect, Request) else token
    except StopIteration as stop:
        return stop.value


def usable(value: Any) -> None:
    """Use what a call gave, as apps do: it can be shown, kept and sent."""
    repr(value).encode("utf-8", "backslashreplace")
    if isinstance(value, UserAccessToken):
        value.is_expired()
        assert UserAccessToken.from_json(value.to_json()) == value
        assert "secret" not in repr(value)
    if isinstance(value, str):
        value.encode()


def check(make: Make, answer: Callable[[Request], Response]) -> None:
    """A value that can be used, or an error of the tree that can be shown and holds no secret."""
    try:
        usable(outcome(make(), answer))
    except PrivateShareError as raised:
        error = raised
    else:
        return
    assert str(error).isprintable()
    assert "secret" not in str(error)


@pytest.mark.parametrize("call", CALLS)
def test_any_response_is_parsed_or_raises_our_error(call: str) -> None:
    """Wrong types, missing fields, NaN, huge numbers, invalid UTF-8, repeated keys, in any place."""
    make, answer = CALLS[call]
    for body in (*answers(answer), *mangled(json.dumps(answer).encode())):
        check(make, lambda _: Response(200, {"etag": "\xff" * 9}, body))  # noqa: B023 - it is called at once


@pytest.mark.parametrize("call", CLAIMS)
def test_any_signed_claims_are_parsed_or_raise_our_error(call: str) -> None:
    """The platform can sign any claims."""
    make, claims = CLAIMS[call]
    key = RSAKey.import_key(KEY)
    header = {"alg": "PS512", "typ": "JWT", "kid": "one", "jku": f"{API}jwks/oauth"}
    for payload in answers(claims):
        token = jws.serialize_compact(header, payload, key, algorithms=["PS512"])
        body = json.dumps({"token": token, "session": SESSION}).encode()
        check(make, lambda _: Response(200, {}, body))  # noqa: B023 - it is called at once


TOKENS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["a.b.c", "..", "e30.e30.e30", "e30.e30.", "\ud800", "x" * 40_000, ".".join(["e30"] * 9)]),
)
HEADERS = [
    {"alg": "none"},
    {"alg": "PS512", "kid": 7, "jku": 7},
    {"alg": "PS512", "kid": [], "jku": {}},
    {"alg": "PS512", "kid": "one", "jku": "https://evil.example/v1.7/jwks/oauth"},
    {"alg": "PS512", "kid": "two", "jku": f"{API}jwks/oauth"},
    {"alg": "PS512", "kid": "one", "jku": f"{API}jwks/oauth", "crit": ["x"]},
    {"alg": "HS512", "kid": "one", "jku": f"{API}jwks/oauth"},
    {"alg": "PS512", "kid": "one", "jku": "https://share.example:x/"},
]


@given(token=TOKENS)
def test_an_invalid_jwt_is_an_error(token: str) -> None:
    """Any text."""
    body = json.dumps({"token": token, "session": SESSION}).encode()
    with pytest.raises(PrivateShareError):
        outcome(CLAIMS["tokens"][0](), lambda _: Response(200, {}, body))


@pytest.mark.parametrize("header", HEADERS, ids=str)
def test_a_jwt_of_another_signer_is_an_error(header: dict[str, object]) -> None:
    """By its header, or with other keys than the platform's. Keys of another origin are not requested."""
    from base64 import urlsafe_b64encode

    def part(value: object) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    token = f"{part(header)}.{part({'access_token': PAIR})}.{part('signature')}"
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.url)
        return Response(200, {}, json.dumps({"token": token, "keys": [], "session": SESSION}).encode())

    with pytest.raises(PrivateShareError):
        outcome(CLAIMS["tokens"][0](), answer)
    assert all(url.startswith(API) for url in asked)


def huge_key_pem() -> str:
    """A public key whose numbers would keep a processor busy."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    return jwt.public_pem(RSAPublicNumbers(65537, (1 << 40_000) + 1).public_key())


@pytest.mark.parametrize(
    "pem", ["", "x", 7, None, [], "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----", "huge"]
)
@pytest.mark.parametrize("kid", ["two", 7, None])
def test_a_key_set_without_keys_is_an_error(pem: object, kid: object) -> None:
    """The cached keys are unchanged."""
    entry = {"kid": kid, "pem": huge_key_pem() if pem == "huge" else pem}
    token = jwt.sign(KEY, {"access_token": PAIR}, kid="two", jku=f"{API}jwks/oauth")
    body = json.dumps({"token": token, "keys": [entry]}).encode()
    keys = dict(KEYS)
    make = partial(oauth.exchange_code, replace(CORE, keys=keys), "code", "v" * 43)
    with pytest.raises(PrivateShareError):
        outcome(make(), lambda _: Response(200, {}, body))


ODD_DATES = [
    None,
    "",
    "x",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 01 Jan 9999 00:00:00 -2359",
    "0" * 9999,
    "1e9",
    "\xff",
]


@given(
    changes=st.dictionaries(
        st.sampled_from(["size", "sha256", "compression", "metadata", "more"]),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    ),
    date=st.sampled_from(ODD_DATES),
    content=st.binary(max_size=60),
)
def test_any_metadata_is_a_file_or_an_error(changes: dict[str, Any], date: str | None, content: bytes) -> None:
    """With any date, and any content in the envelope."""
    header = {"metadata": {}, "size": len(content), "sha256": sha256(content).hexdigest()} | changes
    sealed = b"".join(encrypt_stream([content], KEY.public_key()))
    headers = {"x-metadata": encode_metadata(header), **({"last-modified": date} if date is not None else {})}

    def answer(request: Request) -> Response:
        assert request.receiver is not None
        request.receiver.begin(headers)
        request.receiver.write(sealed)
        request.receiver.finish()
        return Response(200, headers)

    check(partial(sessions.read_file, CORE, TOKEN, "session", "name", None), answer)


VALUES = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=6)),
        st.sampled_from(["createddate", 10**400, "2026-01-01", "0000-00-00", "a\ud800", "\x00", 1e308, -0.0]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
NAMES = st.one_of(
    st.sampled_from(["entityid", "id", "resourceType", "createddate", "time", "track", "", "\x00", "a\ud800", "x.y"]),
    st.text(max_size=6),
)


@given(
    things=st.lists(st.one_of(st.dictionaries(NAMES, VALUES, max_size=5), VALUES), max_size=5),
    kind=st.sampled_from(["playhistory", "condition", "../x", "a\ud800", "\x00", None]),
    name=st.sampled_from(
        ["18_5_19_1_406_D202601_1.json", "18_5_19_1_99999999999999999999_1.json", "x", "18_" + "_" * 9, ""]
    ),
    standard=st.sampled_from(["digime", "fhir", "\x00"]),
)
@settings(max_examples=100, deadline=None)
def test_any_objects_become_tables_or_an_error(things: list[Any], kind: str | None, name: str, standard: str) -> None:
    """Whatever a file contains: everything that can be a row becomes one."""
    metadata = FileMetadata.model_validate({"objectType": kind, "schema": {"standard": standard, "version": "1"}})
    file = File(name, metadata, 1, 1, json.dumps(things).encode())
    with suppress(PrivateShareError):
        list(map(repr, file.objects()))
    found = tables([file])
    assert sum(len(table) for table in found.values()) == sum(isinstance(thing, dict) for thing in things)
    for table in found.values():
        assert len(table.to_records()) == table.to_arrow().num_rows == len(table)
    assert repr(found).isprintable()


def test_unusual_objects_are_written_to_parquet(tmp_path: Path) -> None:
    """Names and values that Arrow would reject are changed."""
    things = [{"entityid": "1", "a\ud800": "b\ud800", "": 1, "\x00": [1], "time": "x", "n": 10**400, "f": float("nan")}]
    file = File("18_5_19_1_406_D202601_1.json", FileMetadata(), 1, 1, json.dumps(things).encode())
    (path,) = tables([file]).to_parquet(tmp_path)
    import pyarrow.parquet

    assert pyarrow.parquet.read_table(path).num_rows == 1
