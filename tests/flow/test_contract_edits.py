"""A contract that is edited: less applies at once, more only to people who agree, and what they agreed to goes on."""

from typing import Any

import httpx2
import pytest
from examples.walking import Browser

from tests.flow.command_line import OperatorCommand
from tests.flow.consenting import ask, asking_contract, at_consent, known_person
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.served import Served
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.wire import Tokens, Wire

DOCUMENT: dict[str, Any] = {"dataRequest": {"purpose": "To test", "serviceGroups": [{"id": 5}]}}


@pytest.fixture
def command(served: Served) -> OperatorCommand:
    return OperatorCommand(served.data)


def kinds(wire: Wire, tokens: Tokens) -> set[str]:
    listed = wait_until_over(wire, tokens, triggered(wire, tokens))
    return {entry["objectType"] for entry in listed["fileList"]}


async def test_less_at_once_and_more_once_people_agree(people: People, command: OperatorCommand) -> None:
    """An app reads as before while people are not asked, and its page then marks what is new and does not tick it."""
    wire, http = await asking_contract(people, document=DOCUMENT), httpx2.Client()
    tokens = known_person(wire, http)
    before = kinds(wire, tokens)
    assert {"playlist", "playhistory"} <= before

    less = command.json("contract", "edit", wire.contract_id, "--read", "entertainment:playhistory,playlist")
    assert (less["revision"], less["more"], less["people_to_ask"]) == ("2", [], 0)
    assert less["less"]
    assert kinds(wire, tokens) == {"playhistory", "playlist"}

    tried = command.json(
        *("contract", "edit", wire.contract_id, "--read", "entertainment", "--read", "medical", "--retention"),
        "--dry-run",
    )
    assert tried["people_to_ask"] == 1
    assert command.json("contract", "show", wire.contract_id)["revision"] == "2"

    more = command.json("contract", "edit", wire.contract_id, "--read", "entertainment", "--retention")
    assert more["people_to_ask"] == 1
    assert kinds(wire, tokens) == before  # All of it is what they agreed to in the first version.
    wider = command.json("contract", "edit", wire.contract_id, "--read", "entertainment", "--read", "medical")
    assert any("Medical" in text or "Health" in text for text in wider["more"])
    assert kinds(wire, tokens) == before

    browser = Browser(http)
    browser.open(ask(wire).url)
    browser.submit("continue")  # As the same person.
    assert browser.page is not None
    assert "New since you last agreed: Which data and Keeping." in browser.page.html
    browser.submit("another-source")
    browser.page.choose("source-id", str(FHIR_FILE))
    browser.submit("continue")
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    browser.submit("continue")
    assert "condition" in kinds(wire, tokens)  # The earlier tokens are of the same consent, which was renewed.


async def test_nobody_agrees_to_what_they_have_not_seen(people: People, command: OperatorCommand) -> None:
    """A contract that grows while the page is open is shown again; so is a form that does not say what it was for."""
    wire = await asking_contract(people, document=DOCUMENT)
    asking = ask(wire)
    browser = at_consent(asking)
    command.json("contract", "edit", wire.contract_id, "--purpose", "To sell everything")
    browser.submit("continue")
    assert browser.page is not None
    assert (browser.page.name, browser.page.status) == ("consent", 422)
    assert "To sell everything" in browser.page.html
    for field in browser.page.form("continue").inputs:
        if field.name == "document":
            field.value = ""
    browser.submit("continue")
    assert (browser.page.name, browser.page.status) == ("consent", 422)
    browser.submit("continue")
    assert asking.tokens(str(browser.left_to)).access


async def test_what_comes_later_does_not_include_what_was_never_asked(people: People, command: OperatorCommand) -> None:
    """The box for later kinds is about the contract that the person saw: a kind that it gains is not ticked."""
    narrow = {"dataRequest": {"purpose": "To test", "serviceGroups": [group_of("playhistory")]}}
    wire, http = await asking_contract(people, document=narrow), httpx2.Client()
    browser, asking = Browser(http), ask(wire)
    browser.open(asking.url)
    browser.page.choose("source-id", str(SPOTIFY))  # type: ignore[union-attr]
    browser.submit("continue")
    browser.page.choose("dataset", "small")  # type: ignore[union-attr]
    browser.submit("continue")
    for box in browser.page.form("continue").inputs:  # type: ignore[union-attr]
        if box.name == "later":
            box.chosen = True
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    assert kinds(wire, tokens) == {"playhistory"}
    command.json("contract", "edit", wire.contract_id, "--read", "entertainment/spotify:playhistory,playlist")
    assert kinds(wire, tokens) == {"playhistory"}
    browser.open(ask(wire).url)
    browser.submit("continue")
    boxes = {box.value: box.chosen for box in browser.page.form("continue").inputs if box.name == "kind"}  # type: ignore[union-attr]
    assert {value.rpartition(":")[2]: chosen for value, chosen in boxes.items()} == {"406": True, "403": False}


def group_of(kind: str) -> dict[str, Any]:
    """Return a service group with one kind of Spotify's."""
    from privateshare.cli.contract_parts import service_group

    return service_group(f"entertainment/spotify:{kind}")


async def test_wrong_edits_change_nothing(people: People, command: OperatorCommand) -> None:
    """An error says what is wrong, and the contract is as it was."""
    wire = await asking_contract(people, document=DOCUMENT)
    before = command.json("contract", "show", wire.contract_id)
    for words, told in (
        (("--read", "nothing"), "there is no service group"),
        (("--purpose", " "), "--purpose must say"),
        (("--last", "3 months"), "must be a number and a unit"),
        (("--redirect-uri", "http://app.example/"), "must have the scheme https"),
        (("--privacy-policy", "nowhere"), "must be an address"),
        (("--required", "condition=Because"), "not among the data"),
    ):
        assert told in command.error("contract", "edit", wire.contract_id, *words)
    assert command.json("contract", "show", wire.contract_id) == before
    assert "there is no contract nothing" in command.error("contract", "edit", "nothing", "--purpose", "x")
    command.json("contract", "end", wire.contract_id, "--yes")
    assert "has ended" in command.error("contract", "edit", wire.contract_id, "--purpose", "Another")
