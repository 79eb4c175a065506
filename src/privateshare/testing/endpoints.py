"""The endpoints of the platform in memory, by chapter of the protocol."""

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import ValidationError

from privateshare.errors import FileNotFound, InvalidRequest, InvalidSession, InvalidToken, NotFound
from privateshare.protocol import jwt, pkce
from privateshare.protocol.addresses import API_PATH, ONBOARD_PATH
from privateshare.protocol.contract_document import SCHEMA_VERSION
from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from privateshare.protocol.messages import PushDescriptor
from privateshare.testing import catalogue_endpoints
from privateshare.testing.checks import (
    check_fixed,
    find_grant,
    read_body,
    read_challenge,
    read_claim,
    read_reference,
    verified_claims,
)
from privateshare.testing.state import (
    APPLICATION,
    CONSENT,
    CONSENTED,
    CONTRACT,
    PERSON,
    Grant,
    Journey,
    LentFile,
    PlatformState,
    Pushed,
    status_of,
)

HOUR_SECONDS = 3600
# Protocol 4.3.
GRACE_SECONDS = 60
QUERY = "permission-access/query/"
IMPORT = "permission-access/import"
CONSENTS = "permission-access/consents/"
ACCOUNTS_FILE = "accounts.json"
OBJECT_VERSION = "1.0.0"
DISCOVERY = "discovery/"


@dataclass
class PlatformCall:
    """A request. Header names are in lower case. `target` is below `root`. `claims` are those of its verified JWT."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    root: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The unquoted path below the API."""
        return unquote(urlsplit(self.target).path.removeprefix(API_PATH))

    @property
    def query(self) -> Mapping[str, list[str]]:
        """The values of the query by name."""
        return parse_qs(urlsplit(self.target).query)

    @property
    def origin(self) -> str:
        """The platform's address as the caller sees it, without a slash at its end."""
        return f"http://{self.headers.get('host', '')}{self.root}"


@dataclass(frozen=True)
class PlatformResponse:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def json_response(body: object, status: int = 200) -> PlatformResponse:
    """Build a response with a JSON body."""
    return PlatformResponse(status, {"content-type": "application/json"}, json.dumps(body).encode())


def respond(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    """Respond to a call as the platform does. Raise the ApiErrors that it would answer."""
    if call.path == "jwks/oauth":
        keys = json_response({"keys": [jwt.key_set_entry(state.signing_key.public_key(), "test")]})
        return replace(keys, headers={**keys.headers, "cache-control": "public, max-age=3600"})
    if call.path == "discovery/services":
        return json_response({"data": catalogue_endpoints.services()})
    call.claims = verified_claims(call.headers, state.contract_key.public_key())
    route = _ROUTES.get((call.method, call.path)) or _by_prefix(call)
    if route is None:
        raise NotFound("Not Found")
    if route in _NEEDS_TOKEN:
        find_grant(state, call.claims)
    return route(state, call)


def _by_prefix(call: PlatformCall) -> "Route | None":
    if call.path.startswith(QUERY) and call.method in ("GET", "HEAD"):
        return _query
    if call.path.startswith(CONSENTS) and call.path.endswith("/deletion") and call.method == "POST":
        return _confirm_deletion
    if call.path.startswith("permission-access/sample/datasets/"):
        return _samples
    if call.path.startswith(DISCOVERY) and call.method == "POST":
        return _discovery
    return _push_to_provider if call.path.startswith(f"{IMPORT}/") and call.method == "POST" else None


# --- consent and tokens: protocol 4 ---


def _authorize(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    code, claims = secrets.token_urlsafe(32), call.claims
    check_fixed(claims, response_type="code", response_mode="query")
    journey = Journey(read_claim(claims, "redirect_uri"), claims.get("state", ""), read_challenge(claims))
    state.journeys[code] = journey
    token = _signed(state, call, {"preauthorization_code": code})
    return json_response({"token": token, "session": _new_session(state, journey)}, 201)


def _reference_token(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    code, claims = secrets.token_urlsafe(32), call.claims
    find_grant(state, claims, expired=True)
    challenge = read_challenge(claims) if "code_challenge" in claims else None
    journey = Journey(read_claim(claims, "redirect_uri"), claims.get("state", ""), challenge)
    state.journeys[code] = journey
    signed = {"reference_code": code, "token_type": "Bearer", "expires_on": int(time.time()) + HOUR_SECONDS}
    return json_response({"token": _signed(state, call, signed), "session": _new_session(state, journey)}, 201)


def _reference(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    handle = secrets.token_hex(8)
    state.references[handle] = read_reference(call.body)
    return json_response({"id": handle}, 201)


def _token(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    with state.lock:
        if call.claims.get("grant_type") == "refresh_token":
            grant = _rotated(state, str(call.claims.get("refresh_token")))
            state.refreshes += 1
        else:
            grant = _use_code(state, call)
        access, refresh, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), int(time.time())
        grant.access.add(access)
        grant.refresh[refresh] = None
    claims = {
        "access_token": {"value": access, "expires_on": now + 24 * HOUR_SECONDS},
        "refresh_token": {"value": refresh, "expires_on": now + 60 * 24 * HOUR_SECONDS},
        "sub": PERSON,
        "identifier": {"id": PERSON},
        "consentid": CONSENT,
        "token_type": "Bearer",
    }
    return json_response({"token": _signed(state, call, claims)})


def _rotated(state: PlatformState, token: str) -> Grant:
    """Return the grant of a refresh token. A replaced token that is used after its grace revokes it. Protocol 4.3."""
    invalid = "The token (refresh_token) is invalid"
    grant = next((grant for grant in state.grants if token in grant.refresh), None)
    if grant is None:
        raise InvalidToken(invalid)
    replaced = grant.refresh[token]
    if replaced is not None and time.time() - replaced > GRACE_SECONDS and not grant.revoked:
        grant.access.clear()
        grant.revoked = (
            "This refresh token was replaced by a newer one. It was sent again after its grace period of 60 seconds, "
            "so the grant was revoked. Ask the person for consent again, and keep the newest tokens"
        )
    if grant.revoked:
        raise InvalidToken(invalid, hint=grant.revoked)
    grant.refresh[token] = time.time() if replaced is None else replaced
    return grant


def _use_code(state: PlatformState, call: PlatformCall) -> Grant:
    """Make the grant of a code. A code works once: its second use revokes what the first gave. Protocol 4.2."""
    code = read_claim(call.claims, "code")
    journey = next((one for one in state.journeys.values() if one.code == code and one.outcome == CONSENTED), None)
    if journey is None or journey.challenge is None:
        raise InvalidToken("The token (code) is invalid")
    if journey.grant is not None:
        state.grants = [grant for grant in state.grants if grant is not journey.grant]
        raise InvalidToken("The token (code) is invalid")
    if not pkce.verifies(read_claim(call.claims, "code_verifier"), journey.challenge):
        raise InvalidRequest("The code_verifier does not match the code_challenge")
    journey.grant = Grant()
    state.grants.append(journey.grant)
    return journey.grant


def _signed(state: PlatformState, call: PlatformCall, claims: Mapping[str, object]) -> str:
    return jwt.sign(state.signing_key, claims, kid="test", jku=f"{call.origin}{API_PATH}jwks/oauth")


# --- sessions and files: protocol 5, 6 ---


def _trigger(state: PlatformState, _: PlatformCall) -> PlatformResponse:
    return json_response({"session": _new_session(state)}, 202)


def _new_session(state: PlatformState, journey: Journey | None = None) -> dict[str, object]:
    key = secrets.token_urlsafe(32)
    state.sessions[key] = journey
    return {"key": key, "expiry": int((time.time() + 24 * HOUR_SECONDS) * 1000)}


def _query(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    session, _, name = call.path.removeprefix(QUERY).partition("/")
    if session not in state.sessions:
        raise InvalidSession("The session is invalid")
    journey = state.sessions[session]
    if journey is None or journey.outcome == CONSENTED:
        find_grant(state, call.claims)
    status = status_of(state, journey)
    if not name and status["state"] == "pending":
        return json_response({"status": status})
    if not name and "error" in status:
        return json_response({"status": status, "fileList": []})
    if not name:
        entries = [
            {"name": name, "updatedDate": file.updated, "objectVersion": OBJECT_VERSION} | _facts(file)
            for name, file in state.files.items()
        ]
        return json_response({"status": status, "fileList": entries})
    if name == ACCOUNTS_FILE:
        return _encrypted(state, json.dumps(list(state.accounts.values())).encode(), {}, time.time())
    if name not in state.files:
        raise FileNotFound("There is no such file in this session")
    file = state.files[name]
    return _encrypted(state, file.data, _facts(file), file.updated / 1000)


def _encrypted(state: PlatformState, data: bytes, facts: Mapping[str, object], updated: float) -> PlatformResponse:
    """Encrypt a file for the contract. `updated` is in seconds since the epoch. Protocol 6.3, 6.5."""
    header = {"metadata": facts, "size": len(data), "sha256": sha256(data).hexdigest()}
    headers = {
        "x-metadata": encode_metadata(header),
        "content-type": "application/octet-stream",
        "last-modified": formatdate(updated, usegmt=True),
    }
    return PlatformResponse(200, headers, b"".join(encrypt_stream([data], state.contract_key.public_key())))


def _facts(file: LentFile) -> dict[str, object]:
    return {
        "objectType": file.object_type,
        "objectCount": file.count,
        "serviceGroup": file.group,
        "serviceName": "test",
        "schema": {"standard": file.standard, "version": "4.0.1" if file.standard == "fhir" else "1.0.0"},
    }


# --- accounts: protocol 7 ---


def _accounts(state: PlatformState, _: PlatformCall) -> PlatformResponse:
    return json_response(list(state.accounts.values()))


def _delete_account(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    _known_account(state, call)
    state.to_sign_in.discard(call.headers["accountid"])
    del state.accounts[call.headers["accountid"]]
    return json_response({})


def _revoke_account(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    _known_account(state, call)
    return json_response({"location": f"{call.origin}{ONBOARD_PATH}revoke?code={secrets.token_hex()}"})


def _known_account(state: PlatformState, call: PlatformCall) -> None:
    if "accountid" not in call.headers:
        raise InvalidRequest("The header accountId is missing")
    if call.headers["accountid"] not in state.accounts:
        raise NotFound("There is no such account")


def _delete_user(state: PlatformState, _: PlatformCall) -> PlatformResponse:
    state.grants.clear()
    return json_response({})


def _confirm_deletion(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    if call.path.removeprefix(CONSENTS).removesuffix("/deletion") != CONSENT:
        raise NotFound("No person asked for a deletion under this consent")
    state.deletions_confirmed += 1
    return json_response({})


# --- pushing, storage, samples: protocol 10, 11.1, 12.2 ---


def _push(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    if "filedescriptor" not in call.headers:
        raise InvalidRequest("The header FileDescriptor is missing")
    described = jwt.verify(call.headers["filedescriptor"], state.contract_key.public_key())
    try:
        descriptor = PushDescriptor.model_validate(described.get("metadata"))
    except ValidationError as error:
        raise InvalidRequest("The claim metadata of FileDescriptor is missing or of a wrong form") from error
    state.pushed.append(Pushed(call.body, descriptor))
    return json_response({})


def _push_to_provider(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    _known_account(state, call)
    state.pushed.append(Pushed(call.body, account_id=call.headers["accountid"]))
    return json_response({})


def _new_storage(state: PlatformState, _: PlatformCall) -> PlatformResponse:
    id_ = secrets.token_hex(16)
    state.storages[id_] = {}
    return _storage(id_)


def _person_storage(state: PlatformState, _: PlatformCall) -> PlatformResponse:
    if state.person_storage is None:
        raise NotFound("There is no such storage")
    return _storage(state.person_storage)


def _storage(id_: str) -> PlatformResponse:
    return json_response({"id": id_, "kid": f"{CONTRACT}_{APPLICATION}_0"})


def _samples(_: PlatformState, __: PlatformCall) -> PlatformResponse:
    return json_response({"default": {"name": "Default", "description": "The data of a test"}})


# --- discovery, the contract: protocol 9, 12.1 ---


def _discovery(_: PlatformState, call: PlatformCall) -> PlatformResponse:
    return json_response(catalogue_endpoints.find_records(call.path.removeprefix(DISCOVERY), read_body(call.body)))


def _contract(_: PlatformState, __: PlatformCall) -> PlatformResponse:
    details = {
        "id": CONTRACT,
        "type": "json",
        "accessType": "r",
        "application": {"id": APPLICATION, "name": "Test", "resources": {}, "status": 1},
        "certificate": b64encode(b"{}").decode(),
        "certificateContractSchemaVersion": SCHEMA_VERSION,
        "expirationDate": int(time.time() + 365 * 24 * HOUR_SECONDS) * 1000,
        "partnerId": "test",
    }
    return json_response(details)


Route = Callable[[PlatformState, PlatformCall], PlatformResponse]

_ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", "oauth/authorize"): _authorize,
    ("POST", "oauth/token"): _token,
    ("POST", "oauth/token/reference"): _reference_token,
    ("POST", "reference"): _reference,
    ("POST", "permission-access/trigger"): _trigger,
    ("GET", "permission-access/accounts"): _accounts,
    ("DELETE", "permission-access/service/h:accountId"): _delete_account,
    ("GET", "permission-access/revoke/h:accountId"): _revoke_account,
    ("DELETE", "user"): _delete_user,
    ("POST", IMPORT): _push,
    ("GET", "permission-access/contract"): _contract,
    ("POST", "storage"): _new_storage,
    ("GET", "storage"): _person_storage,
}
_NEEDS_TOKEN = frozenset(
    {
        *(_trigger, _accounts, _delete_account, _revoke_account, _delete_user),
        *(_push, _push_to_provider, _person_storage),
    }
)
