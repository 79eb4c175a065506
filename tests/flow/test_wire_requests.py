"""Tests of protocol 2, 3 and 13 without the SDK: how requests are authenticated and rejected."""

import asyncio
import hmac
import json
import time
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from privateshare.platform.keys.signing import load_signer, rotate_signing_key
from privateshare.platform.runtime import Platform
from privateshare.protocol import jwt
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.wire import REDIRECT_URI, Wire, b64, check_error, nonce, verifier
from tests.keys import OTHER, rsa_key

OTHER_KEY = rsa_key(OTHER)
DATASETS = "permission-access/sample/datasets/16"  # Any call with a contract's JWT can be used here.


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


def signed_with(wire: Wire, algorithm: str) -> str:
    """Return a JWT of the right key under another algorithm."""
    head = b64(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    claims = {"client_id": wire.client_id, "nonce": nonce(), "timestamp": time.time() * 1000}
    signing_input = f"{head}.{b64(json.dumps(claims).encode())}".encode()
    if algorithm == "none":
        return f"{signing_input.decode()}."
    if algorithm == "HS256":  # An algorithm confusion attack uses the public key as the HMAC secret.
        pem = jwt.public_pem(wire.key.public_key()).encode()
        return f"{signing_input.decode()}.{b64(hmac.digest(pem, signing_input, 'sha256'))}"
    if algorithm == "RS256":
        signature = wire.key.sign(signing_input, padding.PKCS1v15(), hashes.SHA256())
    else:
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        signature = wire.key.sign(signing_input, pss, hashes.SHA256())
    return f"{signing_input.decode()}.{b64(signature)}"


@pytest.mark.protocol("2.1", "2.2", "2.3")
def test_a_well_signed_request_is_answered(wire: Wire) -> None:
    """A PS512 signature by the contract's key and the common claims are enough, and more claims are ignored."""
    assert wire.get(DATASETS).status_code == 200
    more = {"redirect_uri": "x", "session_key": "y", "iat": 1, "exp": 1, "aud": "z", "iss": "nobody"}
    assert wire.get(DATASETS, **more).status_code == 200


@pytest.mark.protocol("2.1")
@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "PS256"])
def test_other_algorithms_are_rejected(wire: Wire, algorithm: str) -> None:
    """Any other `alg` and `none` are rejected, even with the right key."""
    check_error(wire.get(DATASETS, jwt=signed_with(wire, algorithm)), 400, "InvalidJWT")


@pytest.mark.protocol("2.1")
def test_another_key_is_rejected(wire: Wire) -> None:
    """Only the contract's own key may sign for it."""
    check_error(wire.get(DATASETS, jwt=wire.jwt(key=OTHER_KEY)), 400, "InvalidJWT")


@pytest.mark.protocol("13")
@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30", "e30.e30.", "...."])
def test_malformed_jwts_are_rejected(wire: Wire, token: str) -> None:
    """The error is InvalidJWT for malformed tokens too."""
    check_error(wire.get(DATASETS, jwt=token), 400, "InvalidJWT")


@pytest.mark.protocol("13")
def test_a_request_without_authorization_is_rejected(wire: Wire) -> None:
    """The status is not 401, which would make clients refresh their token."""
    check_error(wire.http.get(wire.url(DATASETS)), 400, "InvalidJWT")


@pytest.mark.protocol("13")
async def test_unknown_and_mismatched_clients_are_rejected(wire: Wire, people: People) -> None:
    """An unknown contract, an unknown application and a wrong pair get the same error."""
    other = await people.contract()
    strangers = [f"{wire.application_id}_{other.contract_id}", f"{wire.application_id}_x", "x", f"x_{wire.contract_id}"]
    for client in strangers:
        message = check_error(wire.get(DATASETS, client_id=client), 403, "InvalidClient")
        assert message == f"The client_id ({client}) is invalid"


@pytest.mark.protocol("2.2")
@pytest.mark.parametrize("bad", ["short", "n" * 33, "-" * 32, 7, None])
def test_a_nonce_has_32_letters_and_digits(wire: Wire, bad: object) -> None:
    """Other nonces are rejected."""
    message = check_error(wire.get(DATASETS, nonce=bad), 400, "InvalidRequest")
    assert "nonce" in message


@pytest.mark.protocol("2.3")
@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_stale_timestamp_is_rejected_with_its_skew(wire: Wire, minutes: int) -> None:
    """The limit is five minutes in both directions, and the message has the skew."""
    message = check_error(wire.get(DATASETS, timestamp=(time.time() + minutes * 60) * 1000), 400, "InvalidTimestamp")
    assert str(-minutes * 60)[:3] in message


@pytest.mark.protocol("2.2", "2.3")
@pytest.mark.parametrize("seconds_ago", [0, 40, 280])
def test_timestamps_within_five_minutes_pass_in_either_unit(wire: Wire, seconds_ago: int) -> None:
    """Downloads that were signed 30 s ago, fractions, and seconds instead of milliseconds are accepted."""
    moment = time.time() - seconds_ago
    assert wire.get(DATASETS, timestamp=moment * 1000 + 0.25).status_code == 200
    assert wire.get(DATASETS, timestamp=moment).status_code == 200


@pytest.mark.protocol("2.2")
@pytest.mark.parametrize("bad", ["now", None, True, [1]])
def test_a_timestamp_is_a_number(wire: Wire, bad: object) -> None:
    """The error names the claim."""
    assert "timestamp" in check_error(wire.get(DATASETS, timestamp=bad), 400, "InvalidRequest")


@pytest.mark.protocol("2.3")
def test_a_read_may_repeat_its_nonce(wire: Wire) -> None:
    """Older clients send the same JWT when they retry a read."""
    token = wire.jwt()
    assert [wire.get(DATASETS, jwt=token).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.protocol("2.3")
def test_a_repeated_nonce_on_a_change_is_rejected(wire: Wire) -> None:
    """A different request with a used nonce is rejected."""
    used = nonce()
    assert wire.authorize(verifier(), nonce=used).status_code == 201
    message = check_error(wire.authorize(verifier(), nonce=used), 400, "InvalidRequest")
    assert message == f"The nonce provided in JWT payload ({used}) has already been used"


@pytest.mark.protocol("2.3")
def test_an_identical_repeat_of_a_change_gets_the_first_answer(wire: Wire) -> None:
    """A client that lost the first response sends the request again, and nothing happens twice."""
    challenge = b64(b"c" * 32)
    claims: dict[str, Any] = {"code_challenge": challenge, "code_challenge_method": "S256", "response_mode": "query"}
    token = wire.jwt(**claims, response_type="code", state="s", redirect_uri="https://app.example/return?kept=1")
    first = wire.post("oauth/authorize", jwt=token)
    again = wire.post("oauth/authorize", jwt=token)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()


@pytest.mark.protocol("2.3")
async def test_every_change_is_made_once_however_often_it_is_sent(wire: Wire, people: People) -> None:
    """Each call that changes something repeats its first response, also for parallel repeats."""
    secret = verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    tokens = wire.tokens(exchanged := wire.exchange(code, secret))
    assert exchanged.status_code == 200
    account = wire.get("permission-access/accounts", access_token=tokens.access).json()[0]["id"]
    access, uri = {"access_token": tokens.access}, {"redirect_uri": REDIRECT_URI}
    body = {"type": "cloudId", "value": "x"}
    calls: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
        ("POST", "oauth/token", {"refresh_token": tokens.refresh, "grant_type": "refresh_token"}, {}),
        ("POST", "oauth/token/reference", access | uri, {}),
        ("POST", "reference", {}, {"body": body}),
        ("POST", "storage", {}, {}),
        ("POST", "permission-access/trigger", access, {"body": {"sourceFetch": False}}),
        ("DELETE", "permission-access/service/h:accountId", access, {"headers": {"accountId": account}}),
        ("DELETE", "user", access, {}),
    ]
    for method, path, claims, options in calls:
        token = wire.jwt(**claims)
        sent = partial(wire.call, method, path, jwt=token, **options)
        answers = await asyncio.gather(*(asyncio.to_thread(sent) for _ in range(3)))
        assert answers[0].status_code < 300, (path, answers[0].text)
        assert len({(answer.status_code, answer.text) for answer in answers}) == 1, path


@pytest.mark.protocol("2.3", "4.2")
async def test_a_repeated_exchange_revokes_nothing(wire: Wire, people: People) -> None:
    """An identical request is not a second use of the code, and gets the same tokens."""
    secret = verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    token = wire.jwt(code=code, code_verifier=secret, grant_type="authorization_code")
    first, again = (wire.tokens(wire.post("oauth/token", jwt=token)) for _ in "ab")
    assert first == again
    assert wire.get("permission-access/accounts", access_token=again.access).status_code == 200


@pytest.mark.protocol("2.3", "7.2")
async def test_the_same_jwt_for_another_account_is_a_replay(wire: Wire, people: People) -> None:
    """The account to delete is named in a header, which is part of the comparison of requests."""
    tokens, _ = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
    first, second = wire.get("permission-access/accounts", access_token=tokens.access).json()
    token = wire.jwt(access_token=tokens.access)
    path = "permission-access/service/h:accountId"
    assert wire.call("DELETE", path, jwt=token, headers={"accountId": first["id"]}).status_code == 200
    check_error(wire.call("DELETE", path, jwt=token, headers={"accountId": second["id"]}), 400, "InvalidRequest")
    left = wire.get("permission-access/accounts", access_token=tokens.access).json()
    assert [account["id"] for account in left] == [second["id"]]


@pytest.mark.protocol("2.1")
def test_a_pss_salt_of_another_length_is_rejected(wire: Wire) -> None:
    """The salt must have 64 bytes."""
    head, payload, _ = wire.jwt().split(".")
    pss = padding.PSS(padding.MGF1(hashes.SHA512()), 32)
    signature = wire.key.sign(f"{head}.{payload}".encode(), pss, hashes.SHA512())
    check_error(wire.get(DATASETS, jwt=f"{head}.{payload}.{b64(signature)}"), 400, "InvalidJWT")


@pytest.mark.protocol("13")
def test_errors_repeat_input_safely(wire: Wire) -> None:
    """The body has no terminal control characters, and the headers have only ASCII."""
    uri = "https://ä.example/\r\nSet-Cookie: a=b\x7f"
    answer = wire.authorize("v" * 43, redirect_uri=uri)
    shown = (
        "https://ä.example/\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}Set-Cookie: a=b\N{REPLACEMENT CHARACTER}"
    )
    assert answer.json()["error"]["message"] == f"The redirect_uri ({shown}) is invalid"
    expected = "The redirect_uri (https://?.example/??Set-Cookie: a=b?) is invalid"
    assert answer.headers["x-error-message"] == expected
    assert "set-cookie" not in answer.headers


def test_responses_are_not_cached(wire: Wire) -> None:
    """No cache may store a response, not even an error; only the key set may be cached."""
    refused = wire.get("permission-access/accounts")
    answered = wire.get("permission-access/contract")
    unknown = wire.http.get(wire.url("nothing"))
    assert [answer.headers["cache-control"] for answer in (refused, answered, unknown)] == ["no-store"] * 3


@pytest.mark.protocol("13")
def test_a_long_error_message_is_cut(wire: Wire) -> None:
    """A message that repeats names from the request still fits into a header."""
    message = check_error(
        wire.post("discovery/sources", body={"query": {"filter": {"x" * 100_000: 1}}}), 400, "InvalidRequest"
    )
    assert len(message) == 1000


@pytest.mark.protocol("3.2")
async def test_rotated_keys_stay_listed(people: People, platform: Platform, wire: Wire) -> None:
    """Signatures by older keys can still be verified, and the newest key is listed first."""
    signed = wire.authorize(verifier())
    async with platform.database.transaction() as db:
        new = (await rotate_signing_key(db, platform.master_key)).kid
    listed = [entry["kid"] for entry in wire.http.get(wire.url("jwks/oauth")).json()["keys"]]
    assert listed[0] == new
    assert len(listed) >= 2
    assert wire.signed(signed)["preauthorization_code"]
    async with platform.database.transaction() as db:
        assert new in repr(await load_signer(db, platform.master_key))


@pytest.mark.protocol("2.3")
def test_the_same_jwt_with_another_body_is_a_replay(wire: Wire) -> None:
    """The stored response is only for the identical request."""
    challenge = b64(b"c" * 32)
    claims: dict[str, Any] = {"code_challenge": challenge, "code_challenge_method": "S256", "response_mode": "query"}
    token = wire.jwt(**claims, response_type="code", state="s", redirect_uri="https://app.example/return?kept=1")
    assert wire.post("oauth/authorize", jwt=token, body={}).status_code == 201
    other = {"actions": {"pull": {"sourceFetch": False}}}
    check_error(wire.post("oauth/authorize", jwt=token, body=other), 400, "InvalidRequest")


@pytest.mark.protocol("3.2")
def test_the_key_set_is_public_and_cacheable(wire: Wire) -> None:
    """It needs no JWT, has PKCS#1 in `pem`, and may be cached for an hour."""
    answer = wire.http.get(wire.url("jwks/oauth"))
    assert answer.headers["cache-control"] == "public, max-age=3600"
    entry = answer.json()["keys"][0]
    assert entry["pem"].startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert set(entry) == {"kty", "kid", "alg", "use", "n", "e", "pem"}
    assert "d" not in entry


@pytest.mark.protocol("3.1")
def test_answers_are_signed_with_a_listed_key(wire: Wire) -> None:
    """Responses are signed with PS512, a `kid`, and an absolute `jku` of the API itself."""
    answer = wire.authorize(verifier())
    wire.signed(answer)
    header = json.loads(jwt_header(answer.json()["token"]))
    assert header["jku"] == wire.url("jwks/oauth")


def jwt_header(token: str) -> bytes:
    """Return the decoded header of a JWT."""
    from tests.flow.wire import unb64

    return unb64(token.split(".")[0])


@pytest.mark.protocol("13")
def test_unknown_paths_and_methods_have_the_same_error_format(wire: Wire) -> None:
    """Body, headers and status follow the protocol, without a stack trace."""
    check_error(wire.get("no/such/call"), 404, "NotFound")
    check_error(wire.call("PATCH", "oauth/token"), 405, "MethodNotAllowed")
    check_error(wire.get("permission-access/sample/datasets/424242"), 404, "NotFound")
    check_error(wire.post("discovery/nothing"), 404, "NotFound")
    assert wire.call("PATCH", "oauth/token").headers["allow"] == "POST"
    for path in ("/v1.8/oauth/token", "/v1.7", "/cloud", "/metrics", "/v1.7/oauth/token/"):
        check_error(wire.http.get(f"{wire.origin}{path}"), 404, "NotFound")


@pytest.mark.protocol("13")
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_rejected(wire: Wire, kind: str) -> None:
    """The error is InvalidRequest, and the type is never guessed."""
    headers = {"Content-Type": kind} if kind else {}
    answer = wire.post("reference", content=b'{"type": "cloudId", "value": "x"}', headers=headers)
    check_error(answer, 400, "InvalidRequest")


@pytest.mark.protocol("6.4", "13")
def test_errors_of_head_requests_are_in_the_headers(wire: Wire) -> None:
    """Without a body, the headers have the code and the message."""
    answer = wire.call("HEAD", f"permission-access/query/{'x' * 43}/y", access_token="x")
    assert (answer.status_code, answer.headers["x-error-code"], answer.content) == (401, "InvalidToken", b"")
    assert answer.headers["x-error-message"] == "The token (access_token) is invalid"


@pytest.mark.protocol("13")
def test_an_invalid_body_is_rejected_with_the_name_of_the_field(wire: Wire) -> None:
    """InvalidRequest names the field and does not repeat its value."""
    message = check_error(
        wire.authorize(verifier(), body={"actions": {"pull": {"sourceFetch": "secret!"}}}), 400, "InvalidRequest"
    )
    assert "sourceFetch" in message
    assert "secret!" not in message


@pytest.mark.protocol("13")
def test_a_body_that_is_not_json_is_rejected(wire: Wire) -> None:
    """The error is InvalidRequest."""
    token = wire.jwt(code_challenge=b64(b"c" * 32))
    headers = {"Content-Type": "application/json"}
    check_error(wire.post("oauth/authorize", jwt=token, content=b"{", headers=headers), 400, "InvalidRequest")


QUERY, FILE_OF = "permission-access/query", "permission-access/query/{key}"
IMPORT = "permission-access/import"
ODD_REQUESTS: list[tuple[str, str, list[tuple[str, str]], bytes | None]] = [
    ("GET", f"{FILE_OF}/accounts.json", [("Authorization", "Bearer {jwt}"), ("Authorization", "Bearer x")], None),
    ("GET", f"{FILE_OF}/accounts.json", [("Authorization", "Bearer x"), ("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}/accounts.json", [("Authorization", "bearer {jwt}")], None),
    ("GET", f"{FILE_OF}/accounts.json", [("Authorization", "Basic {jwt}")], None),
    ("GET", f"{FILE_OF}/accounts.json", [], None),
    ("GET", f"{FILE_OF}/accounts.json", [("Authorization", "Bearer {jwt}"), ("Range", "bytes=0-1")], None),
    ("GET", f"{FILE_OF}/accounts.json", [("Authorization", "Bearer {jwt}")], b"a body"),
    ("HEAD", f"{FILE_OF}/accounts.json", [("Authorization", "Bearer {jwt}")], None),
    ("OPTIONS", f"{FILE_OF}/accounts.json", [("Authorization", "Bearer {jwt}")], None),
    ("DELETE", f"{FILE_OF}/accounts.json", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}/accounts.json/", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}//accounts.json", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}/..%2Faccounts.json", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}/accounts.json%0A", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}/accounts.json%00", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}/%FF", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}/{'x' * 5000}", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}%00", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{FILE_OF}/", [("Authorization", "Bearer {jwt}")], None),
    ("GET", f"{QUERY}/{'x' * 43}", [("Authorization", "Bearer {jwt}")], None),
    ("HEAD", FILE_OF, [("Authorization", "Bearer {jwt}")], None),
    ("POST", FILE_OF, [("Authorization", "Bearer {jwt}")], None),
    ("HEAD", "permission-access/accounts", [("Authorization", "Bearer {jwt}")], None),
    ("GET", "permission-access/accounts", [("Authorization", "Bearer {other}")], None),
    ("GET", FILE_OF, [("Authorization", "Bearer {other}")], None),
    ("GET", "oauth/token", [("Authorization", "Bearer {jwt}")], None),
    ("POST", "oauth/token", [("Authorization", "Bearer {jwt}")], b"x" * (1 << 20) + b"x"),
    ("POST", "oauth/authorize", [("Authorization", "Bearer {jwt}")], b"{}"),
    ("POST", "oauth/authorize", [("Authorization", "Bearer {jwt}"), ("Content-Type", "application/json")], b"{"),
    (
        "POST",
        "permission-access/trigger",
        [("Authorization", "Bearer {jwt}"), ("Content-Type", "application/json"), ("Content-Type", "text/plain")],
        b'{"sourceFetch": 7}',
    ),
    (
        "POST",
        "permission-access/trigger",
        [("Authorization", "Bearer {jwt}"), ("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
        b"\x1f\x8b",
    ),
    (
        "POST",
        "permission-access/trigger",
        [("Authorization", "Bearer {jwt}"), ("Content-Type", "application/json")],
        b'{"accounts": [{"id": "' + b"x" * (1 << 20) + b'"}]}',
    ),
    ("POST", IMPORT, [("Authorization", "Bearer {jwt}")], b"x"),
    ("POST", IMPORT, [("Authorization", "Bearer {jwt}"), ("FileDescriptor", "")], b"x"),
    ("POST", IMPORT, [("Authorization", "Bearer {jwt}"), ("FileDescriptor", "x"), ("FileDescriptor", "y")], None),
    ("POST", IMPORT, [("Authorization", "Bearer x"), ("FileDescriptor", "x")], b"x"),
    ("POST", IMPORT, [("FileDescriptor", "x")], b"x"),
    ("POST", f"{IMPORT}/", [("Authorization", "Bearer {jwt}"), ("FileDescriptor", "x")], b"x"),
    ("GET", IMPORT, [("Authorization", "Bearer {jwt}")], None),
]


@pytest.mark.protocol("2.2", "13")
async def test_odd_requests_are_answered_as_those_that_take_the_longer_way(wire: Wire, people: People) -> None:
    """Frequent calls have routes of their own: a query, which nothing reads here, leads past these."""
    tokens, key = await people.user(wire)
    stranger = await people.contract()
    different, seen = [], set[int]()
    for method, path, headers, content in ODD_REQUESTS:
        answers = []
        for query in ("", "?nothing=1"):
            named = {
                "{jwt}": wire.jwt(access_token=tokens.access),
                "{other}": stranger.jwt(access_token=tokens.access),
            }
            sent = [(name, _filled(value, named)) for name, value in headers]
            url = wire.url(path.replace("{key}", key)) + query
            answer = wire.http.request(method, url, headers=sent, content=content)
            # Whether the server closes the connection depends on how much of an unread body it has received by then.
            varying = ("content-length", "date", "connection")
            names = sorted(name for name in answer.headers if name not in varying)
            code, told = answer.headers.get("x-error-code"), answer.headers.get("x-error-message")
            seen.add(answer.status_code)
            answers.append((answer.status_code, code, told, answer.headers.get("allow"), names))
        if answers[0] != answers[1]:
            different.append((method, path[:60], answers))
    assert not different
    assert {200, 400, 401, 404, 405, 413} <= seen


def _filled(value: str, named: dict[str, str]) -> str:
    for name, token in named.items():
        value = value.replace(name, token)
    return value
