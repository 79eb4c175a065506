"""The state of the platform in memory: one contract and one person."""

import secrets
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from privateshare.errors import ApiError
from privateshare.protocol.catalogue import ServiceType, catalogue
from privateshare.protocol.messages import PushDescriptor

KEY_BITS = 2048
APPLICATION, CONTRACT = "testapplication", "testcontract"
PERSON, CONSENT = "testperson", "testconsent"
CONSENTED = "consented"


@dataclass(frozen=True, slots=True)
class Pushed:
    """A file that an app pushed to the library, or to the source of the account `account_id`."""

    data: bytes = field(repr=False)
    descriptor: PushDescriptor | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class FileInStorage:
    """An encrypted file of a storage. `path` is as the app wrote it, `updated` in milliseconds since the epoch."""

    id: str
    path: str
    body: bytes = field(repr=False)
    updated: int


@dataclass
class LentFile:
    """A file of the library. `updated` is in milliseconds since the epoch."""

    object_type: str
    standard: str
    data: bytes
    count: int
    updated: int
    group: str


@dataclass
class Journey:
    """A person on the consent pages.

    `challenge` is None on pages that return no code. `outcome` is CONSENTED, an error code of protocol 8.3, or "" while
    the person is on the pages. `grant` is what the code gave, once it was used.
    """

    redirect_uri: str
    state: str
    challenge: str | None
    code: str = field(default_factory=secrets.token_hex)
    outcome: str = ""
    grant: "Grant | None" = None


@dataclass
class Grant:
    """The tokens of one consent.

    `expired` has the access tokens whose time is over. `refresh` has the time when each refresh token was replaced, in
    seconds since the epoch. `revoked` is the reason why the grant was revoked, which calls with its tokens get as a
    hint.
    """

    access: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)
    refresh: dict[str, float | None] = field(default_factory=dict)
    revoked: str = ""


@cache
def _key(purpose: str) -> RSAPrivateKey:
    """Return the key for a purpose. All platforms of a process share it, because making one slows every test down."""
    del purpose
    return generate_private_key(65537, KEY_BITS)


@dataclass
class PlatformState:
    """All state. `path` is where on its host the platform is: "", or for example "/share"."""

    path: str = ""
    contract_key: RSAPrivateKey = field(default_factory=lambda: _key("contract"))
    signing_key: RSAPrivateKey = field(default_factory=lambda: _key("signing"))
    files: dict[str, LentFile] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    to_sign_in: set[str] = field(default_factory=set)  # Accounts where the person has to sign in again.
    journeys: dict[str, Journey] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    refreshes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)  # It guards the grants.
    sessions: dict[str, Journey | None] = field(default_factory=dict)  # With the journey that each waits for.
    failures: list[ApiError] = field(default_factory=list)
    deletions_confirmed: int = 0
    pushed: list[Pushed] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)  # Protocol 4.5.
    storages: dict[str, dict[str, FileInStorage]] = field(default_factory=dict)
    person_storage: str | None = None


def account(service_type: ServiceType, username: str) -> dict[str, Any]:
    """Make an account of a service. Protocol 7.1."""
    service = catalogue().service_types[service_type]
    sources = [entry.id for entry in catalogue().sources.values() if entry.service_type == service_type]
    group = catalogue().service_groups[service.group or 1]
    now = int(time.time() * 1000)
    return {
        "id": f"{service.id}_{secrets.token_hex(8)}",
        "reference": secrets.token_hex(8),
        "type": "USER",
        "createdDate": now,
        "updatedDate": now,
        "serviceGroupId": group.id,
        "serviceGroupName": group.name,
        "serviceTypeId": service.id,
        "serviceTypeName": service.name,
        "serviceTypeReference": service.reference,
        "sourceId": sources[0] if sources else 0,
        "accessTokenStatus": {"authorized": True},
        "username": username,
    }


def status_of(state: PlatformState, journey: Journey | None = None) -> dict[str, Any]:
    """Return the status of a session, which may wait for a journey to end. Protocol 6.1."""
    if journey is not None and not journey.outcome:
        return {"state": "pending"}
    if journey is not None and journey.outcome != CONSENTED:
        declined = {"code": journey.outcome, "statusCode": 403, "message": "The person declined"}
        return {"state": "partial", "details": {}, "error": declined}
    reauth = {"code": "ServiceAuthorizationError", "statusCode": 511, "message": "Sign in again", "reauth": True}
    details: dict[str, Any] = {
        id_: {"state": "partial", "error": reauth} if id_ in state.to_sign_in else {"state": "completed"}
        for id_ in state.accounts
    }
    return {"state": "partial" if state.to_sign_in else "completed", "details": details}
