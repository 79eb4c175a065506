"""The secrets by which a person is known: what is wrong, old, another's or used proves nothing."""

from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import select, update

from privateshare.platform.consent.person_cookie import MOST_SECRETS
from privateshare.platform.db.tables import BrowserRow, RecoveryCodeRow
from privateshare.platform.library.libraries import open_library
from privateshare.platform.operating.limits import PROOF_TRIES_PER_MINUTE
from privateshare.platform.person.browsers import decode_secret, revoke_browser
from privateshare.platform.person.recovery_codes import new_recovery_code
from privateshare.platform.runtime import Platform
from tests.flow.consenting import accounts, ask, asking_contract, at_consent, known_person, opened, page_of
from tests.flow.people import SPOTIFY, People
from tests.flow.security.attacking import Victim, press, victim
from tests.flow.wire import Wire

pytestmark = pytest.mark.protocol("8.6")


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


@pytest.fixture
async def mia(platform: Platform, wire: Wire) -> Victim:
    return await victim(platform, wire, sources=[SPOTIFY])


def is_known(person: Victim, http: httpx2.Client) -> bool:
    """Return whether a browser is shown the person's account, and takes the form for it too."""
    browser = opened(ask(person.wire, access_token=person.tokens.access).url, http=http)
    return browser.page is not None and person.box(SPOTIFY) in browser.page.html


def holding(cookie: str) -> httpx2.Client:
    http = httpx2.Client()
    http.cookies.set("person", cookie, domain="127.0.0.1", path="/")
    return http


def cookie_of(http: httpx2.Client) -> str:
    return str(http.cookies["person"])


async def test_only_the_secret_itself_proves_anything(mia: Victim) -> None:
    """Not without it, not with another, not with that of another library's browser, however it is written."""
    good, other = cookie_of(mia.http), cookie_of((await _another(mia)).http)
    assert is_known(mia, mia.http)
    named, secret = good.split(".")
    wrong = (
        named,
        f"{named}.",
        f"{named}.x",
        f"{named}.{other.split('.')[1]}",
        f"{other.split('.')[0]}.{secret}",
        other,
    )
    strange = (
        "~",
        "~~~",
        ".",
        "é",
        "x" * 3000,
        f"{named}=.{secret}x",
        f"{named}.{secret}\u00e9".encode().decode("latin-1"),
    )
    for cookie in (*wrong, *(text for text in strange if text.isascii())):
        assert not is_known(mia, holding(cookie)), cookie


async def _another(person: Victim) -> Victim:
    http = httpx2.Client()
    known_person(person.wire, http)
    return Victim(person.wire, person.tokens, "", http, person.library, {})


def renewed(person: Victim) -> None:
    """The person goes through the pages once more, in their browser."""
    browser = opened(ask(person.wire, access_token=person.tokens.access).url, http=person.http)
    browser.submit("continue")
    assert browser.left_to is not None


async def test_a_secret_changes_with_each_use(platform: Platform, mia: Victim) -> None:
    """One that was copied is worth nothing once the browser was used twice more."""
    copied = cookie_of(mia.http)
    renewed(mia)
    assert cookie_of(mia.http) != copied
    assert is_known(mia, holding(copied))  # The response that changed it may not have arrived.
    renewed(mia)
    assert not is_known(mia, holding(copied))
    assert is_known(mia, mia.http)


async def test_several_tabs_do_not_lock_each_other_out(mia: Victim) -> None:
    """Two tabs that send a form at the same time with the same secret are both known, and so is the browser after."""
    both = [holding(cookie_of(mia.http)) for _ in range(2)]
    for http in both:
        browser = opened(ask(mia.wire, access_token=mia.tokens.access).url, http=http)
        browser.submit("continue")
        assert browser.left_to is not None
    assert cookie_of(both[0]) != cookie_of(mia.http)
    assert cookie_of(both[1]) == cookie_of(mia.http)  # it leaves the first tab's in place
    assert is_known(mia, both[0])


async def test_an_answer_that_was_lost_locks_nobody_out(platform: Platform, mia: Victim) -> None:
    """The browser still has the older secret, which counts until the newer one was seen, and is replaced anew."""
    old = cookie_of(mia.http)
    renewed(mia)
    async with platform.database.transaction() as db:
        row = await db.scalar(select(BrowserRow).where(BrowserRow.library_id == mia.library))
        assert row is not None
        row.rotated_at -= timedelta(minutes=5)
    lost = holding(old)
    browser = opened(ask(mia.wire, access_token=mia.tokens.access).url, http=lost)
    browser.submit("continue")
    assert browser.left_to is not None
    assert cookie_of(lost) != old
    assert is_known(mia, lost)


async def test_a_browser_is_known_for_half_a_year(platform: Platform, mia: Victim) -> None:
    """180 days after its last use it proves nothing."""
    async with platform.database.transaction() as db:
        mine = update(BrowserRow).where(BrowserRow.library_id == mia.library)
        await db.execute(mine.values(used_at=BrowserRow.used_at - timedelta(days=179)))
    assert is_known(mia, mia.http)
    async with platform.database.transaction() as db:
        await db.execute(mine.values(used_at=BrowserRow.used_at - timedelta(days=2)))
    assert not is_known(mia, mia.http)


async def test_revoking_a_browser_stops_what_is_under_way(platform: Platform, mia: Victim) -> None:
    """A journey that it had proven shares nothing more of the library's."""
    asking = ask(mia.wire, access_token=mia.tokens.access)
    browser = opened(asking.url, http=mia.http)
    browser.open(browser.page.url.rsplit("/", 1)[0] + "/source")  # type: ignore[union-attr]
    browser.page.choose("source-id", str(SPOTIFY))  # type: ignore[union-attr]
    browser.submit("continue")
    secret = decode_secret(cookie_of(mia.http))
    assert secret is not None
    async with platform.database.transaction() as db:
        await revoke_browser(db, secret.library_id, secret.browser_id)
    press(browser, "consent", account=mia.box(SPOTIFY))
    assert browser.left_to is None
    assert mia.box(SPOTIFY) not in browser.page.html  # type: ignore[union-attr]


async def test_nothing_that_proves_is_stored(platform: Platform, mia: Victim) -> None:
    """The database has hashes."""
    secret = decode_secret(cookie_of(mia.http))
    async with platform.database.transaction() as db:
        code = await new_recovery_code(db, await open_library(db, platform, mia.library))
        rows = [*await db.scalars(select(BrowserRow)), *await db.scalars(select(RecoveryCodeRow))]
    told = str([vars(row) for row in rows])
    assert secret is not None
    assert secret.secret not in told
    assert secret.secret not in repr(secret)
    assert code not in told
    assert code.replace("-", "") not in told


async def test_a_browser_keeps_a_bounded_cookie(wire: Wire) -> None:
    """However many people use it, what it sends with each request stays small."""
    http = holding("~".join([f"{'A' * 43}.{'s' * 43}"] * 40))
    known_person(wire, http)
    sent = cookie_of(http)
    assert len(sent.split("~")) <= MOST_SECRETS
    assert len(sent) < 3000


def test_somebody_else_at_the_same_browser(wire: Wire) -> None:
    """The page asks who it is; somebody else gets a library of their own, and both are known from then on."""
    http = httpx2.Client()
    first = known_person(wire, http)
    asking = ask(wire)
    browser = opened(asking.url, http=http)
    assert page_of(browser) == "person"
    assert "the person who shared with" in browser.page.html  # type: ignore[union-attr]
    browser.submit("someone-else")
    assert page_of(browser) == "pick-source"
    browser.page.choose("source-id", str(SPOTIFY))  # type: ignore[union-attr]
    browser.submit("continue")
    browser.page.choose("dataset", "small")  # type: ignore[union-attr]
    browser.submit("continue")
    browser.submit("continue")
    second = asking.tokens(str(browser.left_to))
    assert second.claims["sub"] != first.claims["sub"]
    page = opened(ask(wire).url, http=http).page
    assert page is not None
    assert [form.buttons[0].action for form in page.forms][:3] == ["continue", "continue", "someone-else"]
    for tokens in (first, second):
        assert page_of(opened(ask(wire, access_token=tokens.access).url, http=http)) == "consent"


def test_a_wrong_choice_can_be_taken_back(wire: Wire) -> None:
    """Who continued as somebody else by mistake says so on the next page, and gets nothing of theirs."""
    http = httpx2.Client()
    first = known_person(wire, http)
    asking = ask(wire)
    browser = opened(asking.url, http=http)
    browser.submit("continue")
    assert page_of(browser) == "consent"
    browser.submit("someone-else")
    assert page_of(browser) == "pick-source"
    browser.page.choose("source-id", str(SPOTIFY))  # type: ignore[union-attr]
    browser.submit("continue")
    browser.page.choose("dataset", "small")  # type: ignore[union-attr]
    browser.submit("continue")
    browser.submit("continue")
    assert asking.tokens(str(browser.left_to)).claims["sub"] != first.claims["sub"]


async def test_somebody_else_shares_nothing_of_a_known_library(platform: Platform, mia: Victim) -> None:
    """On a link for a known person, in their browser, who says "I am someone else" is shown nothing of theirs."""
    browser = opened(ask(mia.wire, access_token=mia.tokens.access).url, http=mia.http)
    browser.submit("someone-else")
    assert mia.box(SPOTIFY) not in browser.page.html  # type: ignore[union-attr]
    press(browser, "consent", account=mia.box(SPOTIFY))
    assert browser.left_to is None


# --- the recovery code ---


def typed(browser: Browser, code: str) -> Browser:
    """Return a browser that types a code on the page that asks who it is."""
    assert browser.page is not None
    browser.open(browser.page.url.rsplit("/", 1)[0] + "/person")
    browser.submit("recover", extra={"code": code})
    return browser


async def code_for(platform: Platform, library: UUID) -> str:
    async with platform.database.transaction() as db:
        return await new_recovery_code(db, await open_library(db, platform, library))


@pytest.mark.parametrize("linked", [True, False])
async def test_a_code_lets_in_once(platform: Platform, mia: Victim, linked: bool) -> None:
    """In a strange browser, with a link that names the library or none; the browser is known from then on."""
    code = await code_for(platform, mia.library)
    claims = {"access_token": mia.tokens.access} if linked else {}
    http = httpx2.Client()
    browser = typed(
        opened(ask(mia.wire, **claims).url, http=http), f" {code.lower().replace('-', ' ').replace('0', 'o')} "
    )
    assert page_of(browser) == "consent"
    assert mia.box(SPOTIFY) in browser.page.html  # type: ignore[union-attr]
    assert is_known(mia, http)
    again = typed(opened(ask(mia.wire, **claims).url), code)
    assert (page_of(again), again.page and again.page.status) == ("person", 422)


async def test_a_code_is_for_its_own_library(platform: Platform, mia: Victim) -> None:
    """On a link for one person another's code is refused, and stays good for its own."""
    other = httpx2.Client()
    known_person(mia.wire, other)
    secret = decode_secret(cookie_of(other))
    assert secret is not None
    code = await code_for(platform, secret.library_id)
    refused = typed(opened(ask(mia.wire, access_token=mia.tokens.access).url), code)
    assert (page_of(refused), refused.page and refused.page.status) == ("person", 422)
    assert page_of(typed(opened(ask(mia.wire).url), code)) == "consent"


async def test_a_code_may_expire(platform: Platform, mia: Victim) -> None:
    """One that was made for some minutes proves nothing afterwards."""
    async with platform.database.transaction() as db:
        library = await open_library(db, platform, mia.library)
        old = await new_recovery_code(db, library, timedelta(seconds=-1))
    refused = typed(opened(ask(mia.wire).url), old)
    assert refused.page is not None
    assert refused.page.status == 422
    async with platform.database.transaction() as db:
        fresh = await new_recovery_code(db, library, timedelta(minutes=1))
    assert page_of(typed(opened(ask(mia.wire).url), fresh)) == "consent"


async def test_a_new_code_replaces_the_old(platform: Platform, mia: Victim) -> None:
    old = await code_for(platform, mia.library)
    new = await code_for(platform, mia.library)
    refused = typed(opened(ask(mia.wire).url), old)
    assert refused.page is not None
    assert refused.page.status == 422
    assert page_of(typed(opened(ask(mia.wire).url), new)) == "consent"


def test_a_code_is_shown_once_after_the_first_consent(wire: Wire) -> None:
    """Who wants it ticks a box, sees the code once, and goes back to the app with the code for it."""
    asking, http = ask(wire), httpx2.Client()
    browser = at_consent(asking, http=http)
    browser.submit("continue", extra={"recovery": "yes"})
    assert page_of(browser) == "recovery"
    browser.submit("show-code")
    page = browser.page
    assert page is not None
    code = page.html.split("data-recovery-code>")[1].split("<")[0]
    tokens = asking.tokens(page.links["Back to Genrefy"])
    assert len(accounts(wire, tokens.access)) == 1
    browser.open(page.url)
    assert browser.page is not None
    assert code not in browser.page.html
    assert page_of(typed(opened(ask(wire, access_token=tokens.access).url), code)) == "consent"


async def test_nobody_else_has_a_code_made(platform: Platform, mia: Victim) -> None:
    """Not before the consent, not on a journey without proof, not in another browser."""
    before = at_consent(ask(mia.wire))
    press(before, "recovery")
    assert before.page is not None
    assert "data-recovery-code" not in before.page.html
    asking = ask(mia.wire, access_token=mia.tokens.access)
    unproven = opened(asking.url)
    at = unproven.page.url  # type: ignore[union-attr]
    press(unproven, "recovery")
    assert "data-recovery-code" not in unproven.page.html  # type: ignore[union-attr]
    unproven.open(at.rsplit("/", 1)[0] + "/source")
    unproven.page.choose("source-id", str(SPOTIFY))  # type: ignore[union-attr]
    unproven.submit("continue")
    unproven.page.choose("dataset", "small")  # type: ignore[union-attr]
    unproven.submit("continue")
    page = unproven.page
    unproven.submit("continue", extra={"recovery": "yes"})
    assert unproven.left_to is not None
    unproven.page = page
    press(unproven, "recovery")
    assert "data-recovery-code" not in unproven.page.html  # type: ignore[union-attr]


async def test_tries_are_limited(platform: Platform, wire: Wire) -> None:
    """The page says so, and takes no code for a while from there. Other addresses are not affected."""
    elsewhere = httpx2.Client(transport=httpx2.HTTPTransport(local_address="127.0.0.77"))
    browser = opened(ask(wire).url, http=elsewhere)
    statuses: list[int] = []
    while statuses[-1:] != [429]:  # More than the limit are accepted if a minute begins meanwhile.
        assert len(statuses) < 10 * PROOF_TRIES_PER_MINUTE
        typed(browser, "0" * 25)
        statuses.append(browser.page.status)  # type: ignore[union-attr]
    assert statuses[:-1] == [422] * (len(statuses) - 1)
    assert "Wait a minute" in browser.page.html  # type: ignore[union-attr]
    assert typed(opened(ask(wire).url), "0" * 25).page.status == 422  # type: ignore[union-attr]
