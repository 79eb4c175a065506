"""A source with a sign-in of its own form, Last.fm: from the consent page to the plays that an app reads."""

import pytest
from examples.walking import Browser
from sqlalchemy import select

from privateshare.platform.db.tables import AccountRow
from privateshare.testing.api_server import ApiServer
from tests.apis.lastfm import PLAYS, played
from tests.flow.consenting import ask, asking_contract, opened, page_of
from tests.flow.live.lending import shown
from tests.flow.people import People
from tests.flow.sessions import read, triggered, wait_until_over
from tests.flow.wire import Wire

LASTFM = 9045
MUSIC = {"dataRequest": {"serviceGroups": [{"id": 5}], "purpose": "To test"}}


@pytest.fixture(scope="module")
async def listening(people: People) -> Wire:
    return await asking_contract(people, document=MUSIC, name="Charts")


def at_last_fm(wire: Wire) -> tuple[Browser, str]:
    """Return a browser that is about to sign in, and where Last.fm sends it back to."""
    browser = opened(ask(wire).url)
    shown(browser).choose("source-id", str(LASTFM))
    browser.submit("continue")
    browser.submit("continue")
    elsewhere = opened(shown(browser).links["Go to Last.fm"])
    assert elsewhere.left_to is not None
    return browser, elsewhere.left_to


async def test_plays_come_by_a_sign_in_of_its_own_form(listening: Wire, people: People, player: ApiServer) -> None:
    """All plays are shared, later ones follow, and a session key that was withdrawn is noticed."""
    asking = ask(listening)
    browser = opened(asking.url)
    shown(browser).choose("source-id", str(LASTFM))
    browser.submit("continue")
    browser.submit("continue")
    elsewhere = opened(shown(browser).links["Go to Last.fm"])
    browser.open(str(elsewhere.left_to))
    assert page_of(browser) == "consent", shown(browser).html
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    plays = []
    for number in (500, 501):
        session = triggered(listening, tokens)
        listed = wait_until_over(listening, tokens, session)
        assert listed["status"]["state"] == "completed"
        files = [read(listening, tokens, session, entry["name"])[0] for entry in listed["fileList"]]
        plays = [play for file in files for play in file]
        assert len({play["id"] for play in plays}) == len(plays) == number
        player.api.lists[PLAYS].items.insert(0, played(600 + number))
    async with people.platform.database.transaction() as db:
        rows = list(await db.scalars(select(AccountRow.signed_in).where(AccountRow.source_id == LASTFM)))
    assert rows == [False]  # A sign-in at Last.fm is no proof of who somebody is.
    player.expire()
    listed = wait_until_over(listening, tokens, triggered(listening, tokens))
    (account,) = listed["status"]["details"].values()
    assert account["error"]["reauth"] is True


def test_a_return_of_another_browser_connects_nothing(listening: Wire) -> None:
    _, address = at_last_fm(listening)
    other = opened(address)
    assert page_of(other) != "consent"
