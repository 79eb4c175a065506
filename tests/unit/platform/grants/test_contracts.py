"""Tests of which redirect URIs a contract may register."""

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.grants.contracts import check_purpose, check_registrable


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/back?x=1",
        "http://127.0.0.1/back",
        "http://[::1]:80/",
        "http://localhost:3/x",
        "digime-ca-x://auth",
        "com.example.app:/back",
    ],
)
def test_addresses_of_apps_can_be_registered(uri: str) -> None:
    """Web addresses, loopback addresses and private schemes are accepted."""
    check_registrable(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JavaScript://app.example/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "about:blank",
        "//app.example/back",
        "/back",
        "https://app.example/back#fragment",
        "https:///back",
        "https://*.app.example/back",
        "https://app.example.:x/back",
        "http://app.example/back",
        "http://192.168.1.2/back",
        "http://localhost.app.example/back",
        "HTTP://app.example/back",
        "ws://app.example/back",
        "mailto:someone@app.example",
        "intent://app.example#Intent;end",
        "ftp://app.example/back",
        "app.example/back",
        "",
        "https://app.example/a b",
        "https://app.example/\r\nSet-Cookie:x",
    ],
)
def test_addresses_that_run_code_or_lead_nowhere_are_rejected(uri: str) -> None:
    """A browser that follows a redirect URI must only open an app or a page."""
    with pytest.raises(ConfigurationError, match="redirect URI"):
        check_registrable(uri)


@pytest.mark.parametrize("purpose", ["", "To show you what you listened to", "Zwei\nZeilen, für Sie", "نص عربي"])
def test_a_purpose_is_what_people_can_read(purpose: str) -> None:
    """It may have several lines, in any language."""
    check_purpose(purpose)


@pytest.mark.parametrize("purpose", ["To \u202eyfsitas", "To\x00", "To\x1b[2J", "To \u2066x", "To \u2028x"])
def test_a_purpose_that_shows_as_something_else_is_rejected(purpose: str) -> None:
    """People decide by it."""
    with pytest.raises(ConfigurationError, match="purpose"):
        check_purpose(purpose)
