"""What the platform in memory remembers: one contract, one person."""

import secrets
import threading
import time
from dataclasses import dataclass, field
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
    """A file that an app pushed: to the library, or with `account_id` to the source of an account."""

    data: bytes = field(repr=False)
    descriptor: PushDescriptor | None = None
    account_id: str | None = None


@dataclass
class LentFile:
    """A file of the library. `updated` in milliseconds since the epoch."""

    object_type: str
    standard: str
    data: bytes
    count: int
    updated: int
    group: str


@dataclass
class Journey:
    """A person on their way through the consent pages."""

    redirect_uri: str
    state: str
    challenge: str | None  # with which they bring back a code
    code: str = field(default_factory=secrets.token_hex)
    outcome: str = ""  # "consented", or an error code of protocol 8.3; "" while they are on their way


@dataclass
class Grant:
    """What one consent gave: its tokens. Of each refresh token when it was replaced, in seconds since the epoch."""

    access: set[str] = field(default_factory=set)
    refresh: dict[str, float | None] = field(default_factory=dict)
    revoked: str = ""  # why, for who uses it still


@dataclass
class State:
    """Everything. `path` is where on its host the platform is: "" or such as "/share"."""

    path: str = ""
    contract_key: RSAPrivateKey = field(default_factory=lambda: generate_private_key(65537, KEY_BITS))
    signing_key: RSAPrivateKey = field(default_factory=lambda: generate_private_key(65537, KEY_BITS))
    files: dict[str, LentFile] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    to_sign_in: set[str] = field(default_factory=set)  # accounts whose source wants the person to sign in again
    journeys: dict[str, Journey] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    refreshes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)  # of grants
    sessions: dict[str, Journey | None] = field(default_factory=dict)  # by key; with the journey that it waits for
    failures: list[ApiError] = field(default_factory=list)
    pushed: list[Pushed] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)  # protocol 4.5
    storages: dict[str, dict[str, tuple[str, str, bytes]]] = field(default_factory=dict)
    person_storage: str | None = None


def account(service_type: ServiceType, username: str) -> dict[str, Any]:
    """A fresh account of a service. Protocol 7.1."""
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


def status_of(state: State, journey: Journey | None = None) -> dict[str, Any]:
    """Where a session stands, and that of a journey of which it waits for the end. Protocol 6.1."""
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
