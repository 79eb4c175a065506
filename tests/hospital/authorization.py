"""The hospital's authorization server, on authlib and Flask: codes with PKCE, refresh tokens that rotate, revocation.

`/control/…` is for tests: what a hospital's staff, a patient in the hospital's own portal, or time would do.
"""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, redirect, request

PAGE = """<!doctype html><title>Hospital</title><body data-page="hospital"><h1>Sign in as {patient}?</h1>
<form method="post"><input type="hidden" name="answer" value="yes">
<button data-action="continue">Sign in</button></form>
<form method="post"><input type="hidden" name="answer" value="no">
<button data-action="decline">No</button></form>"""


LOOK_SECONDS = 0.01  # while something is held


@dataclass
class Registered(ClientMixin):  # type: ignore[misc]
    """The platform, as it is registered here: by the hospital's staff, or by itself (RFC 7591) for one redirect URI."""

    client_id: str = "privateshare"
    client_secret: str = "hospital-secret"
    redirect_uris: tuple[str, ...] = ()
    allowed_scope: str | None = None
    client_info: dict[str, Any] = field(default_factory=dict)
    client_metadata: dict[str, Any] = field(default_factory=dict)

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str | None) -> str:
        return self.allowed_scope or scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        if self.redirect_uris:
            return redirect_uri in self.redirect_uris
        return redirect_uri.endswith("/apps/saas/connected")

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(self.client_secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class Code:
    """An authorization code."""

    code: str
    patient: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Grant(TokenMixin):  # type: ignore[misc]
    """A pair of tokens."""

    access_token: str
    refresh_token: str
    scope: str
    patient: str
    expires_at: float
    revoked: bool = False

    def check_client(self, client: Any) -> bool:
        return True

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Desk:
    """What the authorization server knows, and the FHIR server asks."""

    patient: str = "p1"
    seconds: int = 3600
    revokes: bool = True
    codes: dict[str, Code] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    holds_tokens: bool = False
    waiting: int = 0  # for these tokens
    told: list[str] = field(default_factory=list)  # grant types and revocations, as they happened
    clients: dict[str, Registered] = field(default_factory=lambda: {"privateshare": Registered()})
    allowed_scope: str | None = None  # What patients allow, whatever is requested.

    def grant_of(self, access_token: str) -> Grant | None:
        """The live grant of an access token."""
        live = (grant for grant in self.grants if not grant.revoked and grant.expires_at > time.time())
        return next((grant for grant in live if grant.access_token == access_token), None)


def authorization_app(desk: Desk) -> Flask:
    """The server."""
    app = Flask(__name__)
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True

    def client_of(client_id: str) -> Registered | None:
        client = desk.clients.get(client_id)
        if client is not None:
            client.allowed_scope = desk.allowed_scope
        return client

    def save_token(token: dict[str, Any], asked: Any) -> None:
        desk.waiting += 1
        while desk.holds_tokens:
            time.sleep(LOOK_SECONDS)
        desk.waiting -= 1
        desk.told.append(asked.payload.grant_type)
        patient = asked.user
        expires_at = time.time() + desk.seconds
        desk.grants.append(Grant(token["access_token"], token["refresh_token"], token["scope"], patient, expires_at))
        token["expires_in"] = desk.seconds
        if asked.payload.grant_type == "authorization_code":
            token["patient"] = patient

    server = AuthorizationServer(app, client_of, save_token)

    class Codes(AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code: str, asked: Any) -> None:
            said = asked.payload.data
            desk.codes[code] = Code(
                code,
                asked.user,
                asked.payload.redirect_uri,
                asked.payload.scope,
                said["code_challenge"],
                said["code_challenge_method"],
            )

        def query_authorization_code(self, code: str, _client: Any) -> Code | None:
            return desk.codes.get(code)

        def delete_authorization_code(self, code: Code) -> None:
            del desk.codes[code.code]

        def authenticate_user(self, code: Code) -> str:
            return code.patient

    class Refreshing(RefreshTokenGrant):  # type: ignore[misc]
        INCLUDE_NEW_REFRESH_TOKEN = True
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def authenticate_refresh_token(self, token: str) -> Grant | None:
            return next((one for one in desk.grants if one.refresh_token == token and not one.revoked), None)

        def authenticate_user(self, grant: Grant) -> str:
            return grant.patient

        def revoke_old_credential(self, grant: Grant) -> None:
            grant.revoked = True

    class Revoking(RevocationEndpoint):  # type: ignore[misc]
        def query_token(self, token: str, _hint: str | None) -> Grant | None:
            return next((one for one in desk.grants if token in (one.refresh_token, one.access_token)), None)

        def revoke_token(self, grant: Grant, _request: Any) -> None:
            desk.told.append("revocation")
            grant.revoked = True

    class Registering(ClientRegistrationEndpoint):  # type: ignore[misc]
        def authenticate_token(self, _request: Any) -> bool:
            return True

        def get_server_metadata(self) -> dict[str, Any]:
            return {"response_types_supported": ["code"]}

        def save_client(self, info: dict[str, Any], metadata: dict[str, Any], _request: Any) -> Registered:
            desk.told.append("registration")
            uris = tuple(metadata["redirect_uris"])
            client = Registered(
                info["client_id"], info["client_secret"], uris, client_info=info, client_metadata=metadata
            )
            desk.clients[client.client_id] = client
            return client

    server.register_endpoint(Registering)
    server.register_grant(Codes, [CodeChallenge(required=True)])
    server.register_grant(Refreshing)
    server.register_endpoint(Revoking)

    @app.get("/authorize")
    def authorize() -> Any:
        """Leads on to another host, as single sign-on does."""
        return redirect(f"http://localhost:{request.host.rpartition(':')[2]}/login?{urlencode(request.args)}")

    @app.get("/login")
    def login() -> Any:
        server.get_consent_grant(end_user=desk.patient)
        return PAGE.format(patient=desk.patient)

    @app.post("/login")
    def answer() -> Any:
        grant = server.get_consent_grant(end_user=desk.patient)
        patient = desk.patient if request.form["answer"] == "yes" else None
        return server.create_authorization_response(grant=grant, grant_user=patient)

    app.add_url_rule("/token", view_func=server.create_token_response, methods=["POST"])

    @app.post("/register")
    def register() -> Any:
        return server.create_endpoint_response("client_registration")

    @app.post("/revoke")
    def revoke() -> Any:
        return server.create_endpoint_response("revocation") if desk.revokes else ("", 503)

    return app
