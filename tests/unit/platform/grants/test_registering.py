"""Which redirect URIs a contract may be registered with."""

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.grants.contracts import check_registrable


@pytest.mark.parametrize(
    "uri",
    ["https://app.example/back?x=1", "http://127.0.0.1/back", "digime-ca-x://auth", "com.example.app:/back"],
)
def test_where_an_app_lives_can_be_registered(uri: str) -> None:
    """Web addresses, this machine's, and private schemes."""
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
def test_what_runs_or_leads_nowhere_cannot(uri: str) -> None:
    """A browser that follows it must only go somewhere."""
    with pytest.raises(ConfigurationError, match="redirect URI"):
        check_registrable(uri)
