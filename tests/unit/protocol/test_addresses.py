"""What an address is that requests can be sent to."""

import pytest

from privateshare.protocol.addresses import is_web_address


@pytest.mark.parametrize(
    "text",
    [
        "https://share.example.org",
        "https://share.example.org/below/a/path?with=query#and-fragment",
        "http://127.0.0.1:8790/",
        "http://localhost",
        "https://[2001:db8::1]:65535/r4",
        "https://share.example.org:/",
        "https://host:1",
        "https://krankenhäuser.example/r4",
        "HTTPS://SHARE.EXAMPLE",
    ],
)
def test_an_address_has_a_scheme_and_a_host(text: str) -> None:
    """With any path, query or port."""
    assert is_web_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "share.example",
            "/r4",
            "//share.example/r4",
            "https:",
            "https:/",
            "https://",
            "https:///r4",
            "https://?x",
        ),
        *("https://#x", "https://:443", "https://:443/r4", "https://./", "https://-/", "https://[]/", "https://[::1/"),
        *("https://host:0", "https://host:0/r4", "https://host:00000/", "https://host:65536/", "https://host:99999/r4"),
        *("https://host:-1/", "https://host:1.5/", "https://host:http/", "https://host:4 4/", "https://host:٣/"),
        *("ftp://host/", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ws://host/"),
        *("https://user@host/", "https://user:password@host/", "https://@host/", "https://host.example@evil.example/"),
        *(
            " https://host/",
            "https://host/ ",
            "https://ho st/",
            "https://host/\n",
            "https://host/\x00",
            "https://host/\u202e",
        ),
    ],
)
def test_an_invalid_address_is_rejected(text: str) -> None:
    """No host, an impossible port, another scheme, a user name, or characters that hide the real address."""
    assert not is_web_address(text)
