"""Finding the authorization server of an account of the AT Protocol (https://atproto.com/specs/oauth).

A handle leads to the id of an account (DID), its document to the server that keeps it, and that server to the one at
which people sign in. Each step is checked in the other direction: anybody can run a server that names any account.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from privateshare.sources.bluesky.directory import DescribedAccount, described_account, not_of_bluesky
from privateshare.sources.contract import Broken, JsonObject, TryLater
from privateshare.sources.object_building import list_of, text_of
from privateshare.sources.typed_servers import TypedServers, host_of, server_failures
from privateshare.sources.web import open_client, read_object, retry_after_seconds, same_origin

PUBLIC_RESOLVER = "https://public.api.bsky.app"
MAX_DOCUMENT_BYTES, MAX_DOCUMENT_SECONDS = 64 * 1024, 15
MAX_HANDLE_CHARACTERS, MAX_DID_CHARACTERS = 253, 2048
_HANDLE = re.compile(
    r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE
)
# What every authorization server of the AT Protocol must support.
_NEEDED: Mapping[str, str] = {
    "response_types_supported": "code",
    "grant_types_supported": "refresh_token",
    "code_challenge_methods_supported": "S256",
    "dpop_signing_alg_values_supported": "ES256",
    "scopes_supported": "atproto",
}
_REQUIRED_TRUE = (
    "authorization_response_iss_parameter_supported",
    "require_pushed_authorization_requests",
    "client_id_metadata_document_supported",
)
ENDPOINTS = ("authorization", "token", "pushed_authorization_request")


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """A server at which people sign in, and the addresses of its endpoints by their names in its description."""

    issuer: str
    endpoints: Mapping[str, str]


def account_of_handle(handle: str, servers: TypedServers, directory: str, resolver: str) -> DescribedAccount:
    """Return the account that a person named by its handle or its id.

    Args:
        handle: The handle, such as ann.bsky.social, or the id.
        servers: Which servers may be reached.
        directory: The address of the directory of ids that begin with did:plc.
        resolver: A server that resolves handles by DNS and by HTTPS. It is not trusted: the account must claim the
            handle.

    Raises:
        Broken: There is no such account, or it does not claim the handle.
        TryLater: It cannot be looked up at the moment.
    """
    if handle.startswith("did:") and len(handle) <= MAX_DID_CHARACTERS:
        return described_account(handle, servers, directory, handle)
    if len(handle) > MAX_HANDLE_CHARACTERS or _HANDLE.fullmatch(handle) is None:
        raise no_such_handle(handle)
    response = _get(f"{resolver}/xrpc/com.atproto.identity.resolveHandle", servers, {"handle": handle.lower()})
    found = text_of((read_object(response) or {}).get("did")) if response.is_success else ""
    if not found:
        raise no_such_handle(handle)
    account = described_account(found, servers, directory, handle)
    if handle.casefold() not in account.handles:
        raise no_such_handle(handle)
    return account


def authorization_server(server: str, servers: TypedServers) -> AuthorizationServer:
    """Return the server at which people sign in whose accounts a server keeps. Raises Broken or TryLater."""
    described = _description(f"{server}/.well-known/oauth-protected-resource", server, servers)
    named = list_of(described.get("authorization_servers"))
    issuer = text_of(named[0]) if len(named) == 1 else ""
    if not issuer or servers.origin(issuer) != issuer:
        raise not_of_bluesky(host_of(server))
    found = _description(f"{issuer}/.well-known/oauth-authorization-server", issuer, servers)
    endpoints = {name: text_of(found.get(f"{name}_endpoint")) for name in (*ENDPOINTS, "revocation")}
    is_complete = (
        found.get("issuer") == issuer
        and all(wanted in list_of(found.get(name)) for name, wanted in _NEEDED.items())
        and all(found.get(name) is True for name in _REQUIRED_TRUE)
        and all(same_origin(endpoints[name], issuer) for name in ENDPOINTS)
        and (not endpoints["revocation"] or same_origin(endpoints["revocation"], issuer))
    )
    if not is_complete:
        raise not_of_bluesky(host_of(issuer))
    return AuthorizationServer(issuer, {name: address for name, address in endpoints.items() if address})


def no_such_handle(handle: str) -> Broken:
    """Build the error for a handle that no account has, or that another account claims."""
    shown = "".join(letter for letter in handle if letter.isprintable())[:100]
    return Broken("There is no account of Bluesky with the handle “%(handle)s”. Check it.", handle=shown)


def _description(address: str, server: str, servers: TypedServers) -> JsonObject:
    response = _get(address, servers)
    found = read_object(response) if response.status_code == httpx2.codes.OK else None
    if found is None:
        raise not_of_bluesky(host_of(server))
    return found


def _get(address: str, servers: TypedServers, parameters: Mapping[str, str] | None = None) -> httpx2.Response:
    with (
        server_failures(host_of(address)),
        open_client({}, MAX_DOCUMENT_BYTES, MAX_DOCUMENT_SECONDS, servers.reach) as http,
    ):
        response = http.get(address, params=parameters)
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise TryLater("the account cannot be looked up", retry_after_seconds(response))
    return response
