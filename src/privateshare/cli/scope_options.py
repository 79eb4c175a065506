"""Conversion of the options of `privateshare read` to what a session reads: a part of what its contract allows."""

import json
from base64 import b64decode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from privateshare.cli.contract_parts import is_named, time_ranges
from privateshare.errors import ConfigurationError
from privateshare.protocol.catalogue import CatalogueEntry, catalogue
from privateshare.protocol.contract_document import ContractDocument, parse_document
from privateshare.protocol.messages import (
    ContractDetails,
    Scope,
    ServiceGroupScope,
    ServiceObjectTypeScope,
    ServiceTypeScope,
    SessionOptions,
    TimeRange,
)
from privateshare.protocol.scope import ObjectKind, reach_of_contract

if TYPE_CHECKING:
    from privateshare import PrivateShare

DOCUMENT_OID = "1.2.826.0.1.6861219.1"  # Protocol 12.1.
JSON = "json"


def session_options(
    client: "PrivateShare", last: str | None, types: Sequence[str], sources: Sequence[str]
) -> SessionOptions | None:
    """Return the options of a session that reads a part only, or None if it reads all that the contract allows.

    Args:
        client: The client, which tells what the contract allows.
        last: The period up to now, such as "3m".
        types: The object types, by name or id.
        sources: The services, by name or id.

    Raises:
        ConfigurationError: An option is invalid, or the contract does not allow what it names.
    """
    if not (last or types or sources):
        return None
    ranges = [TimeRange.model_validate(found) for found in time_ranges(last, None, None)] if last else None
    groups = None
    if types or sources:
        known = catalogue()
        chosen_types = [id_ for name in types for id_ in _named("object type", name, known.object_types.values())]
        chosen_services = [id_ for name in sources for id_ in _named("source", name, known.service_types.values())]
        groups = _groups(_allowed_kinds(client.get_contract_details()), chosen_types, chosen_services)
    return SessionOptions(scope=Scope(time_ranges=ranges, service_groups=groups))


def _named(what: str, name: str, entries: Iterable[CatalogueEntry]) -> Sequence[int]:
    """Return the ids of the entries with a name, a reference or an id. Several entries may have one name."""
    known = list(entries)
    found = [entry.id for entry in known if is_named(entry, name)]
    if not found:
        references = [entry.reference for entry in known]
        near = get_close_matches(name.lower(), references) or sorted(references)
        raise ConfigurationError(f"there is no {what} {name!r}; do you mean one of {', '.join(near)}?")
    return found


def _groups(allowed: Iterable[ObjectKind], types: Sequence[int], services: Sequence[int]) -> list[ServiceGroupScope]:
    """Return what both the contract and the options allow. Without types or services, all of them are meant."""
    found: dict[int, dict[int, dict[int, None]]] = {}
    for kind in allowed:
        for service in _ids(catalogue().service_types.values(), kind.group, kind.service_type, services):
            for object_type in _ids(catalogue().object_types.values(), kind.group, kind.object_type, types):
                found.setdefault(kind.group, {}).setdefault(service, {})[object_type] = None
    if not found:
        raise ConfigurationError(
            "the contract allows nothing of these types and sources",
            hint="See what it allows with: privateshare sources",
        )
    return [
        ServiceGroupScope(
            id=group,
            service_types=[
                ServiceTypeScope(id=service, service_object_types=[ServiceObjectTypeScope(id=id_) for id_ in ids])
                for service, ids in of_group.items()
            ],
        )
        for group, of_group in found.items()
    ]


def _ids(entries: Iterable[CatalogueEntry], group: int, allowed: int | None, chosen: Sequence[int]) -> Iterable[int]:
    """Yield the ids of a group that are allowed, if it is limited, and chosen, if any are."""
    ids = (entry.id for entry in entries if entry.group == group)
    return (id_ for id_ in ids if allowed in (None, id_) and (not chosen or id_ in chosen))


def _allowed_kinds(details: ContractDetails) -> Sequence[ObjectKind]:
    return reach_of_contract(_document(details), datetime.now(UTC)).kinds or ()


def _document(details: ContractDetails) -> ContractDocument:
    """Read the contract document, which is in a certificate or JSON itself. Protocol 12.1."""
    from cryptography import x509

    try:
        text = details.certificate
        if details.type != JSON:
            certificate = x509.load_der_x509_certificate(b64decode(text))
            extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(DOCUMENT_OID))
            text = _utf8_string(extension.value.public_bytes())
        return parse_document(json.loads(text))
    except (ValueError, TypeError, IndexError, x509.ExtensionNotFound) as error:
        raise ConfigurationError("the platform's contract cannot be read", hint="Tell its operator") from error


def _utf8_string(der: bytes) -> str:
    """Decode a UTF8String of DER: its tag, its length, and then its bytes."""
    length_bytes = der[1] & 0x7F if der[1] & 0x80 else 0
    return der[2 + length_bytes :].decode()
