"""Tests that signing in at a source as before proves who a person is, and that nothing similar does."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import select, update

from privateshare.platform.db.tables import AccountRow
from tests.flow.consenting import accounts, ask, asking_contract, opened, page_of, refer
from tests.flow.live.lending import HOSPITAL, Patient, again, at_hospital, shared, shown, sign_in
from tests.flow.people import FHIR_FILE, People
from tests.flow.wire import Tokens, Wire, query_of

pytestmark = pytest.mark.protocol("8.6")
MEDICAL = {"dataRequest": {"serviceGroups": [{"id": 2}], "purpose": "To test"}}


def boxes(browser: Browser) -> list[str]:
    """Return the accounts that the consent page offers."""
    assert page_of(browser) == "consent"
    return [entry.value for entry in shown(browser).form("continue").inputs if entry.name == "account"]


def with_record(wire: Wire, tokens: Tokens, http: httpx2.Client) -> None:
    """The person adds a health record of theirs, in their own browser."""
    browser = opened(refer(wire, "onboard", tokens.access, f"&service={FHIR_FILE}").url, http=http)
    shown(browser).choose("dataset", "default")
    browser.submit("continue")
    assert query_of(str(browser.left_to))["success"] == "true"


@pytest.fixture
def ada(wire: Wire) -> Patient:
    """Provide a person who signed in at the hospital, and added a health record, in a browser of their own."""
    home = httpx2.Client()
    person = shared(wire, http=home)
    with_record(wire, person.tokens, home)
    return person


def test_signing_in_as_before_shows_the_persons_accounts(wire: Wire, ada: Patient) -> None:
    """In an unknown browser they are hidden before the sign-in and shown after it."""
    asking = ask(wire, access_token=ada.tokens.access)
    browser = at_hospital(asking)
    sign_in(browser)
    assert len(boxes(browser)) == 2
    assert "You go on as the person who shared with" in shown(browser).html
    browser.submit("continue")
    renewed = asking.tokens(str(browser.left_to))
    assert renewed.claims["consentid"] == ada.tokens.claims["consentid"]
    assert len(accounts(wire, renewed.access)) == 2


@pytest.mark.slow
def test_the_browser_is_known_from_then_on(wire: Wire, ada: Patient) -> None:
    """A person who proved it in a browser and agreed there need not prove it again."""
    home = httpx2.Client()
    asking = ask(wire, access_token=ada.tokens.access)
    browser = at_hospital(asking, home)
    sign_in(browser)
    browser.submit("continue")
    assert page_of(opened(ask(wire, access_token=ada.tokens.access).url, http=home)) == "consent"


def test_accounts_connected_before_the_sign_in_become_the_persons(wire: Wire, people: People, ada: Patient) -> None:
    """A sample that was connected earlier in the same journey is then shared like the person's other accounts."""
    asking = ask(wire, access_token=ada.tokens.access)
    browser = opened(asking.url)
    shown(browser).choose("source-id", str(FHIR_FILE))
    browser.submit("continue")
    shown(browser).choose("dataset", "default")
    browser.submit("continue")
    assert len(boxes(browser)) == 1
    browser.submit("another-source")
    shown(browser).choose("source-id", str(HOSPITAL))
    browser.submit("continue")
    sign_in(browser)
    assert len(boxes(browser)) == 3  # the same sample twice: the first is the person's from before


async def test_signing_in_as_somebody_else_shows_nothing(wire: Wire, people: People, ada: Patient) -> None:
    """Another account at the same source counts as one that was connected now."""
    await change(people, ada, identity_hash=b"another person's")
    browser = at_hospital(ask(wire, access_token=ada.tokens.access))
    sign_in(browser)
    (box,) = boxes(browser)
    assert box not in await ids(people, ada)


async def test_an_account_from_a_file_proves_nothing(wire: Wire, people: People, ada: Patient) -> None:
    """A file may name anybody, so signing in under that name is no proof."""
    await change(people, ada, signed_in=False)
    browser = at_hospital(ask(wire, access_token=ada.tokens.access))
    sign_in(browser)
    (box,) = boxes(browser)
    assert box not in await ids(people, ada)


def test_signing_in_twice_is_no_proof(wire: Wire) -> None:
    """An attacker connects their own account at the source without proof, and then signs in there again."""
    home = httpx2.Client()
    asking = ask(wire)
    browser = opened(asking.url, http=home)
    shown(browser).choose("source-id", str(FHIR_FILE))
    browser.submit("continue")
    shown(browser).choose("dataset", "default")
    browser.submit("continue")
    browser.submit("continue")
    victim = asking.tokens(str(browser.left_to))
    (record,) = accounts(wire, victim.access)
    for _ in range(2):
        asking = ask(wire, access_token=victim.access)
        browser = at_hospital(asking)
        sign_in(browser)
        assert len(boxes(browser)) == 1
        browser.submit("continue")
        got = asking.tokens(str(browser.left_to))
        assert [account["sourceId"] for account in accounts(wire, got.access)] == [HOSPITAL]
        assert record["id"] not in {account["id"] for account in accounts(wire, got.access)}


@pytest.mark.slow
def test_connecting_an_account_again_is_proof(wire: Wire, ada: Patient) -> None:
    """`reauthorize` needs no proof but signing in to that account, in any browser. Protocol 7.3."""
    browser = again(ada)
    assert page_of(browser) == "connect"
    assert "dataset" not in shown(browser).html
    sign_in(browser)
    assert query_of(str(browser.left_to))["success"] == "true"


async def test_connecting_another_account_again_is_no_proof(wire: Wire, people: People, ada: Patient) -> None:
    """A person who signs in as somebody else does not take the account over."""
    await change(people, ada, identity_hash=b"another person's")
    browser = again(ada)
    sign_in(browser)
    assert (page_of(browser), browser.left_to) == ("connect", None)


async def test_proof_offers_the_accounts_to_other_apps(wire: Wire, people: People) -> None:
    """Another partner's app is offered the person's accounts, and none of them is ticked."""
    home = httpx2.Client()
    shared(wire, http=home)
    other = await asking_contract(people, name="Pulse", partner="Another Ltd", document=MEDICAL)
    asking = ask(other)
    browser = opened(asking.url, http=home)
    assert page_of(browser) == "person"
    browser.submit("continue")
    ticked = [entry.chosen for entry in shown(browser).form("continue").inputs if entry.name == "account"]
    assert ticked == [False]
    browser.submit("continue")
    assert shown(browser).status == 422
    browser.submit("continue", extra={"account": boxes(browser)[0]})
    got = asking.tokens(str(browser.left_to))
    assert [account["sourceId"] for account in accounts(other, got.access)] == [HOSPITAL]


async def change(people: People, person: Patient, **values: Any) -> None:
    async with people.platform.database.transaction() as db:
        mine = AccountRow.public_id == person.account["id"]
        await db.execute(update(AccountRow).where(mine).values(**values))


async def ids(people: People, person: Patient) -> set[str]:
    """Return the accounts that the person's consent covers."""
    public = {account["id"] for account in accounts(person.wire, person.tokens.access)}
    async with people.platform.database.session() as db:
        found: list[UUID] = list(await db.scalars(select(AccountRow.id).where(AccountRow.public_id.in_(public))))
    return {str(id_) for id_ in found}
