"""Registering the platform at a Mastodon server, which is possible for anybody."""

import httpx2

from privateshare.sources.contract import Broken, JsonObject, TryLater
from privateshare.sources.typed_servers import TypedServers, host_of, not_reachable, not_trusted
from privateshare.sources.web import ServerNotAllowed, open_client, read_object, retry_after_seconds

SCOPE = "read:accounts read:statuses read:favourites read:follows"
MAX_RESPONSE_BYTES = 256 * 1024
MAX_RESPONSE_SECONDS = 15  # People wait for this response.


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
    try:
        with open_client(
            {"accept": "application/json"}, MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS, servers.reach
        ) as client:
            response = client.post(f"{origin}/api/v1/apps", data=asked)
    except ServerNotAllowed as error:
        raise not_reachable(host) from error
    except httpx2.ConnectError as error:
        if "certificate" in str(error).lower():
            raise not_trusted(host) from error
        raise not_reachable(host) from error
    except httpx2.TransportError as error:
        raise TryLater("the server does not respond") from error
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise TryLater("the server is not available", retry_after_seconds(response))
    answer = read_object(response) if response.is_success else None
    client_id, secret = (answer or {}).get("client_id"), (answer or {}).get("client_secret")
    if not isinstance(client_id, str) or not isinstance(secret, str):
        raise Broken("%(server)s is not a Mastodon server. Check its address.", server=host)
    return {"server": origin, "client_id": client_id, "client_secret": secret}
