"""What a FHIR server says of itself: how people sign in there, its version, and the resource types that it has.

A person types the address of a server, often not completely: what they typed is tried first, and then with the paths
that servers commonly have. SMART App Launch 2.2 (`.well-known/smart-configuration`), FHIR (`metadata`).
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from privateshare.sources.contract import Broken, JsonObject, TryLater
from privateshare.sources.fhir_file.mapping import DEFINITIONS, OBJECT_TYPES
from privateshare.sources.fhir_server.requests import FHIR_JSON
from privateshare.sources.fhir_server.search import OTHER_PARAMETERS, USUAL_PARAMETERS
from privateshare.sources.object_building import dict_of, list_of, text_of
from privateshare.sources.typed_servers import TypedServers, host_of, server_failures
from privateshare.sources.web import ServerReach, is_safe, open_client, read_object, retry_after_seconds

COMMON_PATHS = ("fhir", "fhir/r4", "r4", "api/fhir/r4", "api/FHIR/R4", "baseR4")
MAX_RESPONSE_BYTES = 8 * 1024 * 1024  # Capability statements of all resource types have some megabytes.
MAX_RESPONSE_SECONDS = 15  # A person waits for each response.
MAX_DISCOVERY_SECONDS = 40  # They wait for all responses together.
UNAVAILABLE_STATUSES = (429, 502, 503, 504)
OLDEST_VERSION = 3
# What is kept of a server for an hour. Others than servers with health records could fill the memory with it.
MAX_TYPES, MAX_TEXTS, MAX_TEXT_CHARACTERS = 1000, 1000, 300
# What people copy with the address of a server: the address of a document or of a resource there.
_DOCUMENT = re.compile(
    rf"/(metadata|\.well-known/[^/]*|({'|'.join([*OBJECT_TYPES, *DEFINITIONS])})(/[A-Za-z0-9.-]{{1,64}})?)$"
)
_VERSION = re.compile(r"(\d{1,2})\.(\d{1,2})(?:[.-].*)?")
_PARAMETERS = frozenset(chain(USUAL_PARAMETERS, *OTHER_PARAMETERS.values()))
_OAUTH_ADDRESSES = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@dataclass(frozen=True, slots=True)
class TypeAbility:
    """What a server can do with a resource type: search for it, by which parameters, show its history, and export it.

    `parameters` has those by which a person's resources are found, "" if the server has only others, and nothing if it
    does not say.
    """

    searches: bool = True
    parameters: frozenset[str] = frozenset()
    shows_history: bool = False
    exports: bool = False


@dataclass(frozen=True, slots=True)
class SmartServer:
    """A FHIR server.

    Attributes:
        base: Its address.
        version: Its version of FHIR, such as 4.0.1; R4 if it does not say.
        types: Its resource types; empty if it does not say.
        scopes: The scopes that it names.
        capabilities: Its capabilities of SMART App Launch.
        authentications: How clients may prove themselves at the token endpoint; empty if it does not say.
    """

    base: str
    version: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    registration_endpoint: str | None = None
    pushed_authorization_endpoint: str | None = None
    issuer: str | None = None
    types: Mapping[str, TypeAbility] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    authentications: Sequence[str] = ()


def find_server(servers: TypedServers, typed: str) -> SmartServer:
    """Find the server whose address a person typed, perhaps not completely.

    Raises:
        Broken: There is no such server, or people cannot sign in there. The text says what is wrong.
        TryLater: It does not respond.
    """
    deadline = time.monotonic() + MAX_DISCOVERY_SECONDS
    problem: Broken | None = None
    for base in _candidates(servers.address(typed)):
        if time.monotonic() > deadline:
            break
        try:
            return _read_server(servers, base)
        except _NotThere:
            continue
        except _NoSignIn as error:
            problem = problem or no_sign_in(error.base)
    raise problem or not_fhir(servers.address(typed))


def read_server(servers: TypedServers, base: str) -> SmartServer:
    """Read what the server at exactly this address says of itself. Raises what `find_server` raises."""
    try:
        return _read_server(servers, base)
    except _NotThere:
        raise not_fhir(base) from None
    except _NoSignIn:
        raise no_sign_in(base) from None


def _read_server(servers: TypedServers, base: str) -> SmartServer:
    with server_failures(host_of(base)):
        statement = _document(servers, f"{base}/metadata", FHIR_JSON)
        smart = _document(servers, f"{base}/.well-known/smart-configuration", "application/json")
    is_fhir = statement is not None and statement.get("resourceType") in ("CapabilityStatement", "Conformance")
    if not is_fhir and (smart is None or "token_endpoint" not in smart):
        raise _NotThere(base)
    known = dict_of(statement) if is_fhir else {}
    version = _version(known, base)
    endpoints = smart if smart is not None and "token_endpoint" in smart else _older_sign_in(known)
    return _server(base, version, endpoints, known, servers)


class _NotThere(Exception):
    """There is no FHIR server at an address."""


class _NoSignIn(Exception):
    """There is a FHIR server, and people cannot sign in there."""

    def __init__(self, base: str) -> None:
        self.base = base
        super().__init__(base)


def no_sign_in(base: str) -> Broken:
    """Build the error for a server that does not say how people sign in."""
    return Broken(
        "%(server)s has health records, and does not say how people sign in there (SMART on FHIR). "
        "Ask the hospital for its FHIR address for patients.",
        server=host_of(base),
    )


def not_fhir(address: str) -> Broken:
    """Build the error for an address at which there is no FHIR server."""
    return Broken(
        "There is no server with health records (FHIR) at %(address)s. "
        "Ask the hospital for its FHIR address for patients.",
        address=address.rstrip("/"),
    )


def _candidates(address: str) -> Iterator[str]:
    """Yield the addresses at which the server may be, beginning with what was typed."""
    typed = address.rstrip("/")
    while (shorter := _DOCUMENT.sub("", typed)) != typed and shorter.count("/") >= 2:
        typed = shorter
    found = dict.fromkeys((typed, *(f"{typed}/{path}" for path in COMMON_PATHS)))
    yield from found


def _document(servers: TypedServers, address: str, accept: str) -> JsonObject | None:
    """Get a JSON object that needs no sign-in; None if there is none."""
    with open_client({"accept": accept}, MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS, servers.reach) as client:
        response = client.get(address)
    if response.status_code in UNAVAILABLE_STATUSES:
        raise TryLater("the server is not available", retry_after_seconds(response))
    return read_object(response) if response.is_success else None


def _version(statement: JsonObject, base: str) -> str:
    told = text_of(statement.get("fhirVersion"))
    if not told:
        return "4.0.1"
    match = _VERSION.fullmatch(told)
    if match is None or int(match[1]) < OLDEST_VERSION:
        raise Broken(
            "%(server)s uses version %(version)s of FHIR, which is too old to be read here. "
            "Ask the hospital whether it has a newer address, or export your record and upload the file.",
            server=host_of(base),
            version=told[:20],
        )
    return told


def _older_sign_in(statement: JsonObject) -> JsonObject:
    """Return the addresses of a sign-in as the first version of SMART names them, in the capability statement."""
    found: JsonObject = {}
    for rest in list_of(statement.get("rest")):
        for extension in list_of(dict_of(dict_of(rest).get("security")).get("extension")):
            if dict_of(extension).get("url") == _OAUTH_ADDRESSES:
                for part in map(dict_of, list_of(dict_of(extension).get("extension"))):
                    name = {"authorize": "authorization", "register": "registration", "revoke": "revocation"}
                    url = text_of(part.get("url"))
                    found[f"{name.get(url, url)}_endpoint"] = part.get("valueUri")
    return found


def _server(base: str, version: str, smart: JsonObject, statement: JsonObject, servers: TypedServers) -> SmartServer:
    authorize, token, revoke, register, push = (
        smart.get(f"{name}_endpoint")
        for name in ("authorization", "token", "revocation", "registration", "pushed_authorization_request")
    )
    if authorize is None or token is None:
        raise _NoSignIn(base)
    named = [authorize, token, *(one for one in (revoke, register, push) if one is not None)]
    if not all(_may_be_used(one, servers) for one in named):
        raise Broken(
            "%(server)s leads to an address without encryption. Tell those who run it.",
            server=host_of(base),
        )
    issuer = smart.get("issuer")
    return SmartServer(
        base,
        version,
        authorize,
        token,
        revoke,
        register,
        push,
        issuer if isinstance(issuer, str) else None,
        _types(statement),
        frozenset(_texts(smart.get("scopes_supported"))),
        frozenset(_texts(smart.get("capabilities"))),
        _texts(smart.get("token_endpoint_auth_methods_supported")),
    )


def _may_be_used(address: object, servers: TypedServers) -> bool:
    if not isinstance(address, str) or not is_safe(address):
        return False
    return servers.reach is ServerReach.ANY or address.startswith("https://")


def _types(statement: JsonObject) -> dict[str, TypeAbility]:
    found = {}
    for rest in map(dict_of, list_of(statement.get("rest"))):
        for one in map(dict_of, list_of(rest.get("resource"))[:MAX_TYPES]):
            interactions = {text_of(dict_of(item).get("code")) for item in list_of(one.get("interaction"))}
            parameters = frozenset(text_of(dict_of(item).get("name")) for item in list_of(one.get("searchParam")))
            operations = {text_of(dict_of(item).get("name")).lstrip("$") for item in list_of(one.get("operation"))}
            found[text_of(one.get("type"))[:MAX_TEXT_CHARACTERS]] = TypeAbility(
                not interactions or "search-type" in interactions,
                parameters & _PARAMETERS or frozenset(("",) if parameters else ()),
                "history-type" in interactions,
                "export" in operations,
            )
    return found


def _texts(value: object) -> list[str]:
    return [one for one in list_of(value)[:MAX_TEXTS] if isinstance(one, str) and len(one) <= MAX_TEXT_CHARACTERS]
