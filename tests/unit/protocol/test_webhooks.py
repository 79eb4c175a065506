"""Tests of webhooks' signatures, against the reference library of Standard Webhooks."""

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook as Reference

from privateshare.errors import ConfigurationError, InvalidWebhook
from privateshare.protocol.webhooks import WebhookEvent, encode_message, sign_webhook, verify_webhook

SECRET = f"whsec_{b64encode(bytes(range(32))).decode()}"
OTHER = f"whsec_{b64encode(bytes(range(1, 33))).decode()}"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATA = {"user_id": "u1", "consent_id": "c1", "contract_id": "k1"}
BODY = encode_message(WebhookEvent.CONSENT_GIVEN, NOW, DATA).encode()


def headers(at: float, body: bytes = BODY, secret: str = SECRET, id_: str = "msg_1") -> dict[str, str]:
    signature = sign_webhook(secret, id_, int(at), body)
    return {"webhook-id": id_, "webhook-timestamp": str(int(at)), "webhook-signature": signature}


def test_the_reference_library_verifies_our_signatures() -> None:
    """The library of Standard Webhooks for Python."""
    now = datetime.now(UTC)
    assert Reference(SECRET).verify(BODY.decode(), headers(now.timestamp())) == json.loads(BODY)


def test_we_verify_signatures_of_the_reference_library() -> None:
    """The library of Standard Webhooks for Python."""
    signature = Reference(SECRET).sign("msg_2", NOW, BODY.decode())
    sent = {"Webhook-Id": "msg_2", "Webhook-Timestamp": str(int(NOW.timestamp())), "Webhook-Signature": signature}
    found = verify_webhook([SECRET], sent, BODY, NOW.timestamp() + 299)
    assert (found.id, found.event, found.at) == ("msg_2", "consent.given", NOW)
    assert (found.user_id, found.consent_id, found.contract_id, found.account_id) == ("u1", "c1", "k1", None)


@pytest.mark.parametrize(
    ("changed", "body", "seconds"),
    [
        ({}, BODY + b" ", 0),
        ({}, BODY.replace(b"u1", b"u2"), 0),
        ({}, BODY, 301),
        ({}, BODY, -301),
        ({"webhook-id": "msg_2"}, BODY, 0),
        ({"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, BODY, 0),
        ({"webhook-timestamp": "x"}, BODY, 0),
        ({"webhook-timestamp": "-5"}, BODY, 0),
        ({"webhook-timestamp": "1e9"}, BODY, 0),
        ({"webhook-timestamp": "٣"}, BODY, 0),
        ({"webhook-timestamp": "9" * 400}, BODY, 0),
        ({"webhook-signature": ""}, BODY, 0),
        ({"webhook-signature": "v1,"}, BODY, 0),
        ({"webhook-signature": "v1,????"}, BODY, 0),
        ({"webhook-signature": sign_webhook(OTHER, "msg_1", int(NOW.timestamp()), BODY)}, BODY, 0),
        ({"webhook-signature": sign_webhook(SECRET, "msg_1", int(NOW.timestamp()), BODY)[3:]}, BODY, 0),
        ({"webhook-signature": "v1a" + sign_webhook(SECRET, "msg_1", int(NOW.timestamp()), BODY)[2:]}, BODY, 0),
        ({}, b"x" * 65537, 0),
    ],
)
def test_a_changed_message_is_rejected(changed: dict[str, str], body: bytes, seconds: int) -> None:
    """A changed or old message, another id or time, another secret, another kind of signature."""
    with pytest.raises(InvalidWebhook):
        verify_webhook([SECRET], headers(NOW.timestamp()) | changed, body, NOW.timestamp() + seconds)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    """The error says which of the three headers is missing."""
    sent = headers(NOW.timestamp())
    del sent[name]
    with pytest.raises(InvalidWebhook, match=name):
        verify_webhook([SECRET], sent, BODY, NOW.timestamp())


def test_a_secret_can_be_replaced() -> None:
    """Both sides may know two secrets for a while, and a message may have two signatures."""
    now = NOW.timestamp()
    assert verify_webhook([OTHER, SECRET], headers(now), BODY, now).id == "msg_1"
    both = headers(now)
    both["webhook-signature"] = f"v2,x {headers(now, secret=OTHER)['webhook-signature']} {both['webhook-signature']}"
    assert verify_webhook([SECRET], both, BODY, now).id == "msg_1"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b"\xff", b'{"type":"x","timestamp":"never","data":{}}', b"[" * 9000]
)
def test_a_signed_body_of_another_form_is_rejected(body: bytes) -> None:
    """The signature alone does not make it a message."""
    with pytest.raises(InvalidWebhook, match="not a message"):
        verify_webhook([SECRET], headers(NOW.timestamp(), body), body, NOW.timestamp())


@pytest.mark.parametrize("secrets", [[], [""], ["whsec_"], ["whsec_????"], ["whsec_" + b64encode(b"short").decode()]])
def test_a_malformed_secret_is_an_error_of_the_app(secrets: list[str]) -> None:
    """It is not blamed on the message. An empty list must not let everything pass."""
    with pytest.raises(ConfigurationError):
        verify_webhook(secrets, headers(NOW.timestamp()), BODY, NOW.timestamp())
