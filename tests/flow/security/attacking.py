"""What an app has that would consent in a person's place: its key, a token, and a program that fills in forms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
from examples.walking import Browser, Button, consent
from sqlalchemy import select

from privateshare.platform.db.tables import AccountRow, ConsentAccountRow
from privateshare.platform.runtime import Platform
from privateshare.protocol.contract_document import parse_document
from tests.flow.consenting import DOCUMENT, Asking, accounts, ask, opened
from tests.flow.consents import consent_by_id
from tests.flow.people import FHIR_FILE, SMALLEST_SAMPLE, SPOTIFY
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.wire import Tokens, Wire, query_of


@dataclass
class Victim:
    """A person who connected Spotify and a health record, and shared one of them with an app."""

    wire: Wire
    tokens: Tokens
    session: str
    http: httpx2.Client
    library: UUID
    accounts: dict[int, AccountRow]

    def box(self, source: int) -> str:
        """Return the value of the box for an account, which the attacker is assumed to know."""
        return str(self.accounts[source].id)


async def victim(
    platform: Platform,
    wire: Wire,
    leaves_out: int | None = FHIR_FILE,
    sample: str | None = None,
    http: httpx2.Client | None = None,
    sources: Sequence[int] = (SPOTIFY, FHIR_FILE),
) -> Victim:
    """Return a person who connects some sources in a browser of their own, and unticks one if there are several.

    Without `sample` each source gives its smallest one.
    """
    http = http or httpx2.Client()
    asking, browser = ask(wire), Browser(http)
    browser.open(asking.url)
    for source in sources:
        assert browser.page is not None
        if browser.page.name == "consent":
            browser.submit("another-source")
        browser.page.choose("source-id", str(source))
        browser.submit("continue")
        browser.page.choose("dataset", sample or SMALLEST_SAMPLE[source])
        browser.submit("continue")
    assert browser.page is not None
    boxes = [entry for entry in browser.page.form("continue").inputs if entry.name == "account"]
    assert len(boxes) == len(sources)
    if leaves_out in sources and len(sources) > 1:
        boxes[sources.index(leaves_out)].chosen = False
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    async with platform.database.transaction() as db:
        given = await consent_by_id(db, tokens.claims["consentid"])
        found = await db.scalars(select(AccountRow).where(AccountRow.library_id == given.library_id))
        by_source = {account.source_id: account for account in found}
    return Victim(wire, tokens, asking.session, http, given.library_id, by_source)


def press(browser: Browser, page: str, **fields: Any) -> None:
    """Sends a form that a page may not even have: to `page` of the journey that a browser is on."""
    assert browser.page is not None
    form = next(form for form in browser.page.forms if any(entry.name == "token" for entry in form.inputs))
    token = next(entry.value for entry in form.inputs if entry.name == "token")
    at = browser.page.url.split("/journey/")[0] + "/journey/" + browser.page.url.split("/journey/")[1].split("/")[0]
    form.action, form.enctype, form.buttons = f"{at}/{page}", "", [Button("attack")]
    form.inputs = []
    # The attacker is an app, so it knows what its contract says.
    browser.submit("attack", extra={"token": token, "document": parse_document(DOCUMENT).fingerprint} | fields)


def walked(asking: Asking, source: int = SPOTIFY) -> Browser:
    """Return a program in a fresh browser that connects sample data and agrees to whatever a page shows."""
    browser = Browser()
    consent(browser, asking.url, {source: SMALLEST_SAMPLE[source]})
    return browser


def came_back_with_code(browser: Browser) -> bool:
    """Return whether a program obtained a code from the pages."""
    return browser.left_to is not None and "code" in query_of(browser.left_to)


def read_kinds(wire: Wire, tokens: Tokens) -> set[str]:
    """Return the service groups of all files that an app can read."""
    listed = wait_until_over(wire, tokens, triggered(wire, tokens))
    return {entry["serviceGroup"] for entry in listed["fileList"]}


def seen(wire: Wire, tokens: Tokens) -> set[str]:
    """Return the ids of the accounts that an app can see."""
    return {entry["id"] for entry in accounts(wire, tokens.access)}


async def lent(platform: Platform, consent_id: str) -> set[UUID]:
    """Return the accounts of a consent."""
    async with platform.database.transaction() as db:
        query = select(ConsentAccountRow.account_id).where(ConsentAccountRow.consent_id == UUID(consent_id))
        return set(await db.scalars(query))


def fresh(asking: Asking) -> Browser:
    """Return a browser that the person never used, at an app's link."""
    return opened(asking.url)
