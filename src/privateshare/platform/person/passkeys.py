"""Passkeys: keys in a person's device or password manager, which prove in any browser who they are. WebAuthn.

A passkey signs a challenge that was made for one browser a moment before. The device checks first that its owner is
there, by fingerprint, face or PIN. Browsers offer a passkey only to pages of the host that it was made for.
"""

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NoReturn
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import orjson
import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.db.tables import PasskeyRow
from privateshare.platform.library.libraries import LibraryGone, OpenLibrary, open_library
from privateshare.platform.person.browsers import forget_proofs
from privateshare.platform.runtime import Platform

CREDENTIAL = "passkey credential"
MOST_PASSKEYS = 20
MAX_ANSWER_CHARACTERS = 16_000
CEREMONY_MILLISECONDS = 120_000

log = structlog.get_logger()


class PasskeyRefused(Exception):
    """A passkey's answer proves nothing. The text is for the log."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where passkeys are valid: the host that they are bound to, and the origin of the pages that may ask for them."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as the person sees it. `name` says where it was made, `synced` whether it is on several devices."""

    id: UUID
    name: str
    synced: bool
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Credential:
    """What is sealed in the row of a passkey. `handle` is the id of the person that the passkey reports."""

    id: bytes
    public_key: bytes
    handle: bytes
    name: str
    synced: bool


def site_of(address: str) -> Site | None:
    """Return where passkeys are valid on a platform with this address.

    Returns None where browsers support no passkeys: at an IP address, and without https except on localhost.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return None
    is_local = host == "localhost" or host.endswith(".localhost")
    if not host or (parts.scheme != "https" and not is_local):
        return None
    return Site(host, f"{parts.scheme}://{parts.netloc}")


# --- making a passkey ---


async def registration_options(db: AsyncSession, site: Site, library: OpenLibrary, challenge: bytes, name: str) -> str:
    """Build what `navigator.credentials.create` takes, as JSON. `name` is how the device lists the passkey."""
    known = [_open(library, row).id for row in await _rows(db, library.id)]
    options = generate_registration_options(
        rp_id=site.host,
        rp_name="PrivateShare",
        user_id=library.id.bytes,
        user_name=name,
        challenge=challenge,
        timeout=CEREMONY_MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=id_) for id_ in known],
    )
    return options_to_json(options)


async def add_passkey(
    db: AsyncSession, site: Site, library: OpenLibrary, answer: str, challenge: bytes, name: str, now: datetime
) -> None:
    """Add a passkey that a browser has just made.

    Args:
        db: The transaction.
        site: Where the passkey has to be valid.
        library: The library that it proves from now on to be the person's.
        answer: What the browser returned, as JSON.
        challenge: The challenge that was made for this browser.
        name: Where the passkey was made, such as "Firefox, Windows".
        now: The time.

    Raises:
        PasskeyRefused: The answer is invalid, the passkey is known already, or the library has too many.
    """
    made = _verify_registration(answer, site, challenge)
    if len(await _rows(db, library.id)) >= MOST_PASSKEYS:
        raise PasskeyRefused("the library has too many passkeys")
    hashed = sha256(made.credential_id).digest()
    if await db.scalar(select(exists().where(PasskeyRow.credential_hash == hashed))):
        raise PasskeyRefused("the passkey is known already")
    credential = _Credential(
        made.credential_id, made.credential_public_key, library.id.bytes, name, made.credential_backed_up
    )
    id_ = uuid4()
    row = PasskeyRow(
        library_id=library.id,
        id=id_,
        credential_hash=hashed,
        sealed_credential=library.seal(CREDENTIAL, id_, _encode(credential)),
        sign_count=made.sign_count,
        created_at=now,
    )
    db.add(row)
    await db.flush()
    await record_event(db, library, Event(EventKind.SIGN_IN_ADDED, {"method": "passkey"}), now)
    log.info("a passkey was added", library=str(library.id), passkey=str(id_))


def _verify_registration(answer: str, site: Site, challenge: bytes) -> VerifiedRegistration:
    _check_length(answer)
    try:
        return verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001 - The library raises errors of any class for malformed answers.
        _refuse(error)


# --- proving with a passkey ---


def proof_options(site: Site, challenge: bytes) -> str:
    """Build what `navigator.credentials.get` takes, as JSON. It names no passkey, so it tells nothing of a person."""
    options = generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        timeout=CEREMONY_MILLISECONDS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


async def prove_by_passkey(
    db: AsyncSession, platform: Platform, site: Site, answer: str, challenge: bytes, now: datetime
) -> OpenLibrary:
    """Return the library that a passkey's answer proves to be the person's.

    Args:
        db: The transaction; the passkey is locked in it.
        platform: Where the library's key is read.
        site: Where the passkey has to be valid.
        answer: What the browser returned, as JSON.
        challenge: The challenge that was made for this browser.
        now: The time.

    Raises:
        PasskeyRefused: The passkey is unknown or was removed, or the answer is invalid.
        KeyStoreUnavailable: The library's key cannot be read now.
    """
    shown = _parse(answer)
    find = select(PasskeyRow).where(PasskeyRow.credential_hash == sha256(shown.raw_id).digest())
    row = await db.scalar(find.with_for_update())
    if row is None:
        raise PasskeyRefused("the passkey is unknown")
    try:
        library = await open_library(db, platform, row.library_id)
    except LibraryGone as error:
        raise PasskeyRefused("the library was erased") from error
    credential = _open(library, row)
    if shown.response.user_handle != credential.handle:
        raise PasskeyRefused("the passkey reports another person")
    verified = _verify_proof(shown, site, challenge, credential, row.sign_count)
    row.sign_count, row.used_at = verified.new_sign_count, now
    await db.flush()
    return library


def _parse(answer: str) -> AuthenticationCredential:
    _check_length(answer)
    try:
        return parse_authentication_credential_json(answer)
    except Exception as error:  # noqa: BLE001 - The library raises errors of any class for malformed answers.
        _refuse(error)


def _verify_proof(
    shown: AuthenticationCredential, site: Site, challenge: bytes, known: _Credential, sign_count: int
) -> VerifiedAuthentication:
    try:
        return verify_authentication_response(
            credential=shown,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001 - The library raises errors of any class for malformed answers.
        _refuse(error)


def _check_length(answer: str) -> None:
    if len(answer) > MAX_ANSWER_CHARACTERS:
        raise PasskeyRefused("the answer is too long")


def _refuse(error: Exception) -> NoReturn:
    raise PasskeyRefused(f"{type(error).__name__}: {str(error)[:200]}") from error


# --- the passkeys of a library ---


async def has_passkey(db: AsyncSession, library_id: UUID) -> bool:
    """Return whether a library's owner has a passkey."""
    return bool(await db.scalar(select(exists().where(PasskeyRow.library_id == library_id))))


async def library_passkeys(db: AsyncSession, library: OpenLibrary) -> Sequence[Passkey]:
    """List the passkeys of a library, the newest first."""
    found = [(row, _open(library, row)) for row in await _rows(db, library.id)]
    return [Passkey(row.id, known.name, known.synced, row.created_at, row.used_at) for row, known in found]


async def remove_passkey(db: AsyncSession, library_id: UUID, passkey_id: UUID) -> None:
    """Remove a passkey: it proves nothing from now on. Unfinished journeys in the library need proof again."""
    row = await db.get(PasskeyRow, (library_id, passkey_id))
    if row is not None:
        await db.delete(row)
        await db.flush()
        await forget_proofs(db, library_id)
        log.info("a passkey was removed", library=str(library_id), passkey=str(passkey_id))


async def _rows(db: AsyncSession, library_id: UUID) -> Sequence[PasskeyRow]:
    query = select(PasskeyRow).where(PasskeyRow.library_id == library_id)
    return list(await db.scalars(query.order_by(PasskeyRow.created_at.desc(), PasskeyRow.id)))


def _encode(credential: _Credential) -> bytes:
    return orjson.dumps(
        {
            "id": bytes_to_base64url(credential.id),
            "public_key": bytes_to_base64url(credential.public_key),
            "handle": bytes_to_base64url(credential.handle),
            "name": credential.name,
            "synced": credential.synced,
        }
    )


def _open(library: OpenLibrary, row: PasskeyRow) -> _Credential:
    stored = orjson.loads(library.open(CREDENTIAL, row.id, row.sealed_credential))
    return _Credential(
        base64url_to_bytes(stored["id"]),
        base64url_to_bytes(stored["public_key"]),
        base64url_to_bytes(stored["handle"]),
        stored["name"],
        stored["synced"],
    )
