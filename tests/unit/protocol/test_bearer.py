"""The JWT that signs a request: its header, and the claims that say when it was made, and for what."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from privateshare.errors import InvalidJWT, InvalidRequest, InvalidTimestamp
from privateshare.protocol import jwt
from privateshare.protocol.bearer import check_nonce, check_storage_claims, check_timestamp, read_bearer

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
TOKEN = jwt.sign(generate_private_key(65537, 2048), {"client_id": "a_b"})
GOOD: dict[str, Any] = {"aud": "cloud", "iat": SECONDS, "exp": SECONDS + 60}


@pytest.mark.protocol("2.1")
@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_the_token_is_read_from_its_header(header: str) -> None:
    """The scheme has no case, and blanks around the token do not count."""
    assert read_bearer({"authorization": header}) == TOKEN


@pytest.mark.protocol("2.1", "13")
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", "Bearer x", f"Bearer {TOKEN} {TOKEN}"]
)
def test_what_is_no_bearer_token_is_refused(header: str) -> None:
    """Another scheme, no token, two of them, or what is no JWT."""
    with pytest.raises(InvalidJWT):
        read_bearer({"authorization": header})
    with pytest.raises(InvalidJWT):
        read_bearer({})


@pytest.mark.protocol("2.2")
@pytest.mark.parametrize("nonce", [None, 7, "", "a" * 31, "a" * 33, "a" * 31 + "-", "a" * 31 + "é", "a" * 32 + "\n"])
def test_a_nonce_of_another_form_is_refused(nonce: object) -> None:
    """It is 32 letters and digits of ASCII, and nothing around them."""
    check_nonce({"nonce": "aZ09" * 8})
    with pytest.raises(InvalidRequest, match="nonce"):
        check_nonce({"nonce": nonce})


@pytest.mark.protocol("2.3")
@pytest.mark.parametrize("skew", [-300, -299.5, 0, 300])
def test_five_minutes_either_way_are_good(skew: float) -> None:
    """In milliseconds, and in the seconds that older pages ask for."""
    check_timestamp({"timestamp": (SECONDS + skew) * 1000}, NOW)
    check_timestamp({"timestamp": SECONDS + skew}, NOW)


@pytest.mark.protocol("2.3")
@pytest.mark.parametrize("timestamp", [(SECONDS - 301) * 1000, SECONDS + 301, 0, -1, 10**400, -(10**400), 1e308])
def test_another_time_is_refused_with_its_distance(timestamp: float) -> None:
    """However far away it is."""
    with pytest.raises(InvalidTimestamp, match="300 s are allowed"):
        check_timestamp({"timestamp": timestamp}, NOW)


@pytest.mark.protocol("2.3")
@pytest.mark.parametrize("timestamp", [float("nan"), float("inf")])
def test_what_is_no_time_is_refused(timestamp: float) -> None:
    """A number that compares with nothing is not within five minutes of anything."""
    with pytest.raises(InvalidTimestamp):
        check_timestamp({"timestamp": timestamp}, NOW)


@pytest.mark.protocol("2.2")
@pytest.mark.parametrize("timestamp", [None, True, "1774958400000", [], {}])
def test_a_timestamp_that_is_no_number_is_refused(timestamp: object) -> None:
    """The message names the claim."""
    with pytest.raises(InvalidRequest, match="timestamp"):
        check_timestamp({"timestamp": timestamp}, NOW)


@pytest.mark.protocol("11.2")
@pytest.mark.parametrize("change", [{}, {"iat": SECONDS - 300, "exp": SECONDS - 300}, {"exp": SECONDS + 300}])
def test_a_storage_token_of_now_is_good(change: dict[str, Any]) -> None:
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
def test_a_storage_token_of_another_time_or_use_is_refused(change: dict[str, Any]) -> None:
    """For something else, expired, not valid yet, valid for too long, or of numbers that no clock has."""
    with pytest.raises(InvalidJWT):
        check_storage_claims(GOOD | change, NOW)
