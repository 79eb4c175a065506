"""Webhooks: their signature, after Standard Webhooks, and what they say. Protocol 16.

A message is signed with a secret that only the platform and the app know. The signature covers its id, its time and
its body, so that nobody can change a message, or send an old one again.
"""

import binascii
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from privateshare.errors import ConfigurationError, InvalidWebhook

ID_HEADER, TIME_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of every secret
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
TOLERANCE_SECONDS = 5 * 60
MAX_BODY_BYTES = 64 * 1024


class WebhookEvent(StrEnum):
    """What a webhook tells an app."""

    CONSENT_GIVEN = "consent.given"
    CONSENT_CHANGED = "consent.changed"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    DATA_READY = "data.ready"
    ACCOUNT_NEEDS_LOGIN = "account.needs_login"
    DELETION_ASKED = "deletion.asked"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A message whose signature was verified.

    Attributes:
        id: Its id. A message may arrive more than once, always with the same id.
        event: What happened, such as "consent.withdrawn": see `WebhookEvent`. Ignore events that you do not know.
        at: When it happened.
        user_id: The person's id, as `user.id` of a token.
        consent_id: The consent, as `consent_id` of a token.
        contract_id: The contract.
        account_id: The account, as `Account.id`, if the event is about one.
    """

    id: str
    event: str
    at: datetime
    user_id: str
    consent_id: str
    contract_id: str
    account_id: str | None = None


def sign_webhook(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`."""
    return f"v1,{b64encode(_signature(_key(secret), id_, str(timestamp), body)).decode()}"


def verify_webhook(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> Webhook:
    """Verify a message that was received, and return what it says.

    Args:
        secrets: The endpoint's secret, or several while it is being replaced.
        headers: The headers of the request, with names in any case.
        body: The body of the request, exactly as it was received.
        now: The time, in seconds since the epoch.

    Raises:
        InvalidWebhook: The signature is missing or wrong, or the message is more than five minutes old.
        ConfigurationError: A secret is malformed.
    """
    named = {name.lower(): value for name, value in headers.items()}
    try:
        id_, timestamp, signatures = named[ID_HEADER], named[TIME_HEADER], named[SIGNATURE_HEADER]
    except KeyError as error:
        raise InvalidWebhook(f"the header {error.args[0]} is missing") from error
    if len(body) > MAX_BODY_BYTES:
        raise InvalidWebhook(f"the body has more than {MAX_BODY_BYTES} bytes")
    check_secrets(secrets)
    keys = [_key(secret) for secret in secrets]
    _check_time(timestamp, now)
    expected = [_signature(key, id_, timestamp, body) for key in keys]
    if not any(hmac.compare_digest(shown, known) for shown in _shown(signatures) for known in expected):
        raise InvalidWebhook("the signature does not match")
    return _read(id_, body)


def check_secrets(secrets: Sequence[str]) -> None:
    """Check that there is a secret, and that each is well formed. Raises ConfigurationError."""
    if not secrets:
        raise ConfigurationError("there is no secret to verify webhooks with")
    for secret in secrets:
        if not isinstance(secret, str):
            raise ConfigurationError("secret must be the text that `privateshare webhook add` printed")
        _key(secret)


def _check_time(timestamp: str, now: float) -> None:
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 15:
        raise InvalidWebhook("the header webhook-timestamp is not a number of seconds")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise InvalidWebhook("the message is too old, or one of the clocks is wrong")


def _shown(signatures: str) -> list[bytes]:
    """Decode the signatures of version 1 in a header; there may be others."""
    found = []
    for entry in signatures.split(" ")[:20]:
        version, _, encoded = entry.partition(",")
        if version == "v1":
            try:
                found.append(b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _signature(key: bytes, id_: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, f"{id_}.{timestamp}.".encode() + body, sha256)


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError("the webhook secret must be whsec_ and base64") from error
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ConfigurationError(f"the webhook secret must have {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")
    return key


def _read(id_: str, body: bytes) -> Webhook:
    try:
        message: Any = json.loads(body)
        data = message["data"]
        account = data.get("account_id")
        return Webhook(
            id_,
            str(message["type"]),
            datetime.fromisoformat(message["timestamp"]),
            str(data["user_id"]),
            str(data["consent_id"]),
            str(data["contract_id"]),
            str(account) if account is not None else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidWebhook("the body is not a message of this platform") from error


def encode_message(event: WebhookEvent, at: datetime, data: Mapping[str, str]) -> str:
    """Encode the body of a message."""
    message = {"type": event, "timestamp": at.isoformat(), "data": dict(data)}
    return json.dumps(message, separators=(",", ":"))
