"""A sign-in with tokens that are bound to a key (DPoP), from the handle to the app's files. Its platform is its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.sources.bluesky.signing_in import client_id_of
from privateshare.testing.api_server import running
from tests.apis.atproto import atproto, guard_of
from tests.apis.bluesky import SESSION, name_by_host
from tests.flow.consenting import ask, asking_contract, opened, page_of
from tests.flow.live.lending import shown
from tests.flow.people import People
from tests.flow.served import Served, serving
from tests.flow.sessions import read, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire

BLUESKY = 9053
SOCIAL = {"dataRequest": {"serviceGroups": [{"id": 1}], "purpose": "To test"}}

pytestmark = pytest.mark.slow  # The sign-in itself is tried in tests/contract and tests/unit/sources/bluesky.


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provide a platform whose operator has a key for Bluesky."""
    folder: Path = tmp_path_factory.mktemp("keyed")
    key = folder / "bluesky.pem"
    key.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    environment = {
        "PRIVATESHARE_SOURCES_BLUESKY_PRIVATE_ADDRESSES": "true",
        "PRIVATESHARE_SOURCES_BLUESKY_PRIVATE_KEY_FILE": str(key),
    }
    with serving(folder / "data", environment=environment) as served:
        yield served


@pytest.fixture(scope="module")
async def circles(keyed: Served) -> AsyncIterator[Wire]:
    async with operator_platform(Settings(data=keyed.data, database_pool_size=5)) as platform:
        yield await asking_contract(People(platform, keyed.origin), document=SOCIAL, name="Circles")


def synced(wire: Wire, tokens: Tokens) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the status of a new session when it is over, and how many objects of each type there are."""
    session = triggered(wire, tokens)
    listed, found = wait_until_over(wire, tokens, session), dict[str, int]()
    for entry in listed["fileList"]:
        objects = read(wire, tokens, session, entry["name"])[0]
        found[entry["objectType"]] = found.get(entry["objectType"], 0) + len(objects)
    return listed["status"], found


def test_a_person_signs_in_by_their_id_and_shares(circles: Wire, keyed: Served) -> None:
    """Expired tokens are refreshed with the same key, and the end of the grant at the server is noticed."""
    with running(atproto(client_id_of(f"{keyed.origin}/apps/saas/signed-in"))) as server:
        name_by_host(server)
        session = server.api.answers[SESSION]
        guard_of(server).sub = session["did"]
        asking = ask(circles)
        browser = opened(asking.url)
        shown(browser).choose("source-id", str(BLUESKY))
        browser.submit("continue")
        browser.submit("continue", extra={"answer-handle": session["did"]})
        there = next(link for link in shown(browser).links.values() if link.startswith(server.address))
        elsewhere = opened(there)
        assert elsewhere.left_to is not None
        browser.open(elsewhere.left_to)
        assert page_of(browser) == "consent", shown(browser).html
        assert "@ann.example" in shown(browser).html
        browser.submit("continue")
        assert browser.left_to is not None
        tokens = asking.tokens(browser.left_to)
        for _ in range(2):
            state, found = synced(circles, tokens)
            assert state["state"] == "completed"
            assert (found["post"], found["like"]) == (230, 30)
            server.expire()
        server.end_grants()
        state, _ = synced(circles, tokens)
        (account,) = state["details"].values()
        assert account["error"]["reauth"] is True
