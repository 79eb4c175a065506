"""Proxies and certificates as the environment has them: alike for httpx2, blocking and asyncio, and for libcurl."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.keys import rsa_key
from tests.unit.sdk.proxy import Proxy, authority, running

from privateshare import ConfigurationError, File, NetworkError, UserAccessToken
from privateshare.testing import InMemoryPlatform

ELSEWHERE = "platform.example"  # a name that nothing but the proxy knows
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")

pytestmark = pytest.mark.usefixtures("transport")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as made:
        for number in range(3):
            made.lend("playhistory", [{"entityid": str(number), "createddate": 1_700_000_000_000}])
        yield made


@pytest.fixture
def token(platform: InMemoryPlatform) -> UserAccessToken:
    """Of a person who agreed, before any proxy."""
    with platform.client() as app:
        asked = app.get_authorize_url("http://127.0.0.1/return")
        returned = app.read_return(platform.consent(asked.url), state=asked.state)
        return app.exchange_code_for_token(returned.code, asked.code_verifier)


@pytest.fixture
def proxy(platform: InMemoryPlatform, tmp_path: Path) -> Iterator[Proxy]:
    """Leads everywhere to the platform; what is encrypted it opens with a certificate of its own, as companies do."""
    with running(platform.base_url, authority(tmp_path, ELSEWHERE, rsa_key())) as made:
        yield made


async def read_everything(platform: InMemoryPlatform, token: UserAccessToken, base_url: str) -> list[File]:
    """Files that both clients read, after a call of each."""
    with platform.client(base_url=base_url, retries=0) as app:
        session = app.read_session(token)
        files = list(app.read_all_files(session, token))
    async with platform.async_client(base_url=base_url, retries=0) as client:
        assert await client.read_accounts(token) == []
        async with client.read_all_files(session, token) as reading:
            return files + [file async for file in reading]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_calls_and_files_use_the_proxy(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The variable may be in upper or lower case."""
    monkeypatch.setenv(variable, proxy.address)
    files = await read_everything(platform, token, f"http://{ELSEWHERE}/v1.7/")
    assert len(files) == 6
    assert len([url for url in proxy.forwarded if url.endswith(".json")]) == 6
    assert all(url.startswith(f"http://{ELSEWHERE}/") for url in proxy.forwarded)


async def test_https_uses_a_proxy_with_certificates_from_the_environment(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SSL_CERT_FILE. The proxy does not see the requests to the platform."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.authority))
    files = await read_everything(platform, token, f"https://{ELSEWHERE}/v1.7/")
    assert len(files) == 6
    assert {target for target, _ in proxy.connected} == {f"{ELSEWHERE}:443"}
    assert not any("authorization" in headers for _, headers in proxy.connected)


async def test_certificates_may_be_in_a_folder(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SSL_CERT_DIR, in the layout of OpenSSL."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl lays it out")
    subprocess.run(["openssl", "rehash", str(proxy.authority.parent)], check=True)
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.setenv("SSL_CERT_DIR", str(proxy.authority.parent))
    assert len(await read_everything(platform, token, f"https://{ELSEWHERE}/v1.7/")) == 6


async def test_an_unknown_certificate_authority_is_rejected(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whether the proxy's authority is missing, or another one is configured."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    another = tmp_path / "another"
    another.mkdir()
    for trusted in (None, authority(another, "another.example", rsa_key(1)).certificate):
        if trusted is not None:
            monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        with platform.client(base_url=f"https://{ELSEWHERE}/v1.7/", retries=0) as app:
            with pytest.raises(NetworkError):
                app.read_accounts(token)
            with pytest.raises(NetworkError):
                app.read_all_files("session", token).result()
    assert proxy.forwarded == []


async def test_loopback_addresses_do_not_use_the_proxy(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither does the name localhost, because a proxy could not reach it."""
    monkeypatch.setenv("ALL_PROXY", proxy.address)
    for base_url in (platform.base_url, platform.base_url.replace("127.0.0.1", "localhost")):
        assert len(await read_everything(platform, token, base_url)) == 6
    assert proxy.forwarded == []


@pytest.mark.skipif(sys.platform == "win32", reason="there, no connection leads to 0.0.0.0")
@pytest.mark.parametrize(
    ("spared", "through"), [("", True), ("0.0.0.0", False), ("example.org, 0.0.0.0/8", False), ("x.org,*", False)]
)
async def test_no_proxy_may_contain_addresses(
    platform: InMemoryPlatform,
    token: UserAccessToken,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    spared: str,
    through: bool,
) -> None:
    """A single address, a network, or all addresses."""
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    monkeypatch.setenv("NO_PROXY", spared)
    base_url = platform.base_url.replace("127.0.0.1", "0.0.0.0")
    assert len(await read_everything(platform, token, base_url)) == 6
    assert bool(proxy.forwarded) is through


@pytest.mark.parametrize("spared", [ELSEWHERE, "example", ".example"])
async def test_no_proxy_may_contain_names(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, spared: str
) -> None:
    """Subdomains are included. Only the proxy can resolve the name of this test, so no response arrives."""
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    monkeypatch.setenv("NO_PROXY", spared)
    with pytest.raises(NetworkError):
        await read_everything(platform, token, f"http://{ELSEWHERE}/v1.7/")
    assert proxy.forwarded == []


def test_an_unreachable_proxy_is_a_network_error(
    platform: InMemoryPlatform, token: UserAccessToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error does not contain the proxy's password."""
    monkeypatch.setenv("HTTP_PROXY", "http://somebody:password@127.0.0.1:9")
    with platform.client(base_url=f"http://{ELSEWHERE}/v1.7/", retries=0) as app:
        for call in (lambda: app.read_accounts(token), app.read_all_files("session", token).result):
            with pytest.raises(NetworkError) as raised:
                call()
            assert "password" not in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTP_PROXY", "gopher://x"),
        ("ALL_PROXY", "http://:port"),
        ("SSL_CERT_FILE", "/nowhere"),
    ],
)
def test_invalid_variables_are_reported(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """The error names the variables to check."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as raised:
        platform.client()
    assert variable in raised.value.hint


async def test_the_asyncio_client_reports_invalid_variables_too(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is created, like the blocking client."""
    monkeypatch.setenv("HTTP_PROXY", "gopher://x")
    with pytest.raises(ConfigurationError) as raised:
        platform.async_client()
    assert "HTTP_PROXY" in raised.value.hint
