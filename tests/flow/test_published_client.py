"""A source whose servers fetch what they must know of the platform: what is published, and whose redirect is taken."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import ECKey

from privateshare.platform.app import create_app
from privateshare.platform.consent.pending_sign_in import exchange_for_account, prepare_sign_in
from privateshare.platform.runtime import Platform
from privateshare.sources.bluesky.configuration import Settings
from privateshare.sources.bluesky.signing_in import SignedInBluesky, client_id_of
from privateshare.sources.contract import Broken
from privateshare.sources.registry import Sources
from privateshare.sources.typed_servers import TypedServers
from privateshare.testing.api_server import ApiServer, running
from tests.apis import atproto

BLUESKY, SPOTIFY = 9053, 16
KEY = ECKey.generate_key("P-256").as_pem(private=True).decode()
CALLBACK = "http://127.0.0.1/apps/saas/signed-in"


@pytest.fixture
async def http(platform: Platform) -> AsyncIterator[httpx2.AsyncClient]:
    """Call the platform in this process, with a key for Bluesky."""
    sources = Sources(tables={"bluesky": Settings.model_validate({"private_key": KEY})})
    transport = httpx2.ASGITransport(create_app(replace(platform, sources=sources)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with running(atproto.atproto(client_id_of(CALLBACK))) as running_server:
        yield running_server


async def test_servers_find_the_platform_at_its_client_id(http: httpx2.AsyncClient) -> None:
    """It is JSON without a redirect, names its own address, and has no private key."""
    response = await http.get(f"/apps/saas/client/{BLUESKY}")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    found = response.json()
    assert found["client_id"] == str(response.url)
    assert found["redirect_uris"] == [CALLBACK]
    assert "d" not in found["jwks"]["keys"][0]


@pytest.mark.parametrize("source_id", [SPOTIFY, 1, 999999])
async def test_other_sources_publish_nothing(http: httpx2.AsyncClient, source_id: int) -> None:
    assert (await http.get(f"/apps/saas/client/{source_id}")).status_code == 404


@pytest.mark.parametrize("issuer", [None, "", "https://evil.example"])
async def test_a_redirect_must_name_the_issuer(platform: Platform, server: ApiServer, issuer: str | None) -> None:
    """Another server could otherwise send the browser back with a code of its own (RFC 9207)."""
    source = SignedInBluesky(KEY, TypedServers(private=True), server.address, server.address)
    known = source.prepare({"handle": atproto.HANDLE}, CALLBACK)
    pending = prepare_sign_in(source, "tag", CALLBACK, known)
    code = parse_qs(urlsplit(httpx2.get(pending.address).headers["location"]).query)["code"][0]
    with pytest.raises(Broken):
        await exchange_for_account(platform, source, pending, code, issuer)
    token, identity = await exchange_for_account(platform, source, pending, code, server.address)
    assert identity.provider_account_id == token["sub"] == known["did"]
