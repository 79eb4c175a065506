"""Signing in at a server of the AT Protocol: which account it is, and which server may say so."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests.apis import atproto as api
from tests.apis.bluesky import DID

from privateshare.protocol.pkce import new_verifier
from privateshare.sources import oauth
from privateshare.sources.bluesky.authorization import authorization_server
from privateshare.sources.bluesky.configuration import Settings
from privateshare.sources.bluesky.live import configured
from privateshare.sources.bluesky.signing_in import SCOPE, SignedInBluesky, client_id_of
from privateshare.sources.contract import (
    Broken,
    Connection,
    JsonObject,
    NeedsLogin,
    PublishedClientSource,
    SourceFailure,
)
from privateshare.sources.typed_servers import TypedServers
from privateshare.testing.api_server import ApiServer, running

CALLBACK = "http://127.0.0.1/apps/saas/signed-in"
KEY = ECKey.generate_key("P-256").as_pem(private=True).decode()
PRIVATE = TypedServers(private=True)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with running(api.atproto(client_id_of(CALLBACK))) as running_server:
        yield running_server


def source_at(server: ApiServer) -> SignedInBluesky:
    return SignedInBluesky(KEY, PRIVATE, server.address, server.address)


def signed_in(server: ApiServer, handle: str = api.HANDLE) -> JsonObject:
    """Sign in as the platform and a person do, and return what is stored."""
    source, verifier = source_at(server), new_verifier()
    known = source.prepare({"handle": handle}, CALLBACK)
    sign_in = source.sign_in(known)
    response = httpx2.get(oauth.authorization_address(sign_in, CALLBACK, "the state", verifier))
    code = parse_qs(urlsplit(response.headers["location"]).query)["code"][0]
    return oauth.merged(known, oauth.exchange_code(sign_in, CALLBACK, code, verifier))


@pytest.mark.parametrize("handle", [api.HANDLE, "@Ann.Example", DID])
def test_the_account_is_the_one_that_the_handle_leads_to(server: ApiServer, handle: str) -> None:
    """The browser carries nothing but a reference, and the server learns whom the person named."""
    token = signed_in(server, handle)
    found = source_at(server).identify(Connection(token=token))
    assert (found.provider_account_id, found.display_name) == (DID, "@ann.example")
    pushed = next(call for call in server.asked if call.path == api.PUSHED)
    assert (pushed.form["login_hint"], pushed.form["scope"]) == (handle.removeprefix("@"), SCOPE)
    exchanged = next(call for call in server.asked if call.path == api.TOKEN)
    assert [call.body.count(b"client_id=") for call in (pushed, exchanged)] == [1, 1]
    shown = next(call for call in server.asked if call.path == api.AUTHORIZE)
    assert set(shown.query) == {"client_id", "request_uri"}
    assert "transition" not in SCOPE


@pytest.mark.parametrize(
    "handle", ["", "ann", "ann.example/x", "ann@example.org", "bo.example", "127.0.0.1", "did:key:z6"]
)
def test_a_handle_that_leads_to_no_account_is_refused(server: ApiServer, handle: str) -> None:
    with pytest.raises(Broken):
        source_at(server).prepare({"handle": handle}, CALLBACK)


def test_a_handle_that_the_account_does_not_claim_is_refused(server: ApiServer) -> None:
    """Whoever controls a domain could otherwise let its handle lead to the account of somebody else."""
    document = api.document

    def of_another(at: ApiServer, call: Any) -> Any:
        status, headers, content = document(at, call)
        return status, headers, content | {"alsoKnownAs": ["at://somebody.example", "https://ann.example"]}

    server.api.opened[f"/{DID}"] = of_another
    with pytest.raises(Broken, match="no account of Bluesky with the handle"):
        source_at(server).prepare({"handle": api.HANDLE}, CALLBACK)


def changed(path: str, **fields: Any) -> Callable[[ApiServer], None]:
    """Return a function that changes what a server says of itself. A field that is None is left out."""

    def change(server: ApiServer) -> None:
        usual = server.api.opened[path]

        def answer(at: ApiServer, call: Any) -> Any:
            status, headers, content = usual(at, call)
            return status, headers, {name: value for name, value in (content | fields).items() if value is not None}

        server.api.opened[path] = answer

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed(api.PROTECTED, authorization_servers=[]),
        changed(api.PROTECTED, authorization_servers=["http://127.0.0.1:1", "http://127.0.0.1:2"]),
        changed(api.PROTECTED, authorization_servers=["http://127.0.0.1:1/path"]),
        changed(api.PROTECTED, authorization_servers="http://127.0.0.1:1"),
        changed(api.AUTHORIZATION, issuer="https://other.example"),
        changed(api.AUTHORIZATION, issuer=None),
        changed(api.AUTHORIZATION, token_endpoint="https://evil.example/token"),
        changed(api.AUTHORIZATION, authorization_endpoint="https://evil.example/"),
        changed(api.AUTHORIZATION, pushed_authorization_request_endpoint=None),
        changed(api.AUTHORIZATION, revocation_endpoint="https://evil.example/"),
        changed(api.AUTHORIZATION, scopes_supported=["openid"]),
        changed(api.AUTHORIZATION, dpop_signing_alg_values_supported=None),
        changed(api.AUTHORIZATION, code_challenge_methods_supported=["plain"]),
        changed(api.AUTHORIZATION, authorization_response_iss_parameter_supported=False),
        changed(api.AUTHORIZATION, require_pushed_authorization_requests="true"),
    ],
)
def test_a_server_that_does_not_keep_the_rules_is_refused(
    server: ApiServer, change: Callable[[ApiServer], None]
) -> None:
    """Nothing is sent to another server, and no weaker way is taken."""
    change(server)
    with pytest.raises(SourceFailure):
        source_at(server).prepare({"handle": api.HANDLE}, CALLBACK)


@pytest.mark.parametrize(
    "address", ["https://127.0.0.1:1", "https://10.0.0.1", "https://[::1]:1", "http://bsky.social"]
)
def test_servers_of_private_networks_are_not_reached(address: str) -> None:
    """The document of an account may name any address."""
    with pytest.raises(SourceFailure):
        authorization_server(address, TypedServers())


def test_another_account_that_signs_in_is_refused(server: ApiServer) -> None:
    api.guard_of(server).sub = "did:plc:bo"
    with pytest.raises(Broken):
        source_at(server).identify(Connection(token=signed_in(server)))


def test_a_server_cannot_rename_the_account_in_its_token(server: ApiServer) -> None:
    """What was looked up counts: the account, its servers and the key."""
    usual = server.api.wrap_token
    other = {"did": "did:plc:bo", "server": "https://evil.example", "dpop_key": {}, "endpoints": {}, "issuer": "x"}
    server.api.wrap_token = lambda token: usual(token) | other
    token = signed_in(server)
    assert (token["did"], token["server"], token["issuer"]) == (DID, server.address, server.address)
    assert token["dpop_key"]["d"]


@pytest.mark.parametrize("scope", ["", "transition:generic", "atproto2", "xatproto"])
def test_a_token_that_does_not_identify_the_person_is_refused(server: ApiServer, scope: str) -> None:
    api.guard_of(server).scope = scope
    with pytest.raises(Broken):
        source_at(server).identify(Connection(token=signed_in(server)))


def test_an_account_that_moved_meanwhile_is_refused(server: ApiServer) -> None:
    """Its former server speaks for it no more."""
    token = signed_in(server)
    with running(api.atproto("x")) as new_home:
        server.api.opened[f"/{DID}"] = lambda _at, call: api.document(new_home, call)
        with pytest.raises(SourceFailure):
            source_at(server).identify(Connection(token=token))


@pytest.mark.parametrize("kind", ["Bearer", None, "bearer"])
def test_a_token_that_is_bound_to_no_key_is_refused(server: ApiServer, kind: str | None) -> None:
    usual = server.api.wrap_token
    server.api.wrap_token = lambda token: {
        name: value for name, value in (usual(token) | {"token_type": kind}).items() if value is not None
    }
    with pytest.raises(Broken):
        signed_in(server)


def test_the_token_is_of_no_use_with_another_key(server: ApiServer) -> None:
    token = signed_in(server)
    stolen = token | {"dpop_key": source_at(server).prepare({"handle": api.HANDLE}, CALLBACK)["dpop_key"]}
    with pytest.raises(NeedsLogin):
        source_at(server).identify(Connection(token=stolen))


def test_what_is_published_of_the_platform_has_no_private_key() -> None:
    """And the client id is the address at which it is published, in every request."""
    (source,) = configured(Settings.model_validate({"private_key": KEY}))
    assert isinstance(source, PublishedClientSource)
    redirect = "https://share.example/apps/saas/signed-in"
    address = client_id_of(redirect)
    found = source.client_document(address, redirect)
    assert found is not None
    assert (found["client_id"], found["redirect_uris"]) == ("https://share.example/apps/saas/client/9053", [redirect])
    assert (found["dpop_bound_access_tokens"], found["token_endpoint_auth_method"]) == (True, "private_key_jwt")
    (key,) = found["jwks"]["keys"]
    assert {"kty", "crv", "x", "y", "kid", "use", "alg"} == set(key)
    assert found["scope"] == SCOPE


def test_the_platform_proves_itself_by_its_key(server: ApiServer) -> None:
    """The JWT is for the issuer, and signed with the published key."""
    redirect, seen = "https://share.example/apps/saas/signed-in", list[str]()
    server.api.pushed, source = None, source_at(server)

    def pushed(_server: ApiServer, call: Any) -> Any:
        assert call.body.count(b"client_id=") == 1
        seen.append(call.form["client_assertion"])
        return 201, {"DPoP-Nonce": "n"}, {"request_uri": "urn:1", "expires_in": 60}

    server.api.opened[api.PUSHED] = pushed
    sign_in = source.sign_in(source.prepare({"handle": api.HANDLE}, redirect))
    oauth.authorization_address(sign_in, redirect, "state", new_verifier())
    key = ECKey.import_key(source.client_document(client_id_of(redirect), redirect)["jwks"]["keys"][0])
    token = jwt.decode(seen[0], key, algorithms=["ES256"])
    assert (token.claims["aud"], token.claims["sub"], token.claims["iss"]) == (
        server.address,
        client_id_of(redirect),
        client_id_of(redirect),
    )
    assert token.header["kid"] == key.kid


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
        ECKey.generate_key("P-256").as_pem(private=False).decode(),
        RSAKey.generate_key(2048).as_pem(private=True).decode(),
    ],
    ids=["empty", "no key", "another curve", "public", "RSA"],
)
def test_another_key_is_refused(key: str) -> None:
    """The error does not have it."""
    with pytest.raises(ValueError, match="curve P-256") as told:
        Settings.model_validate({"private_key": key})
    assert "PRIVATE KEY" not in str(told.value)


def test_an_account_with_an_app_password_goes_on_with_it(server: ApiServer) -> None:
    """It is not asked to sign in because the operator set a key."""
    known = {"server": server.address, "did": DID, "username": "ann", "password": "p"}
    with pytest.raises(NeedsLogin):
        source_at(server).sign_in(known)
    assert source_at(server).revoke(known)  # There is nothing to give back.
    assert server.paths() == []
