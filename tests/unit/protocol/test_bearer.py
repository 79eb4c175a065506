"""The JWT that signs a request: its header, and the claims that say when it was made, and for what."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.keys import rsa_key

from privateshare.errors import InvalidJWT, InvalidRequest, InvalidTimestamp
from privateshare.protocol import jwt
from privateshare.protocol.bearer import check_nonce, check_storage_claims, check_timestamp, read_bearer

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
TOKEN = jwt.sign(rsa_key(), {"client_id": "a_b"})
GOOD: dict[str, Any] = {"aud": "cloud", "iat": SECONDS, "exp": SECONDS + 60}


@pytest.mark.protocol("2.1")
@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_the_token_is_read_from_its_header(header: str) -> None:
    """The scheme is case-insensitive, and spaces around the token are ignored."""
    assert read_bearer({"authorization": header}).text == TOKEN


@pytest.mark.protocol("2.1", "13")
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", "Bearer x", f"Bearer {TOKEN} {TOKEN}"]
)
def test_an_invalid_authorization_header_is_rejected(header: str) -> None:
    """Another scheme, no token, two tokens, or something that is not a JWT."""
    with pytest.raises(InvalidJWT):
        read_bearer({"authorization": header})
    with pytest.raises(InvalidJWT):
        read_bearer({})


@pytest.mark.protocol("2.2")
@pytest.mark.parametrize("nonce", [None, 7, "", "a" * 31, "a" * 33, "a" * 31 + "-", "a" * 31 + "é", "a" * 32 + "\n"])
def test_a_malformed_nonce_is_rejected(nonce: object) -> None:
    """A nonce has 32 ASCII letters and digits, and nothing around them."""
    check_nonce({"nonce": "aZ09" * 8})
    with pytest.raises(InvalidRequest, match="nonce"):
        check_nonce({"nonce": nonce})


@pytest.mark.protocol("2.3")
@pytest.mark.parametrize("skew", [-300, -299.5, 0, 300])
def test_a_timestamp_within_five_minutes_is_accepted(skew: float) -> None:
    """In milliseconds, and in the seconds that older pages ask for."""
    check_timestamp({"timestamp": (SECONDS + skew) * 1000}, NOW)
    check_timestamp({"timestamp": SECONDS + skew}, NOW)


@pytest.mark.protocol("2.3")
@pytest.mark.parametrize("timestamp", [(SECONDS - 301) * 1000, SECONDS + 301, 0, -1, 10**400, -(10**400), 1e308])
def test_another_timestamp_is_rejected_with_its_difference(timestamp: float) -> None:
    """However large the difference is."""
    with pytest.raises(InvalidTimestamp, match="300 s are allowed"):
        check_timestamp({"timestamp": timestamp}, NOW)


@pytest.mark.protocol("2.3")
@pytest.mark.parametrize("timestamp", [float("nan"), float("inf")])
def test_nan_and_infinity_are_rejected_as_timestamps(timestamp: float) -> None:
    """A comparison with them must not count as within five minutes."""
    with pytest.raises(InvalidTimestamp):
        check_timestamp({"timestamp": timestamp}, NOW)


@pytest.mark.protocol("2.2")
@pytest.mark.parametrize("timestamp", [None, True, "1774958400000", [], {}])
def test_a_timestamp_that_is_not_a_number_is_rejected(timestamp: object) -> None:
    """The message names the claim."""
    with pytest.raises(InvalidRequest, match="timestamp"):
        check_timestamp({"timestamp": timestamp}, NOW)


@pytest.mark.protocol("11.2")
@pytest.mark.parametrize("change", [{}, {"iat": SECONDS - 300, "exp": SECONDS - 300}, {"exp": SECONDS + 300}])
def test_a_current_storage_token_is_accepted(change: dict[str, Any]) -> None:
    """Clocks may differ by five minutes."""
    check_storage_claims(GOOD | change, NOW)


@pytest.mark.protocol("11.2")
@pytest.mark.parametrize(
    "change",
    [
        {"aud": "other"},
        {"aud": None},
        {"iat": None},
        {"exp": "soon"},
        {"iat": SECONDS - 400, "exp": SECONDS - 301},
        {"iat": SECONDS + 301, "exp": SECONDS + 361},
        {"exp": SECONDS + 3600},
        {"iat": float("nan")},
        {"exp": float("nan")},
        {"iat": -(10**400)},
        {"exp": 10**400},
    ],
)
def test_another_storage_token_is_rejected(change: dict[str, Any]) -> None:
    """For another audience, expired, not valid yet, valid for too long, or with impossible times."""
    with pytest.raises(InvalidJWT):
        check_storage_claims(GOOD | change, NOW)
