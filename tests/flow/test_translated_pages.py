"""Every page is whole in the person's language: in the made-up language, all that is shown stands in brackets.

A text outside the brackets was never marked for translation, or is a number or date that is not written as in the
person's country. What other people wrote is marked up as that.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from examples.walking import Browser

from privateshare.platform.consent.locales import PSEUDO
from privateshare.platform.consent.rendering import page as rendered_page
from privateshare.platform.consent.translation import Translator
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from tests.archives import play, small_record, spotify_zip
from tests.flow.consenting import (
    accounts,
    again,
    ask,
    asking_contract,
    at_consent,
    known_person,
    opened,
    page_of,
    refer,
    upload,
    withdrawal,
)
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.security.attacking import Victim, victim
from tests.flow.served import Served
from tests.flow.sessions import wait_until_over
from tests.flow.wire import Wire
from tests.patience import wait_for
from tests.untranslated import untranslated

BLUESKY = 9053
PAGE = "text/html"
TOLD = {
    "dataRequest": {
        "serviceGroups": [
            {
                "id": 5,
                "serviceTypes": [
                    {"id": 19, "serviceObjectTypes": [{"id": 406, "required": True, "reason": "To know your taste"}]}
                ],
            },
            {"id": 2},
        ],
        "purpose": "To test",
        "disclaimer": "No warranty",
        "neededDays": 60,
        "timeRanges": [{"last": "12m"}, {"from": 1_600_000_000, "to": 1_700_000_000}, {"from": 1_600_000_000}],
        "consentPolicy": {"description": "You agree"},
        "dataRetention": {"dataRetained": True, "description": "For a year"},
        "externalSharePolicy": {"sharedExternally": True, "description": "With partners"},
        "dataTransportPolicy": {"leavesDevice": True},
        "gdpr": {"canRequestRightToBeForgotten": False},
    },
    "resources": {"homePage": "https://example.org", "privacyPolicy": "https://example.org/privacy"},
}


class Reader:
    """A person whose language is the made-up one. `found` has what is not translated, by the path of the page."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.found: dict[str, list[str]] = {}
        self.seen: set[str] = set()
        self.http = self.another_browser()

    def another_browser(self) -> httpx2.Client:
        """Return a browser that nobody has used yet."""
        http = httpx2.Client(event_hooks={"response": [self._read]}, headers={"accept": PAGE})
        assert http.get(f"{self.origin}/?lng=en-XA").status_code == 200
        return http

    def _read(self, response: httpx2.Response) -> None:
        if not response.headers.get("content-type", "").startswith(PAGE) or response.is_redirect:
            return
        text = response.read().decode()
        self.check(response.url.path, text)
        name = re.search(r'data-page="([^"]*)"', text)
        self.seen.add(name[1] if name else "")

    def check(self, path: str, page: str) -> None:
        """Look for text of a page that is not translated."""
        if found := untranslated(page):
            self.found.setdefault(path, []).extend(found)

    def crawl(self, address: str) -> None:
        """Open a page, and every page of the same person that it leads to, one of each form."""
        waiting, known = [address], {_form(address)}
        while waiting:
            here = waiting.pop()
            answer = self.http.get(here, follow_redirects=True)
            for link in re.findall(r'<a [^>]*href="([^"#?]+)', answer.text):
                onward = urljoin(str(answer.url), link)
                if onward.startswith(f"{self.origin}/me/") and "/file" not in onward and _form(onward) not in known:
                    known.add(_form(onward))
                    waiting.append(onward)


def _form(address: str) -> str:
    """Return an address without the ids in it, except kinds of data, whose pages differ."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}(/\d+)?", "ID", urlsplit(address).path)


@pytest.fixture(scope="module")
def reader(served: Served) -> Reader:
    return Reader(served.origin)


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document=TOLD)


@pytest.fixture(scope="module")
async def mia(platform: Platform, wire: Wire, reader: Reader) -> Victim:
    """Provide a person with music and a health record, whose app has read everything."""
    person = await victim(platform, wire, leaves_out=None, sample="default", http=reader.http)
    wait_until_over(wire, person.tokens, person.session)
    return person


@pytest.fixture(autouse=True)
def nothing_is_found(reader: Reader) -> Iterator[None]:
    """Fail a test that came upon text that is not translated."""
    reader.found.clear()
    yield
    found = [f"{path}: {text!r}" for path, texts in reader.found.items() for text in dict.fromkeys(texts)]
    assert not found, "\n".join(found)


def test_public_pages_are_translated(reader: Reader) -> None:
    """The front page, the entrance, and every page that says that something did not work."""
    browser = reader.another_browser()
    paths = ("/", "/me/", "/nothing", "/apps/saas/authorize?code=used", "/apps/saas/authorize", "/apps/saas/nothing")
    for path in (*paths, "/apps/saas/journey/0123456789abcdef/consent"):
        assert browser.get(reader.origin + path).headers["content-language"] == "en-XA", path
    browser.post(f"{reader.origin}/me/", data={"code": "wrong"}, headers={"sec-fetch-site": "same-origin"})
    browser.post(f"{reader.origin}/me/", data={"code": "wrong"}, headers={"sec-fetch-site": "cross-site"})


async def test_a_whole_journey_is_translated(people: People, reader: Reader, mia: Victim, tmp_path: Path) -> None:
    """From the picker over an upload that is left out in part to the end, with every mistake a person can make."""
    wire = await asking_contract(people, document=TOLD, name="Lab")
    browser = opened(ask(wire).url, http=reader.another_browser())
    assert page_of(browser) == "pick-source"
    address = browser.page.url  # type: ignore[union-attr]
    browser.open(f"{address}?q=nothing-like-it")
    browser.open(address.replace("/source", "/drop"))
    browser.submit("continue")  # Nothing is uploaded.
    unknown = tmp_path / "unknown.txt"
    unknown.write_bytes(b"Buy milk.")
    browser.submit("continue", file=unknown)
    record = tmp_path / "record.json"
    record.write_bytes(small_record())
    read_to_the_end(browser, record)
    browser.open(address)
    browser.submit("continue")  # Nothing is chosen.
    browser.page.choose("source-id", str(FHIR_FILE))  # type: ignore[union-attr]
    browser.submit("continue")
    browser.submit("continue")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"not a zip")
    browser.submit("continue", file=broken)
    assert page_of(browser) == "found"
    browser.open(address.replace("/source", f"/connect/{FHIR_FILE}"))
    browser.page.choose("dataset", "default")  # type: ignore[union-attr]
    browser.submit("continue")
    assert page_of(browser) == "consent"
    partly = tmp_path / "my_spotify_data.zip"
    partly.write_bytes(spotify_zip([play(1), play(2), play(3), play(4, ts="some day")]))
    upload(browser, SPOTIFY, partly)
    assert "left-out" in browser.page.html  # type: ignore[union-attr]
    for wrong in ({"since": "tomorrow"}, {"since": "2999-01-01"}, {"since": "", "duration": "90", "recovery": "yes"}):
        browser.submit("continue", extra=wrong)
    assert page_of(browser) == "recovery"
    browser.submit("show-code")
    browser.open(f"{browser.page.url.removesuffix('recovery')}done")  # type: ignore[union-attr]
    assert page_of(browser) == "done"


def read_to_the_end(browser: Browser, file: Path) -> None:
    """Upload a file, and open the page with what is in it until all of it is read."""
    browser.submit("continue", file=file)

    def is_read() -> bool:
        assert page_of(browser) in ("found", "me-found")
        html = browser.page.html  # type: ignore[union-attr]
        if "<progress" in html:
            browser.open(browser.page.url)  # type: ignore[union-attr]
        return "<progress" not in html

    wait_for(is_read)


async def test_journeys_of_a_known_person_are_translated(people: People, reader: Reader, wire: Wire) -> None:
    """Of a person whom the app knows: who are you, another account, the same again, less; and declining."""
    http = reader.another_browser()
    tokens = known_person(wire, http)
    (account,) = accounts(wire, tokens.access)
    for page in ("onboard", "authorize"):
        opened(refer(wire, page, tokens.access).url, http=http)
    opened((await again(wire, tokens, account)).url, http=http)
    for client in (http, reader.another_browser()):
        browser = opened(ask(wire).url, http=client)
        if page_of(browser) == "person":
            browser.submit("someone-else")
        browser.submit("decline")
    opened(refer(wire, "user-reauth", tokens.access).url, http=reader.another_browser())
    browser = opened(withdrawal(wire, tokens), http=http)
    browser.submit("continue")
    assert {"person", "pick-source", "connect"} <= reader.seen


@pytest.mark.parametrize("kind", ["write", "read-raw"])
async def test_contracts_about_files(people: People, reader: Reader, kind: str) -> None:
    """What is asked and how it ended, for apps that put files into a library and that read those."""
    document = {"dataPush": {"purpose": "To file your results"}} if kind == "write" else TOLD
    wire = await asking_contract(people, kind=kind, document=document)
    browser = opened(ask(wire).url, http=reader.another_browser())
    if page_of(browser) == "consent":
        address = browser.page.url  # type: ignore[union-attr]
        browser.submit("continue")
        browser.open(f"{address.removesuffix('consent')}done")


def test_a_contract_for_one_read(reader: Reader, wire: Wire) -> None:
    """Wherever the person goes on the consent page, and when an app stops at a page that another browser has."""
    asking = ask(wire)
    at_consent(asking, http=reader.another_browser())
    opened(asking.url, http=reader.another_browser())


def test_the_pages_of_my_data_are_translated(reader: Reader, mia: Victim, tmp_path: Path) -> None:
    """Every page of the person's own: apps, sources, data of every kind and its charts, history, receipts."""
    reader.crawl(f"{reader.origin}/me/")
    browser = opened(f"{reader.origin}/me/", http=reader.http)
    home = browser.page.url  # type: ignore[union-attr]
    browser.open(f"{home}/add")
    mine = tmp_path / "mine.zip"
    mine.write_bytes(spotify_zip([play(1), play(2), play(3), play(4, ts="some day")]))
    read_to_the_end(browser, mine)
    browser.open(f"{home}/connect?q=nothing")
    browser.open(f"{home}/connect/{BLUESKY}")
    browser.submit("continue")  # Nothing is typed.
    names = {"me", "me-app", "me-source", "me-data", "me-kind", "me-object", "history", "receipt", "me-change"}
    assert names | {"me-take", "me-erase", "recovery"} <= reader.seen


def test_changing_and_stopping(reader: Reader, mia: Victim) -> None:
    """With mistakes, and what the pages say after it: a new code, an app that ended, a certificate, nothing left."""
    browser = opened(f"{reader.origin}/me/", http=reader.http)
    home = browser.page.url  # type: ignore[union-attr]
    consent = mia.tokens.claims["consentid"]
    browser.open(f"{home}/change/{consent}")
    browser.submit("continue", extra={"since": "some day"})
    browser.submit("continue", extra={"since": "2024-02-01", "duration": "30"})
    browser.open(f"{home}/recovery")
    browser.submit("show-code")
    browser.open(home)
    browser.submit("stop-and-delete")
    reader.crawl(home)
    browser.open(f"{home}/sources/{mia.accounts[SPOTIFY].id}")
    for action in ("fetch", "pause", "resume", "remove"):
        browser.submit(action)
    assert page_of(browser) == "me-erased"
    _take(reader, browser, home)
    browser.open(f"{home}/erase")
    browser.submit("erase", extra={"sure": "yes"})
    assert page_of(browser) == "me-erased"


def _take(reader: Reader, browser: Browser, home: str) -> None:
    """Take everything, and read the pages in the archive."""
    browser.open(f"{home}/take")
    browser.submit("make")
    found = re.search(r'href="([^"]+/take/[^"]+)"', browser.page.html)  # type: ignore[union-attr]
    assert found is not None
    archive = zipfile.ZipFile(io.BytesIO(reader.http.get(reader.origin + found[1]).content))
    pages: Mapping[str, str] = {
        name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".html")
    }
    assert len(pages) > 5
    for name, page in pages.items():
        reader.check(name, page)


def test_the_page_of_a_running_preview_is_translated(reader: Reader) -> None:
    """A journey meets this page only on a slow machine, so the platform's own code makes it here."""
    values = {"app": "Genrefy", "kind": "authorize", "token": "", "reviewed": True, "address": lambda path: f"/{path}"}
    made = rendered_page("preview.html", Translator(PSEUDO), values, settings=Settings())
    reader.check("preview", bytes(made.body).decode())
    reader.seen.add("preview")
    assert "preview" not in reader.found


def test_every_page_was_walked(reader: Reader) -> None:
    """A new page has to be walked by one of the tests above."""
    templates = files("privateshare.platform.consent").joinpath("templates").iterdir()
    pages = {name for file in templates for name in re.findall(r"block page %}([^{]+)", file.read_text())}
    assert pages - reader.seen == set()
