"""Tests of a source at a server that the person names: signing in, following what changes, and limits of requests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from examples.walking import Browser

from privateshare.testing.api_server import ApiServer, running
from tests.apis.bluesky import bluesky, name_by_host
from tests.apis.mastodon import mastodon, status
from tests.archives import zipped
from tests.flow.consenting import Asking, add_found, ask, asking_contract, known_person, opened, page_of
from tests.flow.live.lending import from_another_network, shown
from tests.flow.people import People
from tests.flow.sessions import read, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire
from tests.patience import wait_for

MASTODON, BLUESKY = 9050, 9053
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
STATUSES = "/api/v1/accounts/id-ann/statuses"
MUSIC = {"dataRequest": {"serviceGroups": [{"id": 5}], "purpose": "To test"}}
SOCIAL = {"dataRequest": {"serviceGroups": [{"id": 1}], "purpose": "To test"}}


@dataclass
class Member:
    """A person who signed in at their server and shares what is there with an app."""

    wire: Wire
    tokens: Tokens
    server: ApiServer

    def synced(self) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
        """Return the status of a new session when it is over, and all objects by type."""
        session = triggered(self.wire, self.tokens)
        listed = wait_until_over(self.wire, self.tokens, session)
        found: dict[str, list[dict[str, Any]]] = {}
        for entry in listed["fileList"]:
            found.setdefault(entry["objectType"], []).extend(read(self.wire, self.tokens, session, entry["name"])[0])
        return listed["status"], found


@pytest.fixture(scope="module")
async def social(people: People) -> Wire:
    return await asking_contract(people, document=SOCIAL, name="Circles")


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with running(mastodon()) as server:
        yield server


def at_server(wire: Wire, typed: str) -> tuple[Any, Browser]:
    """Return a browser that has typed the address of a server."""
    asking = ask(wire)
    browser = opened(asking.url, http=from_another_network())
    shown(browser).choose("source-id", str(MASTODON))
    browser.submit("continue")
    assert page_of(browser) == "connect"
    browser.submit("continue", extra={"answer-server": typed})
    return asking, browser


def signed_in_there(wire: Wire, server: ApiServer) -> tuple[Asking, Browser]:
    """Return a browser that has signed in at a server, and shows what will be shared."""
    asking, browser = at_server(wire, server.address)
    there = shown(browser).links["Go to Mastodon"]
    assert there.startswith(f"{server.address}/oauth/authorize?")
    elsewhere = opened(there)
    assert elsewhere.left_to is not None
    browser.open(elsewhere.left_to)
    assert page_of(browser) == "consent", shown(browser).html
    assert "@ann@127.0.0.1" in shown(browser).html
    return asking, browser


def member(wire: Wire, server: ApiServer) -> Member:
    asking, browser = signed_in_there(wire, server)
    browser.submit("continue")
    assert browser.left_to is not None
    return Member(wire, asking.tokens(browser.left_to), server)


def test_a_person_connects_their_own_server(social: Wire, server: ApiServer) -> None:
    """All is shared once; later sessions bring what is new, and no longer what was deleted; withdrawal is noticed."""
    person = member(social, server)
    state, found = person.synced()
    assert state["state"] == "completed"
    assert {kind: len(things) for kind, things in found.items()} == {
        "post": 95,
        "like": 50,
        "socialnetworkuser": 103,
        "profile": 1,
    }
    items = server.api.lists[STATUSES].items
    deleted = items.pop(1)["uri"]
    items.insert(0, status(300))
    server.api.lists["/api/v1/accounts/id-ann/following"].items.pop()
    state, found = person.synced()
    assert state["state"] == "completed"
    ids = {thing["id"] for thing in found["post"]}
    assert status(300)["uri"] in ids
    assert deleted not in ids
    assert len(ids) == len(found["post"]) == 95
    assert len(found["socialnetworkuser"]) == 102
    server.end_grants()
    state, _ = person.synced()
    (account,) = state["details"].values()
    assert account["error"]["reauth"] is True


def test_an_archive_after_a_sign_in_is_of_the_same_account(social: Wire, server: ApiServer, tmp_path: Path) -> None:
    """It adds what only it has. What the sign-in brought is there once."""
    asking, browser = signed_in_there(social, server)
    browser.submit("another-source")
    shown(browser).choose("source-id", str(MASTODON))
    browser.submit("continue")
    older = {"id": "https://social.example/users/ann/statuses/1", "published": "2020-01-01T00:00:00Z", "to": [PUBLIC]}
    known = [
        {"id": one["uri"], "published": one["created_at"], "to": [PUBLIC]} for one in server.api.lists[STATUSES].items
    ]
    outbox = {"id": "outbox.json", "orderedItems": [{"type": "Create", "object": one} for one in (older, *known)]}
    actor = {"id": f"{server.address}/users/ann", "preferredUsername": "ann"}
    file = tmp_path / "archive.zip"
    file.write_bytes(zipped({"actor.json": json.dumps(actor).encode(), "outbox.json": json.dumps(outbox).encode()}))
    browser.submit("continue", file=file, extra={"way": "upload"})
    add_found(browser)
    assert page_of(browser) == "consent", shown(browser).html
    browser.submit("continue")
    assert browser.left_to is not None
    state, found = Member(social, asking.tokens(browser.left_to), server).synced()
    assert len(state["details"]) == 1
    ids = [post["entityid"] for post in found["post"]]
    assert len(ids) == len(set(ids)) == 96
    assert len(found["profile"]) == 1


def test_what_a_limit_of_requests_lets_through_is_kept(social: Wire, server: ApiServer) -> None:
    """A sync that ends at the limit keeps its pages, and the next one goes on. Until then nothing is requested."""
    person = member(social, server)
    person.synced()
    for number in range(301, 420):  # Three pages more than are known.
        server.api.lists[STATUSES].items.insert(0, status(number))
    server.fail(STATUSES, (429, {"Retry-After": "3600"}, {}), after=2)
    before = len(server.asked)
    state, found = person.synced()
    (account,) = state["details"].values()
    assert 3000 < account["error"]["retryAfter"] <= 3600
    assert len(found["post"]) == 95 + 80
    asked = len(server.asked)
    assert asked - before == 4  # The first one asks who it is.
    state, _ = person.synced()
    (account,) = state["details"].values()
    assert account["error"]["retryAfter"] <= 3600
    assert len(server.asked) == asked


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "Fill in: Your server."),
        ("not an address", "is not the address of a server"),
        ("file:///etc/passwd", "is not the address of a server"),
        ("http://127.0.0.1:9", "cannot be found"),
        ("x" * 600, "Fill in: Your server."),
    ],
)
def test_an_unusable_server_is_explained(social: Wire, typed: str, told: str) -> None:
    """The page says what is wrong, keeps what was typed, and the person can try again."""
    _, browser = at_server(social, typed)
    assert (page_of(browser), shown(browser).status) == ("connect", 422)
    assert told in shown(browser).html


def test_an_app_password_is_stored_and_never_shown_again(social: Wire) -> None:
    """A wrong one is explained. The right one connects the account, until the person ends it."""
    with running(bluesky()) as server:
        name_by_host(server)
        asking = ask(social)
        browser = opened(asking.url, http=from_another_network())
        shown(browser).choose("source-id", str(BLUESKY))
        browser.submit("continue")
        typed = {"answer-server": server.address, "answer-username": "@ann", "answer-password": "wrong-password"}
        browser.submit("continue", extra=typed)
        assert (page_of(browser), shown(browser).status) == ("connect", 422)
        assert "does not accept what you typed" in shown(browser).html
        assert "wrong-password" not in shown(browser).html
        assert server.address in shown(browser).html
        browser.submit("continue", extra=typed | {"answer-password": "app-password"})
        assert page_of(browser) == "consent", shown(browser).html
        assert "app-password" not in shown(browser).html
        browser.submit("continue")
        assert browser.left_to is not None
        person = Member(social, asking.tokens(browser.left_to), server)
        state, found = person.synced()
        assert state["state"] == "completed"
        assert (len(found["post"]), len(found["like"])) == (230, 30)
        server.end_grants()
        state, _ = person.synced()
        (account,) = state["details"].values()
        assert account["error"]["reauth"] is True


def test_a_named_server_gets_no_code_of_another_source(social: Wire, server: ApiServer) -> None:
    """It could send the browser to another source with the state of its sign-in: it has its own redirect URI."""
    _, browser = at_server(social, server.address)
    back = opened(shown(browser).links["Go to Mastodon"]).left_to
    assert back is not None
    assert "/apps/saas/signed-in?" in back
    before = len(server.asked)
    browser.open(back.replace("/signed-in?", "/connected?"))
    assert (page_of(browser), shown(browser).status) == ("connect", 422)
    assert len(server.asked) == before
    browser.open(back)
    assert page_of(browser) != "consent"


def test_a_server_does_not_name_another_as_its_own(social: Wire, server: ApiServer) -> None:
    """The account is at the server that the person typed, whatever its token endpoint says."""
    server.api.wrap_token = lambda token: token | {"server": "http://127.0.0.1:1", "client_id": "x"}
    assert member(social, server).synced()[0]["state"] == "completed"


async def test_a_person_signs_in_for_their_own_data(people: People, server: ApiServer) -> None:
    """No app has a part in it. No other browser completes the sign-in, and an address that was used does nothing."""
    music, http = await asking_contract(people, document=MUSIC, name="Music"), from_another_network()
    known_person(music, http)
    browser = opened(f"{music.origin}/me/", http=http)
    home = shown(browser).url.split("?")[0]
    browser.open(f"{home}/connect?q=nothing")
    assert "Nothing is called" in shown(browser).html
    browser.open(f"{home}/connect?q=masto")
    assert f"/connect/{MASTODON}" in shown(browser).html
    browser.open(f"{home}/connect/{MASTODON}")
    browser.submit("continue", extra={"answer-server": " "})
    assert "Fill in: Your server." in shown(browser).html
    browser.submit("continue", extra={"answer-server": server.address})
    assert page_of(browser) == "me-connect", shown(browser).html
    back = opened(shown(browser).links["Go to Mastodon"]).left_to
    assert back is not None
    assert "/apps/saas/signed-in?" in back
    stranger = opened(back)
    assert page_of(stranger) == "me-entrance"
    browser.open(back.replace("/signed-in?", "/connected?"))
    assert "could not complete the sign-in" in shown(browser).html
    browser.submit("continue", extra={"answer-server": server.address})
    back = str(opened(shown(browser).links["Go to Mastodon"]).left_to)
    browser.open(back)
    address = shown(browser).url
    assert "add?accounts=" in address
    wait_for(lambda: "Your data is here now" in http.get(address).text)
    browser.open(f"{home}/data")
    assert "Your posts" in shown(browser).html
    browser.open(back)
    assert page_of(browser) == "me-sign-ins"
