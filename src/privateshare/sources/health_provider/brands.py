"""Published lists of health providers: User-Access Brands of SMART App Launch 2.2, and older lists of endpoints.

A list is a Bundle of Organization and Endpoint, in any order. It comes from others and is shown to people, so an entry
whose name or address is not as it should be is left out, and counted.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

from privateshare.protocol.addresses import is_web_address
from privateshare.protocol.display_names import MAX_NAME_CHARACTERS, is_display_name
from privateshare.protocol.public_networks import is_public
from privateshare.sources.contract import JsonObject
from privateshare.sources.failures import LeftOut
from privateshare.sources.fhir_file.record import shape_of
from privateshare.sources.object_building import dict_of, list_of, text_of
from privateshare.sources.upload_records import read_records

MAX_ADDRESS_CHARACTERS = 500
MAX_ORGANIZATION_LEVELS = 10  # An organization may belong to another, and that to a third.
MAX_ALIASES = 10
FHIR_REST = "hl7-fhir-rest"
OLDEST_VERSION = 3
PREFERRED_VERSIONS = (4, 5, 3, 0)  # 0 stands for a version that is not named.
_PORTAL = "http://hl7.org/fhir/StructureDefinition/organization-portal"
_VERSION = "http://hl7.org/fhir/StructureDefinition/endpoint-fhir-version"
_BLANK = re.compile(r"\s+")
_T = TypeVar("_T")


class NotBrands(Exception):
    """A file is not a list of health providers."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A health provider: its name, where it is, its server, and other names by which people look for it."""

    name: str
    place: str
    server: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Endpoint:
    server: str
    version: int
    organization: str
    name: str


@dataclass(slots=True)
class _Organization:
    name: str
    place: str
    aliases: tuple[str, ...]
    part_of: str
    endpoints: list[str]


@dataclass(slots=True)
class BrandList:
    """What a list has. `left_out` counts by reason what was not taken."""

    providers: list[Provider] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read_brands(file: BinaryIO) -> BrandList:
    """Read a list. Raises NotBrands, or Broken if it is not JSON."""
    found, damaged = BrandList(), LeftOut()
    organizations: dict[str, _Organization] = {}
    endpoints: dict[str, _Endpoint] = {}
    for record in read_records(file, shape_of, damaged):
        kind, reference = record.thing.get("resourceType"), f"{record.thing.get('resourceType')}/{_id(record.thing)}"
        names = [reference, text_of(dict_of(record.wrapper).get("fullUrl"))]
        if kind == "Organization":
            organization = _organization(record.thing)
            organizations |= {name: organization for name in names if name}
        elif kind == "Endpoint":
            endpoint = _endpoint(record.thing, found.left_out)
            if endpoint is not None:
                endpoints |= {name: endpoint for name in names if name}
    found.left_out["damaged"] += damaged.count + len(damaged.damaged)
    if not endpoints and not found.left_out.total():
        raise NotBrands("it is not a Bundle of organizations and endpoints in JSON")
    _connect(organizations, endpoints)
    _collect(found, organizations, endpoints)
    found.left_out = +found.left_out
    return found


def _id(resource: JsonObject) -> str:
    return text_of(resource.get("id"))


def _organization(resource: JsonObject) -> _Organization:
    portals = [dict_of(one) for one in list_of(resource.get("extension")) if dict_of(one).get("url") == _PORTAL]
    parts = [dict_of(part) for portal in portals for part in list_of(portal.get("extension"))]
    of_portals = [dict_of(part.get("valueReference")) for part in parts if part.get("url") == "portalEndpoint"]
    references = [*map(dict_of, list_of(resource.get("endpoint"))), *of_portals]
    aliases = (_clean(one) for one in list_of(resource.get("alias"))[:MAX_ALIASES])
    return _Organization(
        _clean(resource.get("name")),
        _place(resource),
        tuple(alias for alias in aliases if _is_name(alias)),
        _reference(resource.get("partOf")),
        [reference for one in references if (reference := _reference(one))],
    )


def _endpoint(resource: JsonObject, left_out: Counter[str]) -> _Endpoint | None:
    if text_of(resource.get("status")) not in ("", "active"):
        left_out["not active"] += 1
        return None
    if not _is_rest(resource.get("connectionType")):
        left_out["of another kind"] += 1
        return None
    server, version = _server(resource.get("address")), _version(resource)
    if server is None:
        left_out["address"] += 1
        return None
    if version is not None and version < OLDEST_VERSION:
        left_out["version"] += 1
        return None
    organization, name = _reference(resource.get("managingOrganization")), _clean(resource.get("name"))
    if organization.startswith("#"):
        contained = {f"#{_id(one)}": one for one in map(dict_of, list_of(resource.get("contained")))}
        name, organization = _clean(contained.get(organization, {}).get("name")) or name, ""
    return _Endpoint(server, version or 0, organization, name)


def _is_rest(connection: object) -> bool:
    """Return whether an endpoint is one of FHIR. It is a Coding up to R4, and a list of CodeableConcept in R5."""
    codings = [dict_of(connection)] if isinstance(connection, dict) else []
    for concept in map(dict_of, list_of(connection)):
        codings += map(dict_of, list_of(concept.get("coding")))
    codes = [text_of(coding.get("code")) for coding in codings]
    return not codes or FHIR_REST in codes


def _version(resource: JsonObject) -> int | None:
    """Return the major version of FHIR that an endpoint names; None if it names none."""
    for extension in map(dict_of, list_of(resource.get("extension"))):
        if extension.get("url") == _VERSION:
            major = text_of(extension.get("valueCode")).partition(".")[0]
            return int(major) if major.isascii() and major.isdigit() and len(major) < 3 else 0
    return None


def _server(address: object) -> str | None:
    """Return the address of a server as it is used; None if it must not be."""
    found = address.strip().rstrip("/") if isinstance(address, str) else ""
    if len(found) > MAX_ADDRESS_CHARACTERS or not is_web_address(found):
        return None
    parts = urlsplit(found)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or parts.query or parts.fragment or "?" in found or "#" in found or "." not in host:
        return None
    try:
        if not is_public(host):
            return None
    except ValueError:  # It is a name.
        pass
    return found.replace(parts.netloc, parts.netloc.lower(), 1)


def _place(resource: JsonObject) -> str:
    for address in map(dict_of, list_of(resource.get("address"))):
        parts = [text_of(address.get(name)) for name in ("city", "state", "country")]
        place = _clean(", ".join(part for part in parts if part) or address.get("text"))
        if _is_name(place):
            return place
    return ""


def _clean(text: object) -> str:
    return _BLANK.sub(" ", text).strip() if isinstance(text, str) else ""


def _is_name(text: str) -> bool:
    """Return whether people can read a name. Names with markup are not taken, although pages would show it as text."""
    return len(text) <= MAX_NAME_CHARACTERS and is_display_name(text) and not set(text) & {"<", ">"}


def _reference(value: object) -> str:
    reference = text_of(dict_of(value).get("reference")).strip()
    return reference.split("/_history/")[0]


def _connect(organizations: Mapping[str, _Organization], endpoints: Mapping[str, _Endpoint]) -> None:
    """Add to organizations the endpoints that say to whom they belong."""
    for reference, endpoint in endpoints.items():
        organization = _found(organizations, endpoint.organization)
        if organization is not None and reference not in organization.endpoints:
            organization.endpoints.append(reference)


def _collect(found: BrandList, organizations: Mapping[str, _Organization], endpoints: Mapping[str, _Endpoint]) -> None:
    """Collect the providers of a list, each once."""
    used: set[int] = set()
    for organization in {id(one): one for one in organizations.values()}.values():
        own = _endpoints_of(organization, organizations, endpoints)
        used.update(id(one) for one in own)
        if not own:
            found.left_out["without endpoint"] += 1
        for endpoint in _of_best_version(own):
            _add(found, Provider(organization.name, organization.place, endpoint.server, organization.aliases))
    for endpoint in {id(one): one for one in endpoints.values()}.values():
        if id(endpoint) not in used:
            _add(found, Provider(endpoint.name, "", endpoint.server))
    unique = dict.fromkeys(found.providers)
    by_name = {(one.name.casefold(), one.place.casefold(), one.server): one for one in reversed(unique)}
    found.left_out["duplicate"] += len(found.providers) - len(by_name)
    found.providers = [*reversed(by_name.values())]


def _add(found: BrandList, provider: Provider) -> None:
    if _is_name(provider.name):
        found.providers.append(provider)
    else:
        found.left_out["name"] += 1


def _endpoints_of(
    organization: _Organization, organizations: Mapping[str, _Organization], endpoints: Mapping[str, _Endpoint]
) -> list[_Endpoint]:
    """Return the endpoints of an organization, or of the one that it is part of."""
    current: _Organization | None = organization
    for _ in range(MAX_ORGANIZATION_LEVELS):
        if current is None:
            break
        own = [one for reference in current.endpoints if (one := _found(endpoints, reference)) is not None]
        if own:
            return own
        current = _found(organizations, current.part_of)
    return []


def _of_best_version(endpoints: Sequence[_Endpoint]) -> list[_Endpoint]:
    """Return the endpoints of the version that is read best."""
    versions = {one.version for one in endpoints}
    best = next((version for version in PREFERRED_VERSIONS if version in versions), max(versions, default=0))
    return [one for one in endpoints if one.version == best]


def _found(known: Mapping[str, _T], reference: str) -> _T | None:
    """Return what a reference refers to: by its address, or by the type and id at its end."""
    return known.get(reference) or known.get("/".join(reference.split("/")[-2:]))
