"""Registering the platform at a FHIR server. RFC 7591."""

from privateshare.sources.client_registration import is_credential, post_registration
from privateshare.sources.contract import Broken, JsonObject
from privateshare.sources.health_provider.discovery import SmartServer
from privateshare.sources.typed_servers import TypedServers, host_of

CLIENT_NAME = "PrivateShare"
# How the platform can prove itself, the preferred way first.
AUTHENTICATIONS = ("client_secret_basic", "client_secret_post", "none")


def register(servers: TypedServers, server: SmartServer, redirect_uri: str, scope: str) -> JsonObject:
    """Register the platform, and return its client id, its secret if there is one, and how it proves itself.

    Raises:
        Broken: The server does not allow it.
        TryLater: It does not respond.
    """
    assert server.registration_endpoint is not None
    asked = {
        "client_name": CLIENT_NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": _authentication(server),
        "scope": scope,
    }
    answer = post_registration(servers, server.registration_endpoint, json=asked) or {}
    client_id, secret = answer.get("client_id"), answer.get("client_secret")
    method = answer.get("token_endpoint_auth_method", asked["token_endpoint_auth_method"])
    is_complete = is_credential(client_id) and (secret is None or is_credential(secret)) and method in AUTHENTICATIONS
    if not is_complete or (secret is None and method != "none"):
        raise Broken(
            "%(server)s does not let this platform register itself. Ask those who run this platform to register it "
            "there, or export your record and upload the file.",
            server=host_of(server.base),
        )
    found: JsonObject = {"client_id": client_id}
    if secret is not None and method != "none":
        found |= {"client_secret": secret, "client_authentication": method}
        found |= _expiry(answer)
    return found


def _expiry(answer: JsonObject) -> JsonObject:
    """Return when the secret expires; 0 means that it does not."""
    expires = answer.get("client_secret_expires_at")
    is_date = isinstance(expires, int) and not isinstance(expires, bool) and expires > 0
    return {"client_expires_at": expires} if is_date else {}


def _authentication(server: SmartServer) -> str:
    usable = [one for one in AUTHENTICATIONS if one in server.authentications]
    return usable[0] if usable else AUTHENTICATIONS[0]
