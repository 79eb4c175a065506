"""Protocol 8.3: the way back to the app."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privateshare.platform.consent.returning import with_query


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://app.example/back", "https://app.example/back?a=1"),
        ("https://app.example", "https://app.example?a=1"),
        ("https://app.example/back?", "https://app.example/back?a=1"),
        ("https://app.example/back?kept=%2Fx", "https://app.example/back?kept=%2Fx&a=1"),
        ("digime-ca-AbC1://auth", "digime-ca-AbC1://auth?a=1"),
        ("app:/back?x", "app:/back?x&a=1"),
    ],
)
def test_parameters_join_the_query(address: str, expected: str) -> None:
    """Parameters are added to whatever query the address has, and that stays letter for letter."""
    assert with_query(address, {"a": "1", "left out": None}) == expected


@given(st.text())
def test_any_state_comes_back(state: str) -> None:
    """A state of any characters arrives as it was given, and adds no parameter of its own."""
    if any(0xD800 <= ord(character) <= 0xDFFF for character in state):
        return  # not text that JSON could have carried
    address = with_query("https://app.example/back?kept=1", {"success": "true", "state": state})
    parts = urlsplit(address)
    assert parts.netloc == "app.example"
    assert not parts.fragment
    expected = {"kept": ["1"], "success": ["true"], "state": [state]}
    assert parse_qs(parts.query, keep_blank_values=True) == expected
