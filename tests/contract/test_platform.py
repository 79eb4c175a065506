"""What the platform and the one in memory have in common: whoever tests an app with one may run it with the other.

Both are asked by hand-made requests. Where the one in memory simplifies (one contract, one person, nobody checks
scopes), it is not asked.
"""

import gzip
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from examples.walking import Browser, consent
from sqlalchemy import update
from tests.flow.consenting import asking_contract, opened
from tests.flow.consents import consent_by_id
from tests.flow.people import EVERYTHING, SPOTIFY, People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.served import serving
from tests.flow.sessions import QUERY, wait_until_over
from tests.flow.storage_calls import cloud
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, check_error, query_of, unb64, unsealed, verifier
from tests.keys import OTHER, rsa_key

from privateshare import ServiceType
from privateshare.platform.db.tables import TokenRow
from privateshare.platform.grants.consents import revoke_consent
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.testing import InMemoryPlatform

ACCOUNTS = "permission-access/accounts"
DELETE_ACCOUNT = "permission-access/service/h:accountId"
DAY_MILLISECONDS = 24 * 3600 * 1000
OTHER_KEY = rsa_key(OTHER)
Change = Callable[[Tokens], Awaitable[None]]


@dataclass(frozen=True)
class Side:
    """One of the two platforms: a client of it, and what its people and time do.

    Attributes:
        wire: A client with a contract that reads.
        writing: A client with a contract that pushes.
        agree: Lets a person agree to what a link asks; returns the address that they come back to.
        stop: Lets the person of these tokens withdraw their consent.
        expire: Lets the access token expire.
        end_grace: Lets the minute pass in which a refresh token that was replaced still works.
    """

    wire: Wire
    writing: Wire
    agree: Callable[[str], str]
    decline: Callable[[str], str]
    stop: Change
    expire: Change
    end_grace: Change

    def person(self, wire: Wire | None = None) -> tuple[Tokens, str]:
        """Return a person who agreed: the app's tokens, and the session that began."""
        wire, secret = wire or self.wire, verifier()
        answer = wire.authorize(secret)
        returned = query_of(self.agree(link_of(wire, answer)))
        return wire.tokens(wire.exchange(returned["code"], secret)), answer.json()["session"]["key"]


def link_of(wire: Wire, answer: httpx2.Response) -> str:
    """Return the address that an app sends a person to."""
    assert answer.status_code == 201, answer.text
    return f"{wire.origin}/apps/saas/authorize?code={wire.signed(answer)['preauthorization_code']}"


@pytest.fixture(scope="module")
async def people(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[People]:
    """Makes contracts on a running platform."""
    with serving(tmp_path_factory.mktemp("platform") / "data") as served:
        async with operator_platform(Settings(data=served.data, database_pool_size=3)) as platform:
            yield People(platform, served.origin)


@pytest.fixture(params=["the platform", "in memory"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    """Provide each of the two."""
    if request.param == "in memory":
        with InMemoryPlatform() as platform:
            yield in_memory(platform)
    else:
        yield request.getfixturevalue("running")


def in_memory(platform: InMemoryPlatform) -> Side:
    """Return the platform in memory, whose person shares a file."""
    settings = platform.settings()
    key = load_pem_private_key(settings["private_key"].encode(), None)
    assert isinstance(key, RSAPrivateKey)
    wire = Wire(platform.base_url.removesuffix("/v1.7/"), "testapplication", settings["contract_id"], key)
    platform.connect(ServiceType.SPOTIFY)
    platform.lend("playhistory", [{"entityid": "19_1_1", "createddate": int(time.time() * 1000)}])

    async def change(what: Callable[[], None]) -> None:
        what()

    return Side(
        wire,
        wire,
        platform.consent,
        platform.decline,
        stop=lambda _: change(platform.stop),
        expire=lambda _: change(platform.expire_access_tokens),
        end_grace=lambda _: change(platform.end_rotation_grace),
    )


@pytest.fixture(scope="module")
async def running(people: People) -> Side:
    """Provide a running platform, where people connect a sample and agree on its pages."""
    database = people.platform.database

    def agree(url: str) -> str:
        return consent(Browser(), url, {SPOTIFY: "small"})

    def decline(url: str) -> str:
        browser = opened(url)
        browser.submit("decline")
        assert browser.left_to is not None
        return str(browser.left_to)

    async def stop(tokens: Tokens) -> None:
        async with database.transaction() as db:
            await revoke_consent(db, await consent_by_id(db, tokens.claims["consentid"]), datetime.now(UTC))

    async def later(token: str, **columns: datetime) -> None:
        async with database.transaction() as db:
            await db.execute(update(TokenRow).where(TokenRow.token_hash == hash_secret(token)).values(**columns))

    past = datetime.now(UTC) - timedelta(minutes=5)
    return Side(
        await asking_contract(people, document={"dataRequest": EVERYTHING | {"purpose": "To test"}}),
        await asking_contract(people, kind="write", document={"dataPush": {"purpose": "To test"}}),
        agree,
        decline,
        stop,
        expire=lambda tokens: later(tokens.access, expires_at=past),
        end_grace=lambda tokens: later(tokens.refresh, rotated_at=past),
    )


# --- consent and tokens ---


@pytest.mark.protocol("1", "4.1", "6.1")
def test_authorize_starts_a_pending_session(side: Side) -> None:
    """201 with a signed code and a session of a day, which is pending until the person has agreed."""
    answer = side.wire.authorize(verifier())
    assert answer.status_code == 201
    assert set(answer.json()) == {"token", "session"}
    assert side.wire.signed(answer).keys() >= {"preauthorization_code"}
    session = answer.json()["session"]
    assert len(session["key"]) >= 32
    assert 0 < session["expiry"] - time.time() * 1000 <= DAY_MILLISECONDS
    listed = side.wire.get(f"{QUERY}/{session['key']}")
    assert (listed.status_code, listed.json()) == (200, {"status": {"state": "pending"}})


@pytest.mark.protocol("4.1", "13")
@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"code_challenge": None}, "code_challenge"),
        ({"code_challenge": "short"}, "code_challenge"),
        ({"code_challenge_method": "plain"}, "code_challenge_method"),
        ({"response_type": "token"}, "response_type"),
        ({"response_mode": "fragment"}, "response_mode"),
        ({"redirect_uri": None}, "redirect_uri"),
    ],
)
def test_a_wrong_claim_is_named(side: Side, claims: dict[str, Any], name: str) -> None:
    """InvalidRequest, and the message names the claim."""
    assert name in check_error(side.wire.authorize(verifier(), **claims), 400, "InvalidRequest")


@pytest.mark.protocol("2.1", "2.2", "2.3", "13")
def test_requests_are_checked(side: Side) -> None:
    """Signature, client, nonce and time each have their own error."""
    wire, other = side.wire, replace(side.wire, contract_id="x" * 32)
    check_error(wire.get("permission-access/contract", jwt=wire.jwt(key=OTHER_KEY)), 400, "InvalidJWT")
    check_error(wire.get("permission-access/contract", jwt="x"), 400, "InvalidJWT")
    check_error(wire.http.get(wire.url("permission-access/contract")), 400, "InvalidJWT")
    check_error(other.get("permission-access/contract"), 403, "InvalidClient")
    check_error(wire.get("permission-access/contract", nonce="short"), 400, "InvalidRequest")
    check_error(wire.get("permission-access/contract", timestamp="now"), 400, "InvalidRequest")
    hour_ago = (time.time() - 3600) * 1000
    check_error(wire.get("permission-access/contract", timestamp=hour_ago), 400, "InvalidTimestamp")
    assert wire.get("permission-access/contract").status_code == 200


@pytest.mark.protocol("4.2", "8.3")
def test_a_person_returns_with_a_code(side: Side) -> None:
    """The address has the parameters of protocol 8.3, and the code can be exchanged for tokens."""
    secret = verifier()
    answer = side.wire.authorize(secret)
    address = side.agree(link_of(side.wire, answer))
    assert address.startswith(REDIRECT_URI)
    returned = query_of(address)
    assert (returned["success"], returned["state"], returned["kept"]) == ("true", "the state", "1")
    exchanged = side.wire.exchange(returned["code"], secret)
    assert set(exchanged.json()) == {"token"}
    claims = side.wire.signed(exchanged)
    assert claims.keys() >= {"access_token", "refresh_token", "sub", "identifier", "consentid", "token_type"}
    assert claims["identifier"] == {"id": claims["sub"]}
    assert claims["token_type"] == "Bearer"
    for name, seconds in (("access_token", 24 * 3600), ("refresh_token", 60 * 24 * 3600)):
        assert set(claims[name]) == {"value", "expires_on"}
        assert 0 < claims[name]["expires_on"] - time.time() <= seconds + 1


@pytest.mark.protocol("6.1", "8.3", "8.4")
def test_a_person_declines(side: Side) -> None:
    """They return with USER_CANCEL and no code, and the session ends with the same error."""
    answer = side.wire.authorize(verifier())
    returned = query_of(side.decline(link_of(side.wire, answer)))
    assert (returned["success"], returned["errorCode"], returned["state"]) == ("false", "USER_CANCEL", "the state")
    assert "code" not in returned
    listed = side.wire.get(f"{QUERY}/{answer.json()['session']['key']}").json()
    assert (listed["status"]["state"], listed["fileList"]) == ("partial", [])
    assert listed["status"]["details"] == {}
    assert listed["status"]["error"].keys() >= {"code", "statusCode", "message"}
    assert listed["status"]["error"]["code"] == "USER_CANCEL"


@pytest.mark.protocol("4.2")
def test_a_code_works_once(side: Side) -> None:
    """With its verifier only. A second use revokes the tokens of the first."""
    secret = verifier()
    code = query_of(side.agree(link_of(side.wire, side.wire.authorize(secret))))["code"]
    wrong = side.wire.exchange(code, verifier())
    first = side.wire.exchange(code, secret)
    assert (wrong.status_code, wrong.json()["error"]["code"], first.status_code) == (400, "InvalidRequest", 200)
    tokens = side.wire.tokens(first)
    assert side.wire.get(ACCOUNTS, access_token=tokens.access).status_code == 200
    assert "code" in check_error(side.wire.exchange(code, secret), 401, "InvalidToken")
    check_error(side.wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")
    check_error(side.wire.refresh(tokens.refresh), 401, "InvalidToken")
    check_error(side.wire.exchange("x" * 43, secret), 401, "InvalidToken")


@pytest.mark.protocol("4.3", "13")
async def test_tokens_are_refreshed(side: Side) -> None:
    """By rotation, with a grace period. Using a replaced token later revokes the grant, and the error says why."""
    tokens, _ = side.person()
    await side.expire(tokens)
    refused = check_error(side.wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")
    assert "access_token" in refused
    second = side.wire.tokens(side.wire.refresh(tokens.refresh))
    assert (second.access, second.refresh) != (tokens.access, tokens.refresh)
    assert side.wire.get(ACCOUNTS, access_token=second.access).status_code == 200
    again = side.wire.tokens(side.wire.refresh(tokens.refresh))
    assert side.wire.get(ACCOUNTS, access_token=again.access).status_code == 200
    await side.end_grace(tokens)
    late = side.wire.refresh(tokens.refresh)
    assert check_error(late, 401, "InvalidToken") == "The token (refresh_token) is invalid"
    assert "revoked" in late.headers["x-error-hint"]
    check_error(side.wire.get(ACCOUNTS, access_token=second.access), 401, "InvalidToken")
    check_error(side.wire.refresh(second.refresh), 401, "InvalidToken")
    unknown = side.wire.refresh("x" * 43)
    assert check_error(unknown, 401, "InvalidToken") == "The token (refresh_token) is invalid"
    assert "x-error-hint" not in unknown.headers


@pytest.mark.protocol("4.2", "7.5")
async def test_after_withdrawal_nothing_works(side: Side) -> None:
    """Neither the access token, nor the refresh token, nor the session."""
    tokens, session = side.person()
    await side.stop(tokens)
    check_error(side.wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")
    check_error(side.wire.post("permission-access/trigger", access_token=tokens.access, body={}), 401, "InvalidToken")
    check_error(side.wire.get(f"{QUERY}/{session}", access_token=tokens.access), 401, "InvalidToken")
    check_error(side.wire.refresh(tokens.refresh), 401, "InvalidToken")


@pytest.mark.protocol("4.4", "4.5", "7.3")
async def test_references_open_the_other_pages(side: Side) -> None:
    """A reference code, also for an expired token; a handle for an account, but for nothing else."""
    tokens, _ = side.person()
    (account, *_) = side.wire.get(ACCOUNTS, access_token=tokens.access).json()
    handle = side.wire.post("reference", body={"type": "accountId", "value": account["id"]})
    assert (handle.status_code, set(handle.json())) == (201, {"id"})
    check_error(side.wire.post("reference", body={"type": "other", "value": "x"}), 400, "InvalidRequest")
    await side.expire(tokens)
    answer = side.wire.post("oauth/token/reference", access_token=tokens.access, redirect_uri=REDIRECT_URI, state="s")
    assert answer.status_code == 201, answer.text
    assert side.wire.signed(answer).keys() >= {"reference_code", "token_type", "expires_on"}
    assert set(answer.json()["session"]) == {"key", "expiry"}
    unknown = side.wire.post("oauth/token/reference", access_token="x" * 43, redirect_uri=REDIRECT_URI)
    check_error(unknown, 401, "InvalidToken")


# --- sessions and files ---


@pytest.mark.protocol("5.1", "6.1", "6.2", "6.3", "6.4", "6.5")
def test_files_are_listed_and_read(side: Side) -> None:
    """A session lists files with their metadata.

    Each can be decrypted with the contract's key, and HEAD returns the same headers.
    """
    tokens, _ = side.person()
    began = side.wire.post("permission-access/trigger", access_token=tokens.access, body={})
    assert (began.status_code, set(began.json())) == (202, {"session"})
    session = began.json()["session"]["key"]
    listed = wait_until_over(side.wire, tokens, session)
    assert listed["status"]["state"] == "completed"
    assert {told["state"] for told in listed["status"]["details"].values()} <= {"completed"}
    entry = listed["fileList"][0]
    facts = {"objectCount", "objectType", "schema", "serviceGroup", "serviceName"}
    assert entry.keys() >= facts | {"name", "updatedDate", "objectVersion"}
    assert entry["updatedDate"] > 0
    answer = side.wire.get(f"{QUERY}/{session}/{entry['name']}", access_token=tokens.access)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "last-modified" in answer.headers
    told = json.loads(unb64(answer.headers["x-metadata"]))
    assert told["metadata"].keys() >= facts
    plain = decompressed(unsealed(answer.content, side.wire.key), told.get("compression"))
    assert (told["size"], told["sha256"]) == (len(plain), sha256(plain).hexdigest())
    assert len(json.loads(plain)) == entry["objectCount"] == told["metadata"]["objectCount"]
    head = side.wire.call("HEAD", f"{QUERY}/{session}/{entry['name']}", access_token=tokens.access)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["x-metadata"] == answer.headers["x-metadata"]


def decompressed(data: bytes, compression: str | None) -> bytes:
    """Return the plain bytes of a file."""
    return gzip.decompress(data) if compression == "gzip" else data


@pytest.mark.protocol("5.3", "6.3", "13")
def test_missing_things_have_their_own_errors(side: Side) -> None:
    """A session, a file and a path each have their own code."""
    tokens, session = side.person()
    wait_until_over(side.wire, tokens, session)
    check_error(side.wire.get(f"{QUERY}/{'x' * 43}", access_token=tokens.access), 404, "InvalidSession")
    check_error(side.wire.get(f"{QUERY}/{'x' * 43}/y.json", access_token=tokens.access), 404, "InvalidSession")
    check_error(side.wire.get(f"{QUERY}/{session}/nothing.json", access_token=tokens.access), 404, "FileNotFound")
    check_error(side.wire.get("no/such/call"), 404, "NotFound")
    assert "access_token" in check_error(side.wire.get(ACCOUNTS), 400, "InvalidRequest")
    check_error(side.wire.get(ACCOUNTS, access_token="x" * 43), 401, "InvalidToken")


@pytest.mark.protocol("6.6", "7.1")
def test_accounts_are_read_as_a_file(side: Side) -> None:
    """`accounts.json` can be read although it is not listed, and equals the response of the call for accounts."""
    tokens, session = side.person()
    wait_until_over(side.wire, tokens, session)
    answer = side.wire.get(f"{QUERY}/{session}/accounts.json", access_token=tokens.access)
    assert answer.status_code == 200, answer.text
    told = json.loads(unb64(answer.headers["x-metadata"]))
    plain = decompressed(unsealed(answer.content, side.wire.key), told.get("compression"))
    assert json.loads(plain) == side.wire.get(ACCOUNTS, access_token=tokens.access).json()


# --- accounts and people ---


@pytest.mark.protocol("7.1", "7.2", "7.4")
def test_accounts_are_listed_and_deleted(side: Side) -> None:
    """Each with its fields. A deleted account is gone, and a foreign one cannot be deleted."""
    tokens, session = side.person()
    wait_until_over(side.wire, tokens, session)
    (account, *others) = side.wire.get(ACCOUNTS, access_token=tokens.access).json()
    facts = {"id", "reference", "type", "createdDate", "updatedDate", "serviceGroupId", "serviceGroupName"}
    assert account.keys() >= facts | {"serviceTypeId", "serviceTypeName", "serviceTypeReference", "sourceId"}
    assert account["id"].startswith(f"{account['serviceTypeId']}_")
    headers = {"accountId": account["id"]}
    place = {"redirectUri": REDIRECT_URI}
    path = "permission-access/revoke/h:accountId"
    location = side.wire.get(path, access_token=tokens.access, headers=headers | place)
    assert location.json()["location"].startswith(f"{side.wire.origin}/apps/saas/revoke?code=")
    deleted = side.wire.call("DELETE", DELETE_ACCOUNT, access_token=tokens.access, headers=headers)
    assert (deleted.status_code, deleted.json()) == (200, {})
    assert side.wire.get(ACCOUNTS, access_token=tokens.access).json() == others
    check_error(side.wire.call("DELETE", DELETE_ACCOUNT, access_token=tokens.access, headers=headers), 404, "NotFound")
    check_error(side.wire.get(path, access_token=tokens.access, headers=headers | place), 404, "NotFound")
    check_error(side.wire.call("DELETE", DELETE_ACCOUNT, access_token=tokens.access), 400, "InvalidRequest")


@pytest.mark.protocol("7.5")
def test_a_user_is_deleted(side: Side) -> None:
    """200 with an empty object, and the tokens stop working."""
    tokens, _ = side.person()
    deleted = side.wire.call("DELETE", "user", access_token=tokens.access)
    assert (deleted.status_code, deleted.json()) == (200, {})
    check_error(side.wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")
    check_error(side.wire.refresh(tokens.refresh), 401, "InvalidToken")


# --- pushing and storage ---


def agreed_to_push(side: Side) -> Tokens:
    """Return a person who lets the app push into their library."""
    secret = verifier()
    url = link_of(side.writing, answer := side.writing.authorize(secret))
    assert answer.status_code == 201
    if side.writing is side.wire:
        returned = side.agree(url)
    else:
        browser = opened(url)
        browser.submit("continue")
        assert browser.left_to is not None
        returned = str(browser.left_to)
    return side.writing.tokens(side.writing.exchange(query_of(returned)["code"], secret))


@pytest.mark.protocol("10.1")
def test_a_file_is_pushed(side: Side) -> None:
    """200 with an object, for any Content-Type. Without a valid description nothing is stored."""
    tokens, wire = agreed_to_push(side), side.writing
    for kind in ("application/octet-stream", "application/json"):
        headers = descriptor(wire) | {"Content-Type": kind}
        pushed = wire.post(IMPORT, access_token=tokens.access, content=b"a receipt", headers=headers)
        assert (pushed.status_code, type(pushed.json())) == (200, dict), pushed.text
    check_error(wire.post(IMPORT, access_token=tokens.access, content=b"x"), 400, "InvalidRequest")
    forged = {"FileDescriptor": wire.jwt(key=OTHER_KEY, metadata={"mimeType": "text/plain", "accounts": []})}
    check_error(wire.post(IMPORT, access_token=tokens.access, content=b"x", headers=forged), 400, "InvalidJWT")
    without = wire.jwt(metadata=None)
    check_error(
        wire.post(IMPORT, access_token=tokens.access, content=b"x", headers={"FileDescriptor": without}),
        400,
        "InvalidRequest",
    )
    check_error(wire.post(IMPORT, content=b"x", headers=descriptor(wire)), 400, "InvalidRequest")
    foreign = wire.post(IMPORT, access_token="x" * 43, content=b"x", headers=descriptor(wire))
    check_error(foreign, 401, "InvalidToken")


@pytest.fixture
def storage(side: Side) -> str:
    """Provide a storage of the app."""
    answer = side.wire.post("storage")
    assert answer.status_code in (200, 201), answer.text
    assert answer.json().keys() >= {"id", "kid"}
    return str(answer.json()["id"])


@pytest.mark.protocol("11.1", "11.2", "11.3")
def test_storage_stores_files(side: Side, storage: str) -> None:
    """Stored, listed, read and deleted. Paths are compared without case, and keep their case."""
    wire, content = side.wire, b"sealed" * 1000
    stored = cloud(wire, "POST", storage, "/Notes/One.txt", content=content)
    assert (stored.status_code, set(stored.json())) == (201, {"id"})
    cloud(wire, "POST", storage, "/notes/deep/two.txt", content=iter([b"in ", b"chunks"]))
    assert cloud(wire, "GET", storage, "/notes/one.TXT").content == content
    assert cloud(wire, "GET", storage, "/notes/deep/two.txt").content == b"in chunks"
    listed = cloud(wire, "GET", storage, "/Notes/?recursive=true").json()
    assert listed["total"] == len(listed["files"]) == 2
    (one,) = cloud(wire, "GET", storage, "/notes/?recursive=false").json()["files"]
    root = f"/apps/{wire.application_id}"
    assert isinstance(one.pop("updatedDate"), int)
    assert one == {
        "size": len(content),
        "id": stored.json()["id"],
        "name": "one.txt",
        "originalName": "One.txt",
        "originalPath": f"{root}/Notes/",
        "path": f"{root.lower()}/notes/",
    }
    replaced = cloud(wire, "POST", storage, "/notes/one.txt", content=b"newer")
    assert replaced.status_code == 201
    assert cloud(wire, "GET", storage, "/Notes/One.txt").content == b"newer"
    assert cloud(wire, "DELETE", storage, "/Notes/one.txt").status_code == 200
    assert cloud(wire, "GET", storage, "/Notes/one.txt").status_code == 404
    assert cloud(wire, "DELETE", storage, "/Notes/").status_code == 200
    assert cloud(wire, "GET", storage, "/?recursive=true").json() == {"files": [], "total": 0}


@pytest.mark.protocol("11.2", "11.5")
def test_storage_has_its_own_form_of_errors(side: Side, storage: str) -> None:
    """A code and a message as texts, for an invalid path, a missing file or storage, and a wrong JWT."""
    wire = side.wire
    refused = {
        (404, "NotFound"): [
            cloud(wire, "GET", storage, "/nothing.txt"),
            cloud(wire, "DELETE", storage, "/nothing.txt"),
            cloud(wire, "GET", "x" * 32, "/a.txt"),
        ],
        (400, "InvalidRequest"): [
            cloud(wire, "POST", storage, "/%2e%2e/a.txt", content=b"x"),
            cloud(wire, "POST", storage, "/" + "x" * 2000, content=b"x"),
            cloud(wire, "POST", storage, "/a%00b", content=b"x"),
        ],
        (400, "InvalidJWT"): [cloud(wire, "GET", storage, "/a.txt", key=OTHER_KEY)],
    }
    for (status, code), answers in refused.items():
        for answer in answers:
            assert (answer.status_code, set(answer.json())) == (status, {"error", "message"}), answer.text
            assert answer.json()["error"] == answer.headers["x-error-code"] == code


@pytest.mark.protocol("11.1", "4.5")
def test_a_storage_belongs_to_a_person_once_they_agreed(side: Side, storage: str) -> None:
    """Before that it belongs to nobody."""
    tokens, _ = side.person()
    check_error(side.wire.get("storage", access_token=tokens.access), 404, "NotFound")
    handle = side.wire.post("reference", body={"type": "cloudId", "value": storage}).json()["id"]
    secret = verifier()
    answer = side.wire.authorize(secret)
    returned = side.agree(f"{link_of(side.wire, answer)}&storageRef={handle}")
    mine = side.wire.tokens(side.wire.exchange(query_of(returned)["code"], secret))
    assert side.wire.get("storage", access_token=mine.access).json()["id"] == storage


# --- what anybody may ask ---


@pytest.mark.protocol("3.1", "3.2")
def test_keys_are_public(side: Side) -> None:
    """Each with the fields that clients read. They may be cached."""
    answer = side.wire.http.get(side.wire.url("jwks/oauth"))
    (key, *_) = answer.json()["keys"]
    assert key.keys() >= {"kty", "kid", "alg", "use", "n", "e", "pem"}
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "PS512", "sig")
    assert key["pem"].startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert answer.headers["cache-control"] == "public, max-age=3600"


@pytest.mark.protocol("9.1", "9.2", "9.3", "12.1", "12.2")
def test_discovery_responses_are_alike(side: Side) -> None:
    """The same services and sources, and fields of the same names for contract and samples."""
    services = side.wire.http.get(side.wire.url("discovery/services")).json()["data"]
    assert services.keys() >= {"countries", "serviceGroups", "services"}
    spotify = next(service for service in services["services"] if service["name"] == "Spotify")
    assert spotify.keys() >= {
        "id",
        "name",
        "serviceGroups",
        "publishedStatus",
        "publishedDate",
        "resources",
        "serviceId",
    }
    body = {"limit": 1, "query": {"include": ["name"], "filter": {"id": [SPOTIFY]}}}
    sources = side.wire.post("discovery/sources", body=body)
    assert sources.json() == {"data": [{"id": SPOTIFY, "name": "Spotify"}], "limit": 1, "offset": 0, "total": 1}
    for kind in ("categories", "countries", "platforms", "sourceTypes"):
        assert {"id", "name"} <= side.wire.post(f"discovery/{kind}", body={}).json()["data"][0].keys()
    contract = side.wire.get("permission-access/contract").json()
    facts = {"accessType", "application", "certificate", "certificateContractSchemaVersion", "expirationDate", "id"}
    assert contract.keys() >= facts | {"partnerId", "type"}
    assert contract["id"] == side.wire.contract_id
    samples = side.wire.get(f"permission-access/sample/datasets/{SPOTIFY}").json()
    assert samples["default"].keys() >= {"name", "description"}
