"""Partners, their applications and their contracts: creating, finding and checking them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError, InvalidClient, InvalidRedirectUri
from privateshare.platform.db.tables import ApplicationRow, ContractRow, PartnerRow
from privateshare.platform.keys.secrets import new_id
from privateshare.protocol import jwt
from privateshare.protocol.contract_document import ContractDocument, parse_document
from privateshare.protocol.display_names import MAX_NAME_CHARACTERS, is_display_name, is_display_text
from privateshare.protocol.redirect_uris import is_registered

ContractKind = Literal["read", "write", "read-raw"]

LOOPBACK_HOSTS = {"127.0.0.1", "::1", "localhost"}
NOT_AN_APPS_SCHEMES = frozenset(
    [
        "about",
        "blob",
        "chrome",
        "data",
        "file",
        "filesystem",
        "ftp",
        "intent",
        "javascript",
        "mailto",
        "sms",
        "tel",
        "vbscript",
        "view-source",
        "ws",
        "wss",
    ]
)

_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]+")
_ADDRESS_CHARACTERS = re.compile(r"[!-\[\]-~]*")  # This is printable ASCII without space and backslash.
_APPLICATION_ID = re.compile(r"[A-Za-z0-9-]{1,64}")  # An underscore ends the application id in a client_id.
_CONTRACT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def client_id(contract: ContractRow) -> str:
    """Return the client id by which a contract names itself in its requests. Protocol 1."""
    return f"{contract.application_id}_{contract.id}"


async def create_application(
    db: AsyncSession, name: str, *, partner: str | None = None, application_id: str | None = None
) -> ApplicationRow:
    """Create an application of a partner.

    Args:
        db: The transaction.
        name: The name of the application, which people see.
        partner: The name of the partner, who is created if necessary. By default the name of the application.
        application_id: The id of the application. By default a random one.

    Raises:
        ConfigurationError: The id is malformed or taken, or a name contains characters that are not visible.
    """
    for shown in (name, partner or name):
        check_name(shown)
    chosen = application_id or new_id()
    if not _APPLICATION_ID.fullmatch(chosen):
        raise ConfigurationError(f"the application id {chosen!r} must be 1 to 64 characters of A-Z a-z 0-9 -")
    if await db.get(ApplicationRow, chosen) is not None:
        raise ConfigurationError(f"there is already an application with the id {chosen}; choose another id")
    owner = await _partner_named(db, partner or name)
    application = ApplicationRow(id=chosen, partner=owner, partner_id=owner.id, name=name)
    db.add(application)
    await db.flush()
    return application


def check_name(name: str) -> None:
    """Check that people see a name as it is. Raises ConfigurationError if it has invisible or misleading characters."""
    if not is_display_name(name):
        raise ConfigurationError(
            f"the name {name!r} must be one line of at most {MAX_NAME_CHARACTERS} visible characters; "
            "remove control characters, characters that change the writing direction, and unusual spaces"
        )


def check_purpose(purpose: str) -> None:
    """Check the words of a contract that people decide by. Raises ConfigurationError if they cannot read them."""
    if not is_display_text(purpose):
        raise ConfigurationError(
            "the purpose must be lines of visible characters; remove control characters, and characters that change "
            "the writing direction"
        )


async def _partner_named(db: AsyncSession, name: str) -> PartnerRow:
    found = await db.scalar(select(PartnerRow).where(PartnerRow.name == name).order_by(PartnerRow.created_at).limit(1))
    if found is None:
        found = PartnerRow(id=new_id(), name=name)
        db.add(found)
        await db.flush()
    return found


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """The values of a new contract. `document` is a contract document as JSON, `public_key` is PEM."""

    kind: ContractKind
    document: Mapping[str, Any]
    public_key: str
    redirect_uris: Sequence[str]
    once: bool = False
    legacy: bool = False
    expires_at: datetime | None = None


async def create_contract(
    db: AsyncSession, application_id: str, terms: ContractTerms, *, contract_id: str | None = None
) -> ContractRow:
    """Create a contract of an application.

    Raises ConfigurationError if the application is unknown, the id is taken or malformed, the document is invalid, a
    redirect URI is not safe, or the key is too short.
    """
    application = await db.get(ApplicationRow, application_id)
    if application is None:
        raise ConfigurationError(
            f"there is no application with the id {application_id}", hint="List them with: privateshare app list"
        )
    chosen = contract_id or new_id()
    if not _CONTRACT_ID.fullmatch(chosen):
        raise ConfigurationError(f"the contract id {chosen!r} must be 1 to 64 characters of A-Z a-z 0-9 _ -")
    if await db.get(ContractRow, chosen) is not None:
        raise ConfigurationError(f"there is already a contract with the id {chosen}; choose another id")
    for uri in terms.redirect_uris:
        check_registrable(uri)
    document = check_document(terms.document)
    contract = ContractRow(
        id=chosen,
        application_id=application.id,
        application=application,
        kind=terms.kind,
        document=document,
        public_key=jwt.public_pem(jwt.load_public_key(terms.public_key)),
        redirect_uris=list(terms.redirect_uris),
        once=terms.once,
        legacy=terms.legacy,
        expires_at=terms.expires_at,
    )
    db.add(contract)
    await db.flush()
    return contract


def check_document(raw: Mapping[str, Any]) -> ContractDocument:
    """Parse the document of a contract that an operator registers. Raises ConfigurationError if it cannot be used."""
    document = parse_document(raw)
    for part in (document.reading, document.writing):
        for purpose in (part.purpose, *(texts.get("purpose", "") for texts in part.translations.values())):
            check_purpose(purpose)
    return document


def check_registrable(uri: str) -> None:
    """Check that a redirect URI can be registered.

    It is https, or http on the app's own machine (RFC 8252 7.3), or an app's own scheme (RFC 8252 7.1).

    Raises ConfigurationError if the URI is not of these kinds, has no host, has a fragment or a user name, or contains
    characters that must be percent-encoded.
    """
    try:
        parts = urlsplit(uri)
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError as error:
        raise ConfigurationError(f"the redirect URI {uri!r} is not a valid URI: {error}") from error
    if not parts.scheme or parts.scheme in NOT_AN_APPS_SCHEMES:
        raise ConfigurationError(f"the redirect URI {uri!r} must have the scheme https, or one of the app itself")
    if parts.scheme == "http" and host not in LOOPBACK_HOSTS:
        raise ConfigurationError(
            f"the redirect URI {uri!r} must have the scheme https; only this machine can be reached by http, "
            "such as http://127.0.0.1/return"
        )
    if "#" in uri or user is not None or port == 0 or (parts.scheme in {"http", "https"} and not host):
        raise ConfigurationError(f"the redirect URI {uri!r} must have a host, but no user name and no fragment")
    if parts.scheme == "https" and not _HOST.fullmatch(host or ""):
        raise ConfigurationError(f"the redirect URI {uri!r} must name one host, without a placeholder")
    if not _ADDRESS_CHARACTERS.fullmatch(uri):
        raise ConfigurationError(f"the redirect URI {uri!r} contains characters that must be percent-encoded")


async def load_contract(db: AsyncSession, client: object, now: datetime) -> ContractRow:
    """Find the contract with a client id.

    Raises InvalidClient if there is none, it has ended, its application is suspended, or contract and application do
    not belong together.
    """
    contract_id = contract_id_of(client)
    return check_contract(await db.get(ContractRow, contract_id) if contract_id else None, client, now)


def contract_id_of(client: object) -> str:
    """Return the contract id in a client id, or an empty text if there is none. Protocol 1."""
    contract_id = client.partition("_")[2] if isinstance(client, str) else ""
    return contract_id if _CONTRACT_ID.fullmatch(contract_id) else ""


def check_contract(contract: ContractRow | None, client: object, now: datetime) -> ContractRow:
    """Check that this is the contract that a client id names. Raises InvalidClient, as `load_contract` does."""
    application_id = client.partition("_")[0] if isinstance(client, str) else ""
    if contract is None or contract.application_id != application_id or _has_ended(contract, now):
        raise InvalidClient(f"The client_id ({_shortened(client)}) is invalid")
    if contract.application.suspended_at is not None:
        raise InvalidClient(
            f"The application ({_shortened(application_id)}) is suspended",
            hint="Ask the operator of the platform. The consents of people are kept",
        )
    return contract


def _has_ended(contract: ContractRow, now: datetime) -> bool:
    return contract.expires_at is not None and contract.expires_at <= now


def is_usable(contract: ContractRow, now: datetime) -> bool:
    """Return whether a contract has not ended, and its application is not suspended."""
    return not _has_ended(contract, now) and contract.application.suspended_at is None


def usable_contracts(now: datetime) -> ColumnElement[bool]:
    """Return the condition for the contracts that `is_usable` is true for."""
    suspended = select(ApplicationRow.id).where(ApplicationRow.suspended_at.is_not(None))
    not_ended = ContractRow.expires_at.is_(None) | (ContractRow.expires_at > now)
    return not_ended & ContractRow.application_id.not_in(suspended)


def check_redirect_uri(contract: ContractRow, uri: object) -> str:
    """Return a redirect URI if it is registered with the contract. The app may have added a query. Protocol 4.1, 8.3.

    Raises InvalidRedirectUri otherwise.
    """
    if isinstance(uri, str) and any(is_registered(uri, registered) for registered in contract.redirect_uris):
        return uri
    raise InvalidRedirectUri(f"The redirect_uri ({_shortened(uri)}) is invalid")


def default_redirect_uri(contract: ContractRow) -> str | None:
    """Return the redirect URI for clients that send none: that of Android if it is registered, or the only one.

    Returns None if there are several others. Protocol 4.4.
    """
    android = f"digime-ca://callback-{contract.application_id}"
    if android in contract.redirect_uris:
        return android
    return contract.redirect_uris[0] if len(contract.redirect_uris) == 1 else None


def _shortened(value: object) -> str:
    return str(value)[:200]
