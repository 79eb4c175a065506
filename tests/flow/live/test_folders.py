"""A folder of a person's server (wsgidav) with calendars: from the consent page to what an app reads."""

from pathlib import Path

from tests.apis.webdav import PASSWORD, USER, webdav
from tests.flow.consenting import ask, asking_contract, opened, page_of
from tests.flow.live.lending import from_another_network, shown
from tests.flow.people import People
from tests.flow.sessions import read, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire

CALENDAR = 9011
SOCIAL = {"dataRequest": {"serviceGroups": [{"id": 1}], "purpose": "To test"}}


def calendar(*events: int) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//t//EN"]
    for number in events:
        lines += ["BEGIN:VEVENT", f"UID:e{number}@x", "DTSTAMP:20260101T000000Z"]
        lines += [f"DTSTART:202601{1 + number % 28:02}T090000Z", f"SUMMARY:Meeting {number}", "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def events(wire: Wire, tokens: Tokens) -> list[str]:
    """Return the ids of the events after a new session."""
    session = triggered(wire, tokens)
    listed = wait_until_over(wire, tokens, session)
    assert listed["status"]["state"] == "completed", listed["status"]
    assert len(listed["status"]["details"]) == 1
    found = [read(wire, tokens, session, entry["name"])[0] for entry in listed["fileList"]]
    return [event["entityid"] for file in found for event in file]


async def test_what_lies_in_a_folder_is_shared(people: People, tmp_path: Path) -> None:
    """What is new comes later, the same file by hand adds nothing, and a withdrawn password is noticed."""
    wire = await asking_contract(people, document=SOCIAL, name="Agenda")
    (tmp_path / "dav").mkdir()
    (tmp_path / "dav" / "a.ics").write_text(calendar(1, 2), newline="")
    with webdav(tmp_path / "dav") as server:
        asking = ask(wire)
        browser = opened(asking.url, http=from_another_network())
        shown(browser).choose("source-id", str(CALENDAR))
        browser.submit("continue")
        assert "A folder of your server (WebDAV)" in shown(browser).html
        typed = {"way": "sign-in", "answer-server": server.address, "answer-username": USER}
        browser.submit("continue", extra=typed | {"answer-password": "wrong-password"})
        assert (page_of(browser), shown(browser).status) == ("connect", 422)
        assert "wrong-password" not in shown(browser).html
        browser.submit("continue", extra=typed | {"answer-password": PASSWORD})
        assert page_of(browser) == "consent", shown(browser).html
        browser.submit("another-source")
        shown(browser).choose("source-id", str(CALENDAR))
        browser.submit("continue")
        browser.submit("continue", file=tmp_path / "dav" / "a.ics", extra={"way": "upload"})
        assert "Add it to the account that is here" in shown(browser).html
        browser.submit("continue")
        assert page_of(browser) == "consent", shown(browser).html
        browser.submit("continue")
        tokens = asking.tokens(str(browser.left_to))
        first = events(wire, tokens)
        assert len(first) == len(set(first)) == 2
        (tmp_path / "dav" / "b.ics").write_text(calendar(3), newline="")
        server.fetched()
        later = events(wire, tokens)
        assert len(set(later)) == 3
        assert set(first) < set(later)
        assert server.fetched() == ["/b.ics"]
        server.passwords[USER]["password"] = "another"
        listed = wait_until_over(wire, tokens, triggered(wire, tokens))
        (account,) = listed["status"]["details"].values()
        assert account["error"]["reauth"] is True
