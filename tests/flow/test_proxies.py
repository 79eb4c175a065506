"""Tests of the nginx and Caddy examples with a real platform: TLS, large bodies, addresses and logs."""

import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx2
import pytest

from privateshare import PrivateShare
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.protocol import jwt
from tests.flow.limited import until_refused
from tests.flow.people import People
from tests.flow.proxies import Place, caddy, nginx
from tests.flow.served import Served, serving
from tests.flow.sessions import wait_until_over
from tests.flow.wire import Wire
from tests.keys import rsa_key
from tests.patience import GIVE_UP_SECONDS
from tests.ports import free_port
from tests.unit.sdk.proxy import Identity, authority

UNSIGNED_PER_MINUTE = 60
LARGE = 20 * 1024 * 1024


@dataclass(frozen=True)
class Behind:
    """A platform behind a proxy: the address of the proxy, and the folder that it writes to."""

    origin: str
    folder: Path
    trusted: ssl.SSLContext
    certificate: Path
    people: People

    def http(self, address: str = "127.0.0.2") -> httpx2.Client:
        """Return a client that calls from this address of the machine."""
        transport = httpx2.HTTPTransport(verify=self.trusted, local_address=address)
        return httpx2.Client(transport=transport, base_url=self.origin)


@pytest.fixture(scope="module")
def port() -> int:
    """Provide the port of both proxies, one after the other: the platform is told its address once."""
    return free_port()


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return authority(tmp_path_factory.mktemp("tls"), "localhost", rsa_key())


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Served]:
    """Provide a platform that knows its address and its proxy, as the handbook wants it."""
    environment = {
        "PRIVATESHARE_ORIGIN": f"https://localhost:{port}",
        "PRIVATESHARE_TRUSTED_PROXIES": '["127.0.0.1"]',
        "PRIVATESHARE_UNSIGNED_CALLS_PER_MINUTE": str(UNSIGNED_PER_MINUTE),
    }
    log = tmp_path_factory.mktemp("proxied") / "data"
    inner = free_port()
    with serving(log, port=inner, environment=environment) as served:
        yield Served(f"127.0.0.1:{inner}", served.data, served.process, served.log)


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
async def behind(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    proxied: Served,
    port: int,
    identity: Identity,
) -> AsyncIterator[Behind]:
    """Provide the platform behind each of the two."""
    folder = tmp_path_factory.mktemp("proxy")
    folder.chmod(0o755)
    trusted = ssl.create_default_context(cafile=identity.certificate)
    with request.param(Place(port, proxied.origin, identity.certificate, identity.key, folder)):
        async with operator_platform(Settings(data=proxied.data, database_pool_size=5)) as platform:
            origin = f"https://localhost:{port}"
            behind = Behind(origin, folder, trusted, identity.certificate, People(platform, origin))
            wait_until_ready(behind)
            yield behind


def wait_until_ready(behind: Behind) -> None:
    """Wait until the platform answers through the proxy."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        try:
            if httpx2.get(f"{behind.origin}/readyz", verify=behind.trusted).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"no answer through the proxy: {logged(behind.folder)}")


def logged(folder: Path) -> str:
    """Return all that the proxy wrote down."""
    return "".join(path.read_text() for path in folder.glob("*.log"))


async def contract(behind: Behind) -> Wire:
    """Return a contract whose client trusts the proxy's certificate."""
    wire = await behind.people.contract()
    wire.http = httpx2.Client(verify=behind.trusted)
    return wire


async def test_an_app_reads_shared_data_through_the_proxy(behind: Behind) -> None:
    """Consent, tokens, a session and its files work over TLS, and the proxy logs no session key."""
    wire = await contract(behind)
    tokens, session = await behind.people.user(wire)
    wait_until_over(wire, tokens, session)
    listed = wire.get(f"permission-access/query/{session}", access_token=tokens.access)
    name = listed.json()["fileList"][0]["name"]
    file = wire.get(f"permission-access/query/{session}/{name}", access_token=tokens.access)
    assert file.status_code == 200
    assert "x-metadata" in file.headers
    assert file.headers["strict-transport-security"]
    told = logged(behind.folder)
    assert session not in told
    assert name not in told
    if (behind.folder / "privateshare.log").exists():
        assert '"GET /v1.7/permission-access/query/-" 200' in told


async def test_large_bodies_pass_in_both_directions(
    behind: Behind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """20 MB pass in chunks in both directions, and the proxy stores no copy."""
    monkeypatch.setenv("SSL_CERT_FILE", str(behind.certificate))
    wire = await contract(behind)
    content = secrets.token_bytes(LARGE)
    key = jwt.private_pem(wire.key)
    with PrivateShare(wire.application_id, contract_id=wire.contract_id, private_key=key, base_url=wire.url("")) as app:
        storage = app.create_provisional_storage()
        pieces = (content[start : start + 2**20] for start in range(0, LARGE, 2**20))
        app.upload_file_to_storage(storage.id, "/large.bin", pieces)
        app.download_storage_file(storage.id, "/large.bin", to=tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == content
    assert [
        path for folder in ("body", "proxied") for path in (behind.folder / folder).rglob("*") if path.is_file()
    ] == []


async def test_the_callers_address_cannot_be_forged(behind: Behind) -> None:
    """A caller who invents addresses counts as one caller and does not affect others."""
    own = f"127.0.1.{secrets.randbelow(250) + 1}"
    with behind.http(own) as caller, behind.http("127.0.2.1") as other:
        numbers = count()

        def ask() -> httpx2.Response:
            return caller.get("/v1.7/jwks/oauth", headers={"X-Forwarded-For": f"203.0.{next(numbers)}.113"})

        until_refused(ask, UNSIGNED_PER_MINUTE)
        assert other.get("/v1.7/jwks/oauth").status_code == 200


async def test_pages_use_the_public_address(behind: Behind) -> None:
    """The consent page can be reached, and the key set has the proxy's address."""
    wire = await contract(behind)
    answer = wire.authorize("v" * 43)
    assert answer.status_code == 201
    assert wire.signed(answer)["preauthorization_code"]
    with behind.http() as browser:
        page = browser.get("/apps/saas/authorize", params={"code": wire.signed(answer)["preauthorization_code"]})
        assert page.status_code in (200, 303)
        assert "http://" not in page.headers.get("location", "")
        assert browser.get("/docs").status_code == 200


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_no_session_key_is_logged_while_the_platform_is_unavailable(
    proxy: Callable[[Place], AbstractContextManager[None]], identity: Identity, tmp_path: Path
) -> None:
    """The proxy answers with its own error and logs no path."""
    tmp_path.chmod(0o755)
    place = Place(free_port(), f"127.0.0.1:{free_port()}", identity.certificate, identity.key, tmp_path)
    trusted, secret = ssl.create_default_context(cafile=identity.certificate), "s" * 43
    with proxy(place):
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up:
            try:
                address = f"https://localhost:{place.port}/v1.6/permission-access/query/{secret}"
                assert httpx2.get(address, verify=trusted).status_code in (502, 503)
                break
            except httpx2.TransportError:
                time.sleep(0.05)
        else:
            raise AssertionError(logged(tmp_path))
    assert secret not in logged(tmp_path)
