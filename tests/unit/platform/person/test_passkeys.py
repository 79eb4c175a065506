"""Where passkeys are valid, and what hostile answers to a challenge do: nothing but being refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privateshare.platform.person.passkeys import PasskeyRefused, Site, _parse, _verify_registration, site_of

SITE = Site("share.example", "https://share.example")
EMPTY = {"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}
PARTS = {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA", "userHandle": "AA"}
MALFORMED = (
    "",
    "{}",
    "[]",
    "null",
    "x",
    '{"id": 1}',
    "9" * 20_000,
    "[" * 10_000,
    json.dumps(EMPTY),
    json.dumps(EMPTY | {"response": {"attestationObject": "AA", "clientDataJSON": "e30"}}),
    json.dumps(EMPTY | {"response": {"attestationObject": 1, "clientDataJSON": None}}),
    json.dumps(EMPTY | {"rawId": "é", "id": "é", "response": PARTS}),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*EMPTY, *PARTS]), inner, max_size=6),
)


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://share.example", SITE),
        ("https://share.example/below", SITE),
        ("https://share.example:8443", Site("share.example", "https://share.example:8443")),
        ("http://localhost:1709", Site("localhost", "http://localhost:1709")),
        ("http://share.example", None),
        ("http://127.0.0.1:1709", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]", None),
    ],
)
def test_passkeys_need_a_name_and_https(address: str, site: Site | None) -> None:
    """Browsers make none for addresses, nor without https but on the machine itself."""
    assert site_of(address) == site


@pytest.mark.parametrize("answer", MALFORMED, ids=lambda answer: answer[:12])
def test_malformed_registrations_are_rejected(answer: str) -> None:
    """The error is PasskeyRefused for every malformed input."""
    with pytest.raises(PasskeyRefused):
        _verify_registration(answer, SITE, b"challenge")


@pytest.mark.parametrize("answer", [answer for answer in MALFORMED if "signature" not in answer])
def test_malformed_responses_are_rejected(answer: str) -> None:
    """The error is PasskeyRefused for every malformed input."""
    with pytest.raises(PasskeyRefused):
        _parse(answer)


@given(JSON)
def test_no_answer_raises_anything_else(answer: object) -> None:
    with pytest.raises(PasskeyRefused):
        _verify_registration(json.dumps(answer), SITE, b"challenge")
