"""Tests of which redirect URIs a contract may register."""

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.grants.contracts import check_registrable


@pytest.mark.parametrize(
    "uri",
    ["https://app.example/back?x=1", "http://127.0.0.1/back", "digime-ca-x://auth", "com.example.app:/back"],
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
        "https://app.example/a b",
        "https://app.example/\r\nSet-Cookie:x",
    ],
)
def test_addresses_that_run_code_or_lead_nowhere_are_rejected(uri: str) -> None:
    """A browser that follows a redirect URI must only open an app or a page."""
    with pytest.raises(ConfigurationError, match="redirect URI"):
        check_registrable(uri)
