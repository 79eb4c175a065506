"""Tests of a platform below a path of a shared host, behind proxies that strip the path or keep it. Protocol 1."""

import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from examples.walking import Browser, consent
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect

from privateshare import PrivateShare
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.protocol import jwt
from tests.flow.browsing import Landing, visiting, web_server
from tests.flow.consenting import (
    accounts,
    ask,
    asking_contract,
    known_person,
    opened,
    page_of,
    refer,
    spotify_archive,
)
from tests.flow.live.lending import HOSPITAL, fhir_servers, shared
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.proxies import program
from tests.flow.reverse_proxy import ReverseProxy, reverse_proxy
from tests.flow.served import Served, serving
from tests.flow.storage_calls import bearer
from tests.flow.wire import REDIRECT_URI, Wire, query_of
from tests.hospital.running import Hospital
from tests.patience import GIVE_UP_SECONDS
from tests.ports import free_port

PATH = "/lend/share"
ADDRESSES = re.compile(r'(?:src|href|action)="([^"]*)"')


@pytest.fixture(scope="module")
def proxy() -> Iterator[ReverseProxy]:
    with reverse_proxy(PATH) as running:
        yield running


@pytest.fixture(scope="module")
def below(proxy: ReverseProxy, city: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provide a platform whose address has a path, with a source that people sign in to."""
    environment = {"PRIVATESHARE_ORIGIN": f"{proxy.origin}/", "PRIVATESHARE_FHIR_SERVERS": fhir_servers(city)}
    folder, port = tmp_path_factory.mktemp("below") / "data", free_port()
    proxy.upstream = f"http://127.0.0.1:{port}"
    with serving(folder, port=port, environment=environment) as running:
        assert running.origin == proxy.origin
        yield running


@pytest.fixture(scope="module")
async def people(below: Served) -> AsyncIterator[People]:
    async with operator_platform(Settings(data=below.data, database_pool_size=5)) as platform:
        yield People(platform, below.origin)


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, redirect_uris=(REDIRECT_URI, "http://127.0.0.1/back"))


@pytest.fixture(scope="module")
def landing() -> Iterator[Landing]:
    found = Landing()
    with web_server(found.app) as address:
        found.address = address
        yield found


@pytest.fixture(
    params=["a proxy that strips the path", pytest.param("a proxy that leaves it", marks=pytest.mark.slow)],
    autouse=True,
)
def strips(request: pytest.FixtureRequest, proxy: ReverseProxy) -> Iterator[None]:
    """Provide both kinds of proxies, and check that nothing outside of the path is requested or sent."""
    proxy.strips = "strips" in request.param
    proxy.outside.clear()
    yield
    assert proxy.outside == []


def check_addresses(browser: Browser, wire: Wire) -> None:
    """Every address on a page that is ours is below the path, and what a page loads is there."""
    assert browser.page is not None, browser.left_to
    found = [urljoin(browser.page.url, address) for address in ADDRESSES.findall(browser.page.html)]
    ours = [address for address in found if urlsplit(address).netloc == urlsplit(wire.origin).netloc]
    assert len(ours) >= 3
    for address in ours:
        assert address.startswith(f"{wire.origin}/"), address
        if "/static/" in address:
            assert httpx2.get(address).status_code == 200, address


def test_a_person_goes_the_whole_way(wire: Wire) -> None:
    """Links, redirects, forms, static files and the return to the app work, from the link to the tokens."""
    asking = ask(wire, "&lng=de")
    assert asking.url.startswith(f"{wire.origin}/apps/saas/")
    browser = opened(asking.url)
    check_addresses(browser, wire)
    assert browser.page is not None
    browser.open(browser.page.links["English"])
    check_addresses(browser, wire)
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    check_addresses(browser, wire)
    browser.page.choose("dataset", "small")
    browser.submit("continue")
    check_addresses(browser, wire)
    back = browser.page.url
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))  # The token's jku is below the path too and can be reached there.
    browser.open(back)
    assert page_of(browser) == "done"
    check_addresses(browser, wire)
    assert len(accounts(wire, tokens.access)) == 1


def test_a_person_uploads_a_file(wire: Wire, tmp_path: Path) -> None:
    """A form with a file is sent to an address below the path."""
    asking = ask(wire, f"&service={SPOTIFY}")
    archive = spotify_archive(tmp_path / "export.zip")
    assert asking.tokens(consent(Browser(), asking.url, {SPOTIFY: archive}))


def test_sample_data_is_shared_without_a_click(wire: Wire) -> None:
    """The form that a script sends is sent to an address below the path."""
    browser = opened(ask(wire, f"&service={SPOTIFY}&sampleDataAutoOnboard=true").url)
    check_addresses(browser, wire)
    browser.submit("continue")
    assert query_of(str(browser.left_to))["success"] == "true"


def test_people_come_again(wire: Wire) -> None:
    """The API returns addresses below the path for adding sources and for withdrawing."""
    tokens = known_person(wire)
    browser = opened(refer(wire, "onboard", tokens.access, f"&service={FHIR_FILE}").url)
    check_addresses(browser, wire)
    (account,) = accounts(wire, tokens.access)
    headers = {"accountId": account["id"], "redirectUri": REDIRECT_URI}
    answer = wire.get("permission-access/revoke/h:accountId", access_token=tokens.access, headers=headers)
    address = answer.json()["location"]
    assert address.startswith(f"{wire.origin}/apps/saas/revoke?")
    browser = opened(address)
    check_addresses(browser, wire)
    browser.submit("continue")
    assert query_of(str(browser.left_to))["result"] == "success"


async def test_a_person_signs_in_at_a_source(people: People, proxy: ReverseProxy, city: Hospital) -> None:
    """The source redirects people to an address below the path that was registered before."""
    document = {"dataRequest": {"serviceGroups": [{"id": 2}], "purpose": "To test"}}
    wire = await asking_contract(people, document=document)
    browser = opened(ask(wire, f"&service={HOSPITAL}").url)
    browser.submit("continue")
    assert browser.page is not None
    onward = next(link for link in browser.page.links.values() if link.startswith(city.oauth))
    assert query_of(onward)["redirect_uri"] == f"{proxy.origin}/apps/saas/connected"
    assert shared(wire).state()["state"] == "completed"


def test_error_pages_have_styles(wire: Wire) -> None:
    """Pages for unknown links, wrong addresses and foreign browsers load their styles."""
    journey = opened(ask(wire).url).page
    assert journey is not None
    for url in (f"{wire.origin}/apps/saas/authorize?code=x", f"{wire.origin}/apps/saas/nowhere", journey.url):
        browser = opened(url)
        assert page_of(browser) == "error"
        (style,) = re.findall(r'stylesheet" href="([^"]*)"', browser.page.html)  # type: ignore[union-attr]
        assert style.startswith(f"{PATH}/apps/saas/static/")


def test_the_front_page_is_there(wire: Wire) -> None:
    """Its links stay below the path."""
    check_addresses(browser := opened(f"{wire.origin}/"), wire)
    assert page_of(browser) == "front"


def test_the_cookie_stays_below_the_path(wire: Wire) -> None:
    """Other services on the host do not receive the cookie."""
    cookie = httpx2.get(ask(wire).url).headers["set-cookie"]
    assert f"Path={PATH}/apps/saas/;" in cookie


def test_the_api_describes_itself_there(wire: Wire) -> None:
    """Discovery, the API description and health checks work below the path."""
    described = httpx2.get(f"{wire.origin}/openapi.json").json()
    assert described["servers"] == [{"url": wire.origin}]
    assert "/v1.7/oauth/authorize" in described["paths"]
    docs = httpx2.get(f"{wire.origin}/docs")
    linked = [urljoin(str(docs.url), address) for address in ADDRESSES.findall(docs.text)]
    assert all(address.startswith(wire.origin) for address in linked)
    assert f"{wire.origin}/openapi.json" in linked
    for name in ("healthz", "readyz"):
        assert httpx2.get(f"{wire.origin}/{name}").status_code == 200
    services = wire.get("discovery/services").json()["data"]["services"]
    picture = services[0]["resources"][0]["url"]
    assert picture.startswith(f"{wire.origin}/")
    assert httpx2.get(picture).headers["content-type"] == "image/png"
    assert httpx2.get(f"{wire.origin}/v1.7/nowhere").json()["error"]["code"] == "NotFound"


@pytest.mark.protocol("11.2", "11.3")
def test_storage_works_below_the_path(wire: Wire) -> None:
    """Files are stored, listed and read, even if their paths contain the platform's own path."""
    storage = wire.post("storage").json()["id"]
    files = f"{wire.origin}/cloud/v1/clouds/{storage}/files/apps/{wire.application_id}"
    for name in ("/a.txt", f"{PATH}/v1.7/b.txt"):
        headers = {"Authorization": bearer(wire)}
        assert httpx2.post(f"{files}{name}", headers=headers, content=b"x").status_code == 201
        assert httpx2.get(f"{files}{name}", headers={"Authorization": bearer(wire)}).content == b"x"
    listed = httpx2.get(f"{files}/?recursive=true", headers={"Authorization": bearer(wire)}).json()
    assert {file["name"] for file in listed["files"]} == {"a.txt", "b.txt"}
    broken = httpx2.get(f"{files}/caf%E9", headers={"Authorization": bearer(wire)})
    assert (broken.status_code, broken.json()["error"]) == (400, "InvalidRequest")


def test_the_sdk_works_below_the_path(wire: Wire) -> None:
    """The SDK needs only the platform's address."""
    key = jwt.private_pem(wire.key)
    with PrivateShare(wire.application_id, contract_id=wire.contract_id, private_key=key, base_url=wire.origin) as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        assert asked.url.startswith(f"{wire.origin}/apps/saas/authorize?")
        returned = app.read_return(consent(Browser(), asked.url, {SPOTIFY: "small"}), state=asked.state)
        token = app.exchange_code_for_token(returned.code, asked.code_verifier)
        assert app.read_all_files(asked.session, token).result().files


@pytest.mark.slow  # test_a_person_goes_the_whole_way shows the paths without a browser.
async def test_a_real_browser_goes_the_whole_way(
    browser: Chromium, wire: Wire, landing: Landing, tmp_path: Path
) -> None:
    """The browser's own rules for cookies, policies and redirects allow everything, and static files load."""
    archive = spotify_archive(tmp_path / "export.zip")
    async with visiting(browser) as page:
        await page.goto(ask(wire, redirect_uri=f"{landing.address}/back").url)
        await page.click('[data-source-id="16"]')
        await page.click('[data-action="continue"]')
        await page.set_input_files("input[type=file]", archive)
        await page.click('[data-action="continue"]')
        await expect(page.locator("body")).to_have_attribute("data-page", "found")
        await page.click('[data-action="continue"]')
        await expect(page.locator("body")).to_have_attribute("data-page", "consent")
        await page.wait_for_load_state("load")
        padding = await page.locator("[data-action=continue]").evaluate("e => getComputedStyle(e).paddingLeft")
        assert float(padding.removesuffix("px")) > 10
        await page.click('[data-action="continue"]')
        await expect(page.locator("body")).to_have_attribute("data-page", "app")
    assert "success=true" in landing.came[-1]


NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location {path}/ {{ proxy_pass {upstream}; client_max_body_size 0; }} }}
}}
"""


def test_nginx_serves_it_below_a_path_with_one_line(wire: Wire, proxy: ReverseProxy, tmp_path: Path) -> None:
    """Both common forms of `proxy_pass` work, with a path at the end and without."""
    port = free_port()
    upstream = f"{proxy.upstream}/" if proxy.strips else proxy.upstream
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(NGINX.format(folder=tmp_path, port=port, path=PATH, upstream=upstream))
    process = subprocess.Popen(
        [program("nginx"), "-c", str(configuration), "-p", str(tmp_path), "-e", str(tmp_path / "start.log")]
    )
    try:
        wait_for_port(port)
        url = ask(wire).url.replace(f":{proxy.port}/", f":{port}/")
        browser = opened(url)
        assert browser.page is not None
        browser.page.choose("source-id", str(SPOTIFY))
        browser.submit("continue")
        assert page_of(browser) == "connect"
        assert httpx2.get(f"http://127.0.0.1:{port}{PATH}/v1.7/jwks/oauth").json()["keys"]
    finally:
        process.terminate()
        process.wait(GIVE_UP_SECONDS)


def wait_for_port(port: int) -> None:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < give_up
            time.sleep(0.05)
