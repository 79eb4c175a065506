"""Registering the platform at a Mastodon server, which is possible for anybody."""

from privateshare.sources.client_registration import is_credential, post_registration
from privateshare.sources.contract import Broken, JsonObject
from privateshare.sources.typed_servers import TypedServers, host_of

SCOPE = "read:accounts read:statuses read:favourites read:follows"


def register(servers: TypedServers, origin: str, redirect_uri: str) -> JsonObject:
    """Register the platform at a server, and return its client id and secret with the server's address.

    Each sign-in registers anew. A registration that all people share would have to be stored, and could be deleted by
    the server at any time.

    Raises:
        Broken: It is no such server, or cannot be reached.
        TryLater: It does not respond.
    """
    host = host_of(origin)
    asked = {"client_name": "PrivateShare", "redirect_uris": redirect_uri, "scopes": SCOPE}
    answer = post_registration(servers, f"{origin}/api/v1/apps", data=asked)
    client_id, secret = (answer or {}).get("client_id"), (answer or {}).get("client_secret")
    if not is_credential(client_id) or not is_credential(secret):
        raise Broken("%(server)s is not a Mastodon server. Check its address.", server=host)
    return {"server": origin, "client_id": client_id, "client_secret": secret}
