"""The headers that protect the pages."""

import pytest

from privateshare.platform.consent.pages import page, redirect, static_file
from privateshare.platform.consent.wording import Words

VALUES = {"failure": "INVALID_CODE", "status": 410, "reference": None, "way_out": None}


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://app.example/back?x=1", "https://app.example"),
        ("http://127.0.0.1:8080/back", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/back", "http:"),
        ("digime-ca-abc://auth", "digime-ca-abc:"),
    ],
)
def test_forms_lead_to_the_app_and_nowhere_else(address: str, allowed: str) -> None:
    """Browsers check redirections after a form too, so the policy names where the app is, and only that."""
    policy = page("error.html", Words("en"), VALUES, leads_to=(address,)).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["form-action"] == f"'self' {allowed}"
    assert rules["default-src"] == "'none'"
    assert rules["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy


def test_redirections_keep_the_address_as_it_is() -> None:
    """An address with a private scheme or its own encoding is not changed."""
    address = "digime-ca-AbC://auth?state=a%2Fb%20c"
    assert redirect(address).headers["location"] == address


def test_static_files_are_kept_for_good() -> None:
    """A static file may be cached, since its address changes with it; others are not to be had."""
    found = static_file("style.css")
    assert found is not None
    assert "immutable" in found.headers["cache-control"]
    assert static_file("../pages.py") is None
