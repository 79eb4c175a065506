"""Finding the server of an account of the AT Protocol by its id (DID), so that no other server can speak for it."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

import httpx2

from privateshare.sources.contract import Broken, JsonObject, TryLater
from privateshare.sources.object_building import dict_of, list_of, text_of
from privateshare.sources.typed_servers import TypedServers
from privateshare.sources.web import ServerNotAllowed, open_client, read_object, retry_after_seconds

PUBLIC_DIRECTORY = "https://plc.directory"
HANDLE = "at://"  # Before a handle in a document.
MAX_DOCUMENT_BYTES, MAX_DOCUMENT_SECONDS = 64 * 1024, 15
_OF_DIRECTORY = re.compile(r"did:plc:[a-z0-9]{1,64}", re.ASCII)
_OF_WEB = re.compile(r"did:web:[A-Za-z0-9.-]{1,253}(%3A[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class DescribedAccount:
    """What the document of an account says: its server, and the handles that it claims to have."""

    did: str
    server: str
    handles: frozenset[str]


def server_of(did: str, servers: TypedServers, directory: str, typed: str) -> str:
    """Return the origin of the server that keeps an account.

    Args:
        did: The id of the account, as a server named it. Anybody can run a server that names any id.
        servers: Which servers may be reached.
        directory: The address of the directory of ids that begin with did:plc.
        typed: The host that the person typed, for the error.

    Raises:
        Broken: The id names no server.
        TryLater: It cannot be looked up at the moment.
    """
    return described_account(did, servers, directory, typed).server


def described_account(did: str, servers: TypedServers, directory: str, typed: str) -> DescribedAccount:
    """Look up an account, like `server_of`, and return also the handles that it claims. Raises Broken or TryLater."""
    document = _document(_document_address(did, servers, directory, typed), servers)
    if document.get("id") == did:
        names = [text_of(name) for name in list_of(document.get("alsoKnownAs"))]
        handles = frozenset(name.removeprefix(HANDLE).casefold() for name in names if name.startswith(HANDLE))
        for service in map(dict_of, list_of(document.get("service"))):
            is_server = text_of(service.get("id")) in ("#atproto_pds", f"{did}#atproto_pds")
            if is_server and service.get("type") == "AtprotoPersonalDataServer":
                return DescribedAccount(did, servers.origin(text_of(service.get("serviceEndpoint"))), handles)
    raise not_of_bluesky(typed)


def not_of_bluesky(server: str) -> Broken:
    """Build the error for a server that is none of Bluesky, or does not keep the account that it names."""
    return Broken("%(server)s is not a server of Bluesky. Check its address.", server=server)


def _document_address(did: str, servers: TypedServers, directory: str, typed: str) -> str:
    if _OF_DIRECTORY.fullmatch(did):
        return f"{directory}/{did}"
    if _OF_WEB.fullmatch(did):
        scheme = "http" if servers.private else "https"
        return f"{servers.origin(f'{scheme}://{unquote(did[8:])}')}/.well-known/did.json"
    raise not_of_bluesky(typed)


def _document(address: str, servers: TypedServers) -> JsonObject:
    try:
        with open_client({}, MAX_DOCUMENT_BYTES, MAX_DOCUMENT_SECONDS, servers.reach) as http:
            response = http.get(address)
    except (httpx2.TransportError, ServerNotAllowed) as error:
        raise TryLater("the server of the account cannot be looked up") from error
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise TryLater("the server of the account cannot be looked up", retry_after_seconds(response))
    return (read_object(response) or {}) if response.is_success else {}
