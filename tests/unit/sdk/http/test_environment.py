"""Proxies and certificates as the environment has them: alike for httpx2, blocking and asyncio, and for libcurl."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
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
    with running(platform.base_url, authority(tmp_path, ELSEWHERE)) as made:
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
async def test_calls_and_files_go_through_the_proxy(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Of that variable, in either case of letters."""
    monkeypatch.setenv(variable, proxy.address)
    files = await read_everything(platform, token, f"http://{ELSEWHERE}/v1.7/")
    assert len(files) == 6
    assert len([url for url in proxy.forwarded if url.endswith(".json")]) == 6
    assert all(url.startswith(f"http://{ELSEWHERE}/") for url in proxy.forwarded)


async def test_https_goes_through_a_proxy_that_the_named_certificates_vouch_for(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SSL_CERT_FILE; what is asked of the platform is not shown to whoever only connects."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.authority))
    files = await read_everything(platform, token, f"https://{ELSEWHERE}/v1.7/")
    assert len(files) == 6
    assert {target for target, _ in proxy.connected} == {f"{ELSEWHERE}:443"}
    assert not any("authorization" in headers for _, headers in proxy.connected)


async def test_certificates_may_be_a_folder(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SSL_CERT_DIR, as OpenSSL lays it out."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl lays it out")
    subprocess.run(["openssl", "rehash", str(proxy.authority.parent)], check=True)
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.setenv("SSL_CERT_DIR", str(proxy.authority.parent))
    assert len(await read_everything(platform, token, f"https://{ELSEWHERE}/v1.7/")) == 6


async def test_what_nobody_vouches_for_is_not_talked_to(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither without the proxy's authority among the system's, nor with another in its place."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    another = tmp_path / "another"
    another.mkdir()
    for trusted in (None, authority(another, "another.example").certificate):
        if trusted is not None:
            monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        with platform.client(base_url=f"https://{ELSEWHERE}/v1.7/", retries=0) as app:
            with pytest.raises(NetworkError):
                app.read_accounts(token)
            with pytest.raises(NetworkError):
                app.read_all_files("session", token).result()
    assert proxy.forwarded == []


async def test_this_machine_is_reached_without_a_proxy(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name too: no proxy leads back to it."""
    monkeypatch.setenv("ALL_PROXY", proxy.address)
    for base_url in (platform.base_url, platform.base_url.replace("127.0.0.1", "localhost")):
        assert len(await read_everything(platform, token, base_url)) == 6
    assert proxy.forwarded == []


@pytest.mark.skipif(sys.platform == "win32", reason="there, no connection leads to 0.0.0.0")
@pytest.mark.parametrize(
    ("spared", "through"), [("", True), ("0.0.0.0", False), ("example.org, 0.0.0.0/8", False), ("x.org,*", False)]
)
async def test_no_proxy_spares_addresses(
    platform: InMemoryPlatform,
    token: UserAccessToken,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    spared: str,
    through: bool,
) -> None:
    """One, a network of them, or all."""
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    monkeypatch.setenv("NO_PROXY", spared)
    base_url = platform.base_url.replace("127.0.0.1", "0.0.0.0")
    assert len(await read_everything(platform, token, base_url)) == 6
    assert bool(proxy.forwarded) is through


@pytest.mark.parametrize("spared", [ELSEWHERE, "example", ".example"])
async def test_no_proxy_spares_names(
    platform: InMemoryPlatform, token: UserAccessToken, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, spared: str
) -> None:
    """With all that is below them; this one only the proxy knows, so that there is no answer."""
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    monkeypatch.setenv("NO_PROXY", spared)
    with pytest.raises(NetworkError):
        await read_everything(platform, token, f"http://{ELSEWHERE}/v1.7/")
    assert proxy.forwarded == []


def test_a_proxy_that_is_away_is_told(
    platform: InMemoryPlatform, token: UserAccessToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a platform that is away is; its password is not in the error."""
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
def test_an_environment_that_make_no_sense_are_told(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """With the variables to look at."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as raised:
        platform.client()
    assert variable in raised.value.hint


async def test_the_asyncio_client_tells_the_same(platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is made, like the blocking one."""
    monkeypatch.setenv("HTTP_PROXY", "gopher://x")
    with pytest.raises(ConfigurationError) as raised:
        platform.async_client()
    assert "HTTP_PROXY" in raised.value.hint
