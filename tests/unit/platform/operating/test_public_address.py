"""Tests of the address under which people and apps reach a platform."""

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.public_address import is_this_machine, normal_address
from privateshare.platform.operating.settings import load_settings


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://share.example.org", "https://share.example.org"),
        ("https://share.example.org/", "https://share.example.org"),
        (" HTTPS://Share.Example.org:443/ ", "https://share.example.org"),
        ("http://localhost:80", "http://localhost"),
        ("https://example.org:8443/share/", "https://example.org:8443/share"),
        ("https://example.org/a/b.c/~d_e-f", "https://example.org/a/b.c/~d_e-f"),
        ("https://example.org/Share", "https://example.org/Share"),
        ("http://[::1]:8790", "http://[::1]:8790"),
        ("https://[2001:DB8::1]/share", "https://[2001:db8::1]/share"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://example.org/appshare", "https://example.org/appshare"),
    ],
)
def test_an_address_is_normalised_like_a_browsers_origin(given: str, normal: str) -> None:
    """Browsers send `Origin` in lower case without the default port, and forms are checked against it."""
    assert normal_address(given) == normal
    assert load_settings(origin=given).origin == normal
    assert normal_address(normal) == normal


@pytest.mark.parametrize(
    "given",
    [
        "share.example.org",
        "//share.example.org",
        "ftp://share.example.org",
        "javascript://share.example.org",
        "https://",
        "https:///share",
        "https://user@example.org",
        "https://user:word@example.org",
        "https://example.org?x",
        "https://example.org/?",
        "https://example.org/#",
        "https://example.org:0",
        "https://example.org:99999",
        "https://example.org:x",
        "https://bücher.example",
        "https://exa mple.org",
        "https://example.org\\share",
        "https://-example.org",
        "https://[::1",
        "https://example.org//share",
        "https://example.org/a//b",
        "https://example.org/../share",
        "https://example.org/./share",
        "https://example.org/.share",
        "https://example.org/sh%61re",
        "https://example.org/a b",
        "https://example.org/ä",
        "https://example.org/apps",
        "https://example.org/me",
        "https://example.org/v1.7/",
        "https://example.org/cloud/share",
    ],
)
def test_an_invalid_address_prevents_the_start(given: str) -> None:
    """One clear line says so before anything else happens."""
    with pytest.raises(ValueError):  # noqa: PT011 - of several words
        normal_address(given)
    with pytest.raises(ConfigurationError, match="origin"):
        load_settings(origin=given)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8790", "127.0.0.1", "127.0.0.1:1", "127.255.255.254:65535", "[::1]", "[::1]:8790"],
)
def test_names_of_this_machine(host: str) -> None:
    """Loopback addresses and their names are accepted with any valid port."""
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "evil.localhost",
        "localhost.",
        "127.0.0.1.",
        "127.0.0.1.evil.example",
        "localhost:0",
        "localhost:65536",
        "localhost:99999",
        "localhost:",
        "localhost:80:80",
        "localhost:80@evil.example",
        "evil@localhost",
        "localhost/evil",
        "localhost?evil",
        "localhost#evil",
        "localhost\\evil",
        "local host",
        "localhost ",
        "localhost,evil.example",
        "127.0.0.256",
        "127.1",
        "127.0.0.01",
        "0x7f.0.0.1",
        "2130706433",
        "0.0.0.0",
        "128.0.0.1",
        "10.0.0.1",
        "[::]",
        "[::2]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::1%25lo]",
        "[::1]evil",
        "::1",
        "١٢٧.0.0.1",
        "ｌocalhost",
        "loca\u0131host",
        "localho\u017ft",
    ],
)
def test_other_names_are_rejected(host: str) -> None:
    """Names that only look like this machine's are rejected, because links are made from them."""
    assert not is_this_machine(host)
