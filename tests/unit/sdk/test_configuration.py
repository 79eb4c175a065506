"""Where the SDK looks for a platform: on a host of its own, or below a path of one. Protocol 1."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from privateshare import ConfigurationError, InvalidAnswer, NotFound, PageOptions, PrivateShare
from privateshare.protocol import jwt
from privateshare.sdk.configuration import Configuration, make_configuration
from privateshare.sdk.core import Core
from privateshare.sdk.flows.signed_calls import signed_claims
from privateshare.sdk.http.requests import Request, Response
from privateshare.testing import InMemoryPlatform
from tests.keys import rsa_key

KEY = rsa_key()
PEM = jwt.private_pem(KEY)
REDIRECT_URI = "http://127.0.0.1/return"


def configuration(base_url: str, **addresses: str) -> Configuration:
    """What a client makes of its addresses."""
    given = {"base_url": base_url, "onboard_url": None, "storage_url": None} | addresses
    return make_configuration("app", "contract", PEM, given, timeout=1, retries=0)


@pytest.mark.parametrize("slash", ["", "/", "//"])
@pytest.mark.parametrize("version", ["", "/v1.7"])
@pytest.mark.parametrize("root", ["https://share.example", "https://host.example/share", "http://[::1]:8790/a/b-v1"])
def test_all_addresses_are_below_the_platforms_path(root: str, version: str, slash: str) -> None:
    """With or without a version, and with any number of slashes at the end."""
    found = configuration(root + version + slash)
    assert (found.api, found.onboard, found.storage) == (f"{root}/v1.7/", f"{root}/apps/saas/", f"{root}/cloud/v1/")


def test_another_protocol_version_is_kept() -> None:
    """The version is used as given, and pages and storage are beside it."""
    found = configuration("https://host.example/share/v1.6/")
    assert (found.api, found.onboard) == ("https://host.example/share/v1.6/", "https://host.example/share/apps/saas/")


def test_pages_and_storage_may_have_other_addresses() -> None:
    """As those of digi.me have."""
    found = configuration(
        "https://api.example/v1.7", onboard_url="https://pages.example/x", storage_url="https://c/v1/"
    )
    assert (found.onboard, found.storage) == ("https://pages.example/x/", "https://c/v1/")


@pytest.mark.parametrize(
    "address",
    [
        *("", "share.example", "ftp://share.example/", "https:///v1.7/", "https://host:99999/", "https://host:0/"),
        *(
            "https://host:x/",
            "https://[::1/",
            " https://host/",
            "https://host/\n",
            "https://host/?x=1",
            "https://host/#x",
        ),
        "https://someone:secret@host/v1.7/",
    ],
)
def test_an_invalid_address_is_rejected(address: str) -> None:
    """When the client is created. The error names the argument, and does not contain a password from the address."""
    with pytest.raises(ConfigurationError, match="base_url") as refused:
        configuration(address)
    assert "secret" not in str(refused.value)


def answered_by(configuration: Configuration, jku: str) -> list[str]:
    """Stand in for the network: the addresses that are asked until an answer with this `jku` is believed."""
    flow = signed_claims(Core(configuration), {"token": jwt.sign(KEY, {"told": 1}, kid="one", jku=jku)})
    keys = json.dumps({"keys": [jwt.key_set_entry(KEY.public_key(), "one")]}).encode()
    asked = []
    try:
        request = next(flow)
        while True:
            assert isinstance(request, Request)
            asked.append(request.url)
            request = flow.send(Response(200, {}, keys))
    except StopIteration:
        return asked


@pytest.mark.protocol("3.3")
@pytest.mark.parametrize(
    ("api", "jku", "is_own"),
    [
        ("https://host.example/share/v1.7/", "https://host.example/share/v1.7/jwks/oauth", True),
        ("https://host.example:443/share", "https://HOST.example/share/v1.7/jwks/oauth", True),
        ("http://host.example/v1.7/", "http://host.example:80/v1.7/jwks/oauth", True),
        ("https://host.example/share", "https://host.example.evil.example/share/v1.7/jwks/oauth", False),
        ("https://host.example/share", "https://host.example@evil.example/share/v1.7/jwks/oauth", False),
        ("https://host.example/share", "https://evil@host.example/share/v1.7/jwks/oauth", False),
        ("https://host.example/share", "http://host.example/share/v1.7/jwks/oauth", False),
        ("https://host.example/share", "https://host.example:444/share/v1.7/jwks/oauth", False),
        ("https://host.example/share", "https://[host.example/share/v1.7/jwks/oauth", False),
        ("https://host.example/share", "https://host.example:x/share/v1.7/jwks/oauth", False),
    ],
)
def test_keys_are_fetched_from_the_platforms_own_origin(api: str, jku: str, is_own: bool) -> None:
    """Protocol 3.3. The same origin may be written in different forms."""
    if is_own:
        assert answered_by(configuration(api), jku) == [jku]
    else:
        with pytest.raises(InvalidAnswer, match="not the platform"):
            answered_by(configuration(api), jku)


@pytest.fixture(scope="module")
def platform() -> Iterator[InMemoryPlatform]:
    """A platform below a path, and nowhere else."""
    with InMemoryPlatform("/share") as running:
        yield running


@pytest.mark.parametrize("given", ["/share/v1.7/", "/share/v1.7", "/share/", "/share"])
def test_the_sdk_works_below_a_path(platform: InMemoryPlatform, given: str, tmp_path: Path) -> None:
    """Consent, tokens with their keys, reading, pages and storage."""
    origin = platform.base_url.removesuffix("/share/v1.7/")
    name = platform.lend("playhistory", [{"entityid": "1"}], "18_5_19_1_406_1.json")
    with platform.client(base_url=origin + given) as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        assert asked.url.startswith(f"{origin}/share/apps/saas/authorize?")
        returned = app.read_return(platform.consent(asked.url), state=asked.state)
        token = app.exchange_code_for_token(returned.code, asked.code_verifier)
        token = app.refresh_token(token)
        (file,) = app.read_all_files(app.read_session(token), token, into=tmp_path)
        assert (file.name, file.json()) == (name, [{"entityid": "1"}])
        storage = app.create_provisional_storage()
        app.upload_file_to_storage(storage.id, "/one.txt", b"one")
        assert app.download_storage_file(storage.id, "/one.txt").data == b"one"
        options = PageOptions(storage_ref=app.get_storage_reference(storage.id))
        page = app.get_onboard_service_url(token, REDIRECT_URI, options=options)
        assert page.url.startswith(f"{origin}/share/apps/saas/onboard?")


def test_the_host_root_is_not_below_the_path(platform: InMemoryPlatform) -> None:
    """This shows that the test above proves something."""
    settings: dict[str, Any] = platform.settings() | {"base_url": platform.base_url.removesuffix("/share/v1.7/")}
    with PrivateShare("testapplication", **settings) as lost, pytest.raises(NotFound):
        lost.get_contract_details()
