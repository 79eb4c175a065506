"""`/me/…/data`: a person browses, searches and reads their own data, and nobody else does."""

import re

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import select

from privateshare.platform.db.tables import FileRow
from privateshare.platform.runtime import Platform
from privateshare.protocol.catalogue import ObjectType
from tests.flow.consenting import asking_contract, known_person, opened, page_of
from tests.flow.people import People
from tests.flow.security.attacking import Victim, victim
from tests.flow.sessions import triggered, wait_until_over


@pytest.fixture(scope="module")
async def mia(people: People, platform: Platform) -> Victim:
    """Provide a person whose music and health record are in their library."""
    wire = await asking_contract(people)
    person = await victim(platform, wire, leaves_out=None, sample="default")
    wait_until_over(wire, person.tokens, triggered(wire, person.tokens))
    return person


def at_home(person: Victim) -> Browser:
    browser = opened(f"{person.wire.origin}/me", http=person.http)
    assert page_of(browser) == "me"
    return browser


def words_of(browser: Browser) -> str:
    assert browser.page is not None
    main = browser.page.html.split("<main>")[1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def onward(browser: Browser, text: str) -> None:
    """Follow the link whose text begins with this."""
    assert browser.page is not None
    browser.open(next(link for name, link in browser.page.links.items() if name.startswith(text)))


def test_kinds_are_counted_by_group(mia: Victim) -> None:
    """Each kind has its count and its months."""
    browser = at_home(mia)
    onward(browser, "Look at my data")
    assert page_of(browser) == "me-data"
    text = words_of(browser)
    assert "Entertainment" in text
    assert "Medical" in text
    assert re.search(r"What you listened to and when .* 20\d\d \d+", text)


def test_a_kind_is_browsed_by_month_and_charted(mia: Victim) -> None:
    """The newest month first, a chart of all months, pages of fifty, and one play with all of its fields."""
    browser = at_home(mia)
    onward(browser, "Look at my data")
    onward(browser, "What you listened to")
    assert page_of(browser) == "me-kind"
    html = browser.page.html  # type: ignore[union-attr]
    assert html.count('class="bar"') > 2
    assert "Plays by month" in html
    assert "style=" not in html.split("<main>")[1]  # The policy of the pages would not apply it.
    first = re.search(r'href="([^"]+/data/406/[^"]+)"', html)
    assert first is not None
    browser.open(mia.wire.origin + first[1])
    assert page_of(browser) == "me-object"
    assert "Album" in words_of(browser)


def test_search_finds_what_contains_a_text(mia: Victim) -> None:
    """In every field, whatever the case; what is not there is said not to be."""
    browser = at_home(mia)
    onward(browser, "Look at my data")
    onward(browser, "What you listened to")
    address = browser.page.url  # type: ignore[union-attr]
    browser.open(f"{address}?q=glasshouse%20CHOIR")
    assert re.search(r"Found: [1-9]", words_of(browser))
    for line in re.findall(r"<strong><bdi>([^<]+)", browser.page.html):  # type: ignore[union-attr]
        assert "Glasshouse Choir" in line
    browser.open(f"{address}?q=nothing+like+this")
    assert "Nothing was found" in words_of(browser)
    browser.open(f"{address}?q=%3Cscript%3E%26quot%3B%25")
    assert page_of(browser) == "me-kind"
    assert "<script>&" not in browser.page.html  # type: ignore[union-attr]


def test_values_are_drawn_over_time(mia: Victim) -> None:
    """Measurements of one name and unit are one line, of all months."""
    browser = at_home(mia)
    page = browser.page.url  # type: ignore[union-attr]
    browser.open(f"{page}/data/{ObjectType.OBSERVATION.value}")
    html = browser.page.html  # type: ignore[union-attr]
    assert "Body weight (kg)" in html
    assert '<polyline class="line"' in html


async def test_only_its_owner_sees_a_library(mia: Victim, platform: Platform) -> None:
    """Not another person with their own pages, and not without the browser; a file of another library is not found."""
    page = at_home(mia).page
    assert page is not None
    async with platform.database.transaction() as db:
        file = (await db.scalars(select(FileRow).where(FileRow.library_id == mia.library))).first()
    assert file is not None
    other = httpx2.Client()
    known_person(mia.wire, other)
    theirs = opened(f"{mia.wire.origin}/me", http=other).page
    assert theirs is not None
    path = f"data/{file.object_type}/{file.id}/0"
    assert mia.http.get(f"{page.url}/{path}").status_code == 200
    assert other.get(f"{theirs.url}/{path}").status_code == 404
    for http in (other, httpx2.Client()):
        for name in ("data", "data/406", path):
            answer = http.get(f"{page.url}/{name}")
            assert answer.status_code == 303, name


@pytest.mark.parametrize(
    "path", ["data/1", "data/x", "data/406?month=99", "data/406?month=-1", "data/406?page=0", "data/406/x/0"]
)
def test_odd_addresses_are_answered_in_words(mia: Victim, path: str) -> None:
    """Each leads to a page, and none fails."""
    page = at_home(mia).page
    assert page is not None
    answer = mia.http.get(f"{page.url}/{path}")
    assert answer.status_code in (200, 400, 404, 422)
    assert "<body data-page=" in answer.text


async def test_a_damaged_file_takes_nothing_else_with_it(platform: Platform, mia: Victim) -> None:
    """The others are shown, and the page says that one cannot be read."""
    wanted = (FileRow.library_id == mia.library, FileRow.object_type == ObjectType.SAVED_TRACK.value)
    async with platform.database.transaction() as db:
        file = await db.scalar(select(FileRow).where(*wanted).order_by(FileRow.month.desc()))
        assert file is not None
        whole, file.blob = file.blob, f"{file.blob}-gone"
    browser = at_home(mia)
    browser.open(f"{browser.page.url}/data/{ObjectType.SAVED_TRACK.value}")  # type: ignore[union-attr]
    assert "1 file cannot be read now" in words_of(browser)
    async with platform.database.transaction() as db:
        file = await db.scalar(select(FileRow).where(FileRow.blob == f"{whole}-gone"))
        assert file is not None
        file.blob = whole
