"""The source Bluesky for those who sign in at their server (OAuth of the AT Protocol), in place of an app password.

The platform is a confidential client: it publishes its key at the address that is its client id. What people allow is
to read their profile and contacts; their records are public.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from joserfc.jwk import ECKey

from privateshare.sources import oauth
from privateshare.sources.bluesky.authorization import PUBLIC_RESOLVER, account_of_handle, authorization_server
from privateshare.sources.bluesky.directory import PUBLIC_DIRECTORY
from privateshare.sources.bluesky.source import ID, LiveBluesky
from privateshare.sources.contract import (
    ClientAssertion,
    Connection,
    Identity,
    JsonObject,
    NeedsLogin,
    Question,
    SignIn,
)
from privateshare.sources.dpop import ALGORITHM, SCHEME, new_dpop_key
from privateshare.sources.json_api.requests import ApiClient
from privateshare.sources.object_building import text_of
from privateshare.sources.typed_servers import TypedServers, host_of
from privateshare.sources.web import ServerReach

CLIENT_NAME = "PrivateShare"
IDENTITY_SCOPE = "atproto"
READ_METHODS = ("app.bsky.actor.getProfile", "app.bsky.graph.getFollowers", "app.bsky.graph.getFollows")
APP_VIEW = "did:web:api.bsky.app%23bsky_appview"
SCOPE = " ".join((IDENTITY_SCOPE, *(f"rpc:{method}?aud={APP_VIEW}" for method in READ_METHODS)))
LOCAL_CLIENT = "http://localhost"  # Stands for clients on the machine of a developer, which publish nothing.
DOCUMENT_PATH = f"client/{ID}"


class SignedInBluesky(LiveBluesky):
    """The source 9053 for those who sign in. Accounts that were connected by an app password go on with it."""

    info = replace(
        LiveBluesky.info,
        asks=(Question("handle", "Your handle", example="ann.bsky.social"),),
        signs_in=True,
    )

    def __init__(
        self,
        private_key: str,
        servers: TypedServers | None = None,
        directory: str = PUBLIC_DIRECTORY,
        resolver: str = PUBLIC_RESOLVER,
    ) -> None:
        """Take the key of the platform as PEM, and where accounts are looked up."""
        super().__init__(servers, directory)
        self._private_key, self._resolver = private_key, resolver
        self._public_key = published_key(private_key)

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Find the account and the server at which the person signs in. Raises Broken or TryLater."""
        handle = answers["handle"].strip().removeprefix("@")
        account = account_of_handle(handle, self._servers, self._directory, self._resolver)
        server = authorization_server(account.server, self._servers)
        return {
            "server": account.server,
            "did": account.did,
            "username": handle,
            "name": host_of(server.issuer),
            "issuer": server.issuer,
            "endpoints": dict(server.endpoints),
            "client_id": client_id_of(redirect_uri),
            "dpop_key": new_dpop_key(),
        }

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters. Raises NeedsLogin for an account with an app password."""
        if "dpop_key" not in known:
            raise NeedsLogin("the account has an app password")
        endpoints, is_local = known["endpoints"], known["client_id"].startswith(LOCAL_CLIENT)
        return SignIn(
            authorization_endpoint=endpoints["authorization"],
            token_endpoint=endpoints["token"],
            pushed_authorization_endpoint=endpoints["pushed_authorization_request"],
            revocation_endpoint=endpoints.get("revocation"),
            client_id=known["client_id"],
            scope=SCOPE,
            issuer=known["issuer"],
            names_issuer=True,
            extra={"login_hint": known["username"]},
            client_authentication="private_key_jwt",
            private_key=None if is_local else self._private_key,
            assertion=ClientAssertion(known["issuer"], self._public_key["kid"]),
            dpop_key=known["dpop_key"],
            named_by_person=self._servers.reach is ServerReach.PUBLIC,
        )

    def revoke(self, token: JsonObject) -> bool:
        """Revoke a token, and return whether that succeeded. An app password is ended in the app."""
        return "dpop_key" not in token or oauth.revoke(self.sign_in(token), token)

    def client_document(self, client_id: str, redirect_uri: str) -> JsonObject:
        """Return what servers fetch to know the platform."""
        return {
            "client_id": client_id,
            "client_name": CLIENT_NAME,
            "client_uri": client_id.partition("/apps/")[0],
            "application_type": "web",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": SCOPE,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": ALGORITHM,
            "jwks": {"keys": [self._public_key]},
            "dpop_bound_access_tokens": True,
        }

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Check that the token is of the account, and its server the one that the account names now.

        Raises the errors of the client, and KeyError or ValueError if another account signed in.
        """
        if "dpop_key" not in known:
            return super().owner(client, known)
        if known["sub"] != known["did"] or IDENTITY_SCOPE not in text_of(known.get("scope")).split():
            raise ValueError("another account signed in, or it did not allow to be identified")
        account = account_of_handle(known["did"], self._servers, self._directory, self._resolver)
        is_same = account.server == known["server"]
        if not is_same or authorization_server(account.server, self._servers).issuer != known["issuer"]:
            raise ValueError("the account has moved to another server")
        return super().owner(client, known)

    def _client(self, connection: Connection) -> ApiClient:
        key = (connection.token or {}).get("dpop_key")
        if connection.token is None or key is None:
            return super()._client(connection)
        rules = replace(self.rules, scheme=SCHEME)
        return ApiClient(rules, self.api(connection.token), connection, self.reach(), dpop_key=key)


def client_id_of(redirect_uri: str) -> str:
    """Return the client id of the platform, which is the address at which its description is published."""
    if redirect_uri.startswith("http://"):
        return f"{LOCAL_CLIENT}?{urlencode({'redirect_uri': redirect_uri, 'scope': SCOPE})}"
    return f"{redirect_uri.rpartition('/')[0]}/{DOCUMENT_PATH}"


def published_key(private_key: str) -> dict[str, Any]:
    """Return the public part of a key (PEM, P-256) as a JWK. Raises ValueError for another key."""
    key = ECKey.import_key(private_key)
    if key.curve_name != "P-256" or not key.is_private:
        raise ValueError("the key must be a private key of the curve P-256")
    return {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM}
