"""Files that people upload without saying what they are: recognised, asked about, and continued after a break."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
from examples.walking import Browser
from playwright.async_api import Browser as PageBrowser
from playwright.async_api import Route, expect
from sqlalchemy import func, select

from privateshare.errors import RequestTooLarge
from privateshare.platform.db.tables import AccountRow, FileRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.dropped_files import PART_BYTES, delete_old_parts
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.waiting_exports import MAX_READING, WaitingExports, new_export
from privateshare.platform.runtime import Platform
from privateshare.sources.failures import our_fault
from tests.archives import bank_statement, exported_chat, play, spotify_zip, viewing_activity, zipped
from tests.flow.browsing import visiting
from tests.flow.consenting import ask, asking_contract, journey_of, known_person, opened, page_of
from tests.flow.consents import consent_by_id
from tests.flow.people import SPOTIFY, People
from tests.flow.wire import Tokens, Wire
from tests.patience import wait_for

GROUPS = {"dataRequest": {"serviceGroups": [{"id": 3}, {"id": 5}]}}
UK_BANKS, PLAYS, BOOK = 422, 406, 9011


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    """Provide a contract for music, films and banks."""
    return await asking_contract(people, name="Everything", document=GROUPS)


def html(browser: Browser) -> str:
    assert browser.page is not None
    return browser.page.html


def text(browser: Browser) -> str:
    return re.sub(r"<[^>]*>|[\u2066-\u2069]", "", html(browser))


def url(browser: Browser) -> str:
    assert browser.page is not None
    return browser.page.url.split("?")[0]


def token(browser: Browser) -> str:
    found = re.search(r'name="token" value="([^"]+)"', html(browser))
    assert found is not None
    return found[1]


def dropping(wire: Wire, http: httpx2.Client | None = None) -> Browser:
    """Return a browser on the page for files of a new journey."""
    browser = opened(ask(wire).url, http=http)
    assert page_of(browser) == "pick-source"
    browser.open(url(browser).replace("/source", "/drop"))
    assert page_of(browser) == "drop"
    return browser


def written(folder: Path, data: bytes, name: str = "my file.zip") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def history(plays: int) -> bytes:
    return spotify_zip([play(number, username="listener") for number in range(plays)])


def read_to_the_end(browser: Browser) -> None:
    """Open the page with what was found until everything is read."""

    def is_read() -> bool:
        assert page_of(browser) == "found", text(browser)
        if "read to its end" in text(browser) or "waits to be read" in text(browser):
            browser.open(url(browser))
            return False
        return True

    wait_for(is_read)


async def test_a_file_is_shown_before_anything_is_added(wire: Wire, platform: Platform, tmp_path: Path) -> None:
    """Without scripts, one file is sent with the form. The page says what is in it, and adds it when confirmed."""
    asking = ask(wire)
    browser = opened(asking.url)
    browser.open(url(browser).replace("/source", "/drop"))
    plays = [play(number, username="listener") for number in range(40)]
    browser.submit("continue", file=written(tmp_path, spotify_zip([*plays, play(0, ts="some day")])))
    read_to_the_end(browser)
    said = " ".join(text(browser).split())
    for words in ("Spotify", "my file.zip", "Whoselistener", "40 entries", "What you listened to and when40 ·"):
        assert words in said, said
    assert "Left out: 1 of 41" in said
    assert (await journey_of(platform, asking)).library_id is None
    browser.submit("continue")
    assert page_of(browser) == "consent", text(browser)
    assert "Spotify" in text(browser)
    journey = (await journey_of(platform, asking)).id
    assert list(platform.blobs.keys(f"previewed/{journey}/")) == []


async def test_what_is_not_confirmed_is_deleted(wire: Wire, platform: Platform, tmp_path: Path) -> None:
    """At once if the person says so or cancels, and otherwise after a day."""
    asking = ask(wire)
    browser = opened(asking.url)
    drop = url(browser).replace("/source", "/drop")
    browser.open(drop)
    browser.submit("continue", file=written(tmp_path, history(5)))
    read_to_the_end(browser)
    journey = (await journey_of(platform, asking)).id
    (field,) = set(re.findall(r'name="(decision-[^"]+)"', html(browser)))
    browser.submit("continue", extra={field: "somebody"})
    assert "Choose for each file" in text(browser)
    browser.submit("continue", extra={field: "drop"})
    assert page_of(browser) == "drop"
    assert list(platform.blobs.keys(f"previewed/{journey}/")) == []
    browser.submit("continue", file=written(tmp_path, history(5)))
    read_to_the_end(browser)
    assert len(list(platform.blobs.keys(f"previewed/{journey}/"))) == 2
    delete_old_parts(platform, datetime.now(UTC) + timedelta(days=1, minutes=1))
    assert list(platform.blobs.keys(f"previewed/{journey}/")) == []
    assert (await journey_of(platform, asking)).library_id is None


async def test_a_question_is_asked_once_and_the_file_is_kept(wire: Wire, platform: Platform, tmp_path: Path) -> None:
    """A statement does not say in which list of banks it is; the person says so, and does not upload it again."""
    asking = ask(wire)
    browser = opened(asking.url)
    browser.open(url(browser).replace("/source", "/drop"))
    browser.submit("continue", file=written(tmp_path, bank_statement(20), "konto.zip"))
    assert page_of(browser) == "drop"
    assert "What is “konto.zip” from?" in text(browser)
    assert (await journey_of(platform, asking)).library_id is None
    (question,) = set(re.findall(r'name="(choice-[^"]+)"', html(browser)))
    uploaded = re.search(r'name="uploaded" value="([^"]+)"', html(browser))
    assert uploaded is not None
    browser.submit("continue", extra={question: str(UK_BANKS)})
    read_to_the_end(browser)
    browser.submit("continue")
    assert page_of(browser) == "consent", text(browser)
    async with platform.database.session() as db:
        library = (await journey_of(platform, asking)).library_id
        assert list(await db.scalars(select(AccountRow.source_id).where(AccountRow.library_id == library))) == [
            UK_BANKS
        ]
    assert list(platform.blobs.keys(f"dropped/{(await journey_of(platform, asking)).id}/")) == []


REFUSED = {
    "unknown": (
        zipped({"a.txt": b"Buy milk.", "b.jpg": b"\xff\xd8"}),
        "was not recognized",
        "2 files: .txt (1), .jpg (1)",
    ),
    "unknown alone": (b"Buy milk.", "can be connected here. Upload the export as you received it", "my file.zip"),
    "not asked for": (exported_chat(9), "is from WhatsApp, which cannot be connected here", "my file.zip"),
    "empty": (b"", "The file is empty", "my file.zip"),
    "empty archive": (zipped({}), "The zip archive is empty", "my file.zip"),
    "damaged": (history(40)[:-300], "is damaged", "my file.zip"),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_what_cannot_be_used_is_explained(wire: Wire, platform: Platform, tmp_path: Path, kind: str) -> None:
    """The page says what was seen, and nothing is stored."""
    data, words, more = REFUSED[kind]
    asking = ask(wire)
    browser = opened(asking.url)
    browser.open(url(browser).replace("/source", "/drop"))
    browser.submit("continue", file=written(tmp_path, data))
    assert browser.page is not None
    assert (browser.page.name, browser.page.status) == ("drop", 422)
    assert words in text(browser)
    assert more in text(browser)
    assert 'role="alert"' in html(browser)
    async with platform.database.session() as db:
        library = (await journey_of(platform, asking)).library_id
        query = select(func.count()).select_from(AccountRow).where(AccountRow.library_id == library)
        assert await db.scalar(query) == 0


def test_a_file_with_nothing_to_read_is_explained(wire: Wire, tmp_path: Path) -> None:
    """The file is recognised, and reading it shows that nothing of it can be used. Nothing can be decided then."""
    browser = dropping(wire)
    browser.submit("continue", file=written(tmp_path, spotify_zip([{"ms_played": 1, "ts": None}])))
    read_to_the_end(browser)
    assert "Spotify" in text(browser)
    assert 'class="problem"' in html(browser)
    assert "decision-" not in html(browser)
    assert "Upload another file" in text(browser)


def test_no_file_is_asked_for_again(wire: Wire) -> None:
    browser = dropping(wire)
    browser.submit("continue")
    assert "Choose the file to upload" in text(browser)


class Parts:
    """A script that uploads in parts, for a page with the form."""

    def __init__(self, http: httpx2.Client, browser: Browser) -> None:
        self.http, self.page, self.token = http, url(browser), token(browser)

    def put(self, file: str, number: object, data: bytes, **headers: str) -> int:
        given = {"x-form-token": self.token, "sec-fetch-site": "same-origin"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.http.put(f"{self.page}/{file}/{number}", content=data, headers=given).status_code

    def known(self, file: str) -> int:
        answer = self.http.get(f"{self.page}/{file}")
        assert answer.status_code == 200
        assert answer.json()["part_bytes"] == PART_BYTES
        return int(answer.json()["parts"])

    def finish(self, *files: tuple[str, str, int]) -> httpx2.Response:
        named = json.dumps([{"id": id_, "name": name, "parts": parts} for id_, name, parts in files])
        fields = {"token": (None, self.token), "uploaded": (None, named)}
        return self.http.post(self.page, files=fields, headers={"sec-fetch-site": "same-origin"})


def test_an_upload_continues_where_it_stopped(wire: Wire) -> None:
    """The page says how many parts are there; a part that is sent again replaces itself; the rest follows."""
    http = httpx2.Client()
    parts = Parts(http, dropping(wire, http))
    data, file = zipped({"Streaming_History_Audio_0.json": json.dumps([play(1)]).encode(), "big.bin": b""}), uuid4().hex
    first, second = data[: len(data) // 2], data[len(data) // 2 :]
    assert parts.known(file) == 0
    assert parts.put(file, 0, first) == 204
    assert parts.known(file) == 1
    assert "did not arrive completely" in parts.finish((file, "a.zip", 2)).text
    assert parts.put(file, 0, first) == 204
    assert parts.put(file, 1, second) == 204
    assert parts.known(file) == 2
    done = parts.finish((file, "a.zip", 2))
    assert (done.status_code, done.headers["location"].split("/")[-1]) == (303, "found")
    wait_for(lambda: parts.known(file) == 0)


def test_parts_belong_to_one_browser(wire: Wire) -> None:
    """Without the token of its form, from another site, or in another browser, no part is taken or read."""
    http, other = httpx2.Client(), httpx2.Client()
    parts, theirs = Parts(http, dropping(wire, http)), Parts(other, dropping(wire, other))
    file = uuid4().hex
    assert parts.put(file, 0, b"PK", x_form_token="wrong") == 403
    assert parts.put(file, 0, b"PK", x_form_token=theirs.token) == 403
    assert parts.put(file, 0, b"PK", sec_fetch_site="cross-site") == 403
    assert parts.known(file) == 0
    assert parts.put(file, 0, b"PK") == 204
    assert theirs.known(file) == 0
    assert "did not arrive completely" in theirs.finish((file, "a.zip", 1)).text
    assert other.get(f"{parts.page}/{file}", follow_redirects=False).headers.get("content-type") != "application/json"


def test_an_empty_file_that_a_script_sends_is_called_empty_and_the_others_are_read(wire: Wire) -> None:
    http = httpx2.Client()
    parts, empty, good = Parts(http, dropping(wire, http)), uuid4().hex, uuid4().hex
    assert (parts.put(empty, 0, b""), parts.put(good, 0, history(9))) == (204, 204)
    done = parts.finish((empty, "a.txt", 1), (good, "b.zip", 1))
    assert done.status_code == 303
    found = http.get(f"{wire.origin}{done.headers['location']}").text
    assert "The file is empty" in found
    assert found.index("a.txt") < found.index("b.zip")


@pytest.mark.parametrize(
    ("file", "number", "data", "status"),
    [
        ("../../x", 0, b"PK", 404),
        ("A" * 32, 0, b"PK", 400),
        ("a" * 31, 0, b"PK", 400),
        ("a" * 32, -1, b"PK", 413),
        ("a" * 32, 10**9, b"PK", 413),
        ("a" * 32, "x", b"PK", 400),
        ("a" * 32, 1, b"", 413),
        ("a" * 32, 0, bytes(PART_BYTES + 1), 413),
    ],
)
def test_odd_parts_are_refused(wire: Wire, file: str, number: object, data: bytes, status: int) -> None:
    http = httpx2.Client()
    assert Parts(http, dropping(wire, http)).put(file, number, data) == status


@pytest.mark.parametrize("uploaded", ["{", "[1]", '[{"id": "x"}]', '{"id": 1}', '[{"id": 1, "name": 2, "parts": []}]'])
def test_odd_forms_are_refused(wire: Wire, uploaded: str) -> None:
    http = httpx2.Client()
    parts = Parts(http, dropping(wire, http))
    fields = {"token": (None, parts.token), "uploaded": (None, uploaded)}
    assert http.post(parts.page, files=fields, headers={"sec-fetch-site": "same-origin"}).status_code == 400


def test_no_other_browser_uses_up_what_may_be_uploaded(wire: Wire) -> None:
    """The journey belongs to the browser that sends the first part, as with any form."""
    http, other, link = httpx2.Client(), httpx2.Client(), ask(wire).url
    both = []
    for one in (http, other):
        browser = opened(link, http=one)
        browser.open(url(browser).replace("/source", "/drop"))
        both.append(Parts(one, browser))
    assert both[0].put(uuid4().hex, 0, b"PK") == 204
    assert both[1].put(uuid4().hex, 0, b"PK") != 204
    assert both[0].put(uuid4().hex, 0, b"PK") == 204


def test_a_file_is_opened_once(wire: Wire) -> None:
    """A form that names a large file many times would fill the disk."""
    http, file = httpx2.Client(), uuid4().hex
    parts = Parts(http, dropping(wire, http))
    assert parts.put(file, 0, b"PK") == 204
    assert parts.finish((file, "a", 1), (file, "b", 1)).status_code == 400


def test_concurrent_parts_keep_the_limits(wire: Wire) -> None:
    http = httpx2.Client()
    parts = Parts(http, dropping(wire, http))
    with ThreadPoolExecutor(30) as threads:
        statuses = list(threads.map(lambda _: parts.put(uuid4().hex, 0, b"PK"), range(40)))
    assert set(statuses) <= {204, 413, 503}
    assert statuses.count(204) <= 20


@pytest.mark.parametrize(("share", "fits"), [(0.5, True), (1.0, True), (1.1, False)])
async def test_files_count_until_they_are_read(platform: Platform, share: float, fits: bool) -> None:
    """A file that waits, or is being read, counts with its size, and afterwards with what was read of it."""
    most = platform.settings.max_upload_bytes
    waiting = WaitingExports(platform, uuid4(), new_data_key())
    first = new_export("a.zip", SPOTIFY, size=most // 2)
    await waiting.put(first)
    (shown,) = await waiting.all()
    assert (shown.size, shown.progress) == (most // 2, None)
    size = int(most * (share - 0.5))
    with nullcontext() if fits else pytest.raises(RequestTooLarge, match="Decide about these"):
        await waiting.check_room(1, size)
    first.state, first.size = "ready", 0
    await waiting.put(first)
    await waiting.check_room(1, most)
    first.state, first.size, first.problem = "problem", 0, our_fault()
    await waiting.put(first)
    await waiting.check_room(1, most)
    await waiting.delete([first])


async def test_no_more_exports_are_read_than_may_be(platform: Platform) -> None:
    """Those of one form count together."""
    waiting = WaitingExports(platform, uuid4(), new_data_key())
    await waiting.check_room(MAX_READING)
    with pytest.raises(RequestTooLarge):
        await waiting.check_room(MAX_READING + 1)


def test_files_wait_for_each_other(wire: Wire) -> None:
    """The page says of each how far it is, and an upload replaces what could not be read before."""
    http = httpx2.Client()
    browser = dropping(wire, http)
    parts, files = Parts(http, browser), [uuid4().hex for _ in range(3)]
    for number, file in enumerate(files):
        assert parts.put(file, 0, spotify_zip([{"ms_played": 1, "ts": None}]) if number else history(3)) == 204
    done = parts.finish(*((file, f"{number}.zip", 1) for number, file in enumerate(files)))
    address = f"{wire.origin}{done.headers['location']}"
    wait_for(partial(is_read_now, http, address))
    page = http.get(address).text
    assert page.count('<p class="problem">') == 2
    again = uuid4().hex
    assert parts.put(again, 0, history(4)) == 204
    parts.finish((again, "again.zip", 1))
    wait_for(partial(is_read_now, http, address))
    page = http.get(address).text
    assert "0.zip" in page
    assert "again.zip" in page
    assert '<p class="problem">' not in page


def test_too_many_files_are_refused(wire: Wire) -> None:
    http = httpx2.Client()
    parts = Parts(http, dropping(wire, http))
    statuses = [parts.put(uuid4().hex, 0, b"PK") for _ in range(21)]
    assert statuses == [204] * 20 + [413]


async def test_parts_are_deleted_after_a_day(platform: Platform, wire: Wire) -> None:
    http = httpx2.Client()
    parts, file = Parts(http, dropping(wire, http)), uuid4().hex
    assert parts.put(file, 0, b"PK") == 204
    delete_old_parts(platform, datetime.now(UTC))
    assert parts.known(file) == 1
    delete_old_parts(platform, datetime.now(UTC) + timedelta(days=1, minutes=1))
    assert parts.known(file) == 0


async def objects(platform: Platform, library: object) -> int:
    async with platform.database.session() as db:
        query = select(func.sum(FileRow.object_count)).where(
            FileRow.library_id == library, FileRow.object_type == PLAYS
        )
        return int(await db.scalar(query) or 0)


def is_here(http: httpx2.Client, address: str) -> bool:
    return "Your data is here now" in http.get(address).text


def added(http: httpx2.Client, wire: Wire, parts: Parts, *named: tuple[str, str, int]) -> str:
    """Add all that is found in files, and return the address that shows how far it is."""
    done = parts.finish(*named)
    assert done.status_code == 303, done.text
    address = f"{wire.origin}{done.headers['location']}"
    wait_for(partial(is_read_now, http, address))
    chosen = re.findall(r'name="(decision-[^"]+)" value="([^"]+)" required checked', http.get(address).text)
    fields = {"token": parts.token, **dict(chosen)}
    decided = http.post(address, data=fields, headers={"sec-fetch-site": "same-origin"})
    assert decided.status_code == 303, decided.text
    return f"{wire.origin}{decided.headers['location']}"


async def test_people_add_files_to_their_own_data(platform: Platform, wire: Wire) -> None:
    """Several files at once, of several sources; a newer export of the same source adds only what is new."""
    http = httpx2.Client()
    library = await library_of(platform, known_person(wire, http))
    before = await objects(platform, library)
    browser = opened(f"{wire.origin}/me/", http=http)
    home = url(browser)
    for files, more in (({"a.zip": history(30), "b.zip": viewing_activity(9)}, 30), ({"c.zip": history(45)}, 45)):
        browser.open(f"{home}/add")
        assert page_of(browser) == "me-add"
        parts, named = Parts(http, browser), []
        for name, data in files.items():
            file = uuid4().hex
            assert parts.put(file, 0, data) == 204
            named.append((file, name, 1))
        address = added(http, wire, parts, *named)
        wait_for(partial(is_here, http, address))
        assert http.get(address).text.count("complete") == len(files)
        assert await objects(platform, library) == before + more
    browser.open(home)
    assert not re.search(r"(Netflix|Spotify)\W* · Connected on", text(browser))  # The exports name no owner.
    async with platform.database.transaction() as db:
        query = select(AccountRow).where(AccountRow.library_id == library, AccountRow.sample.is_(None))
        accounts = {account.source_id: account for account in await db.scalars(query)}
        assert sorted(accounts) == [SPOTIFY, 9007]
        accounts[SPOTIFY].needs_login = True  # As if its sign-in were not accepted any more.
    browser.open(f"{home}/sources/{accounts[SPOTIFY].id}")
    assert "With a file, which is added to this account" in text(browser)
    assert "Needs attention" in text(browser)
    parts, file = Parts(http, browser), uuid4().hex
    parts.page = f"{home}/add"
    assert parts.put(file, 0, history(50)) == 204
    address = added(http, wire, parts, (file, "d.zip", 1))
    wait_for(partial(is_here, http, address))
    assert await objects(platform, library) == before + 50
    async with platform.database.session() as db:
        again = await db.get_one(AccountRow, (library, accounts[SPOTIFY].id))
        assert not again.needs_login


def is_read_now(http: httpx2.Client, address: str) -> bool:
    page = http.get(address).text
    return "read to its end" not in page and "waits to be read" not in page


def confirm_at_once(http: httpx2.Client, address: str, fields: dict[str, str]) -> list[httpx2.Response]:
    """Send the same decision several times at the same moment, as from several tabs."""
    headers = {"sec-fetch-site": "same-origin"}
    with ThreadPoolExecutor(5) as threads:
        return list(threads.map(lambda _: http.post(address, data=fields, headers=headers), range(5)))


async def accounts_of(platform: Platform, library: object) -> list[int]:
    async with platform.database.session() as db:
        query = select(AccountRow.source_id).where(AccountRow.library_id == library, AccountRow.sample.is_(None))
        return sorted(await db.scalars(query))


async def library_of(platform: Platform, tokens: Tokens) -> UUID:
    async with platform.database.session() as db:
        return (await consent_by_id(db, tokens.claims["consentid"])).library_id


async def test_a_decision_that_is_sent_twice_adds_once(platform: Platform, wire: Wire) -> None:
    """Also if it makes a new account, and if the account is one that no file names."""
    http = httpx2.Client()
    id_ = await library_of(platform, known_person(wire, http))
    browser = opened(f"{wire.origin}/me/", http=http)
    browser.open(f"{url(browser)}/add")
    parts = Parts(http, browser)
    for number, answer in enumerate(("add", "another"), start=1):
        file = uuid4().hex
        assert parts.put(file, 0, library((number, 1, "2026/06/01"))) == 204
        address = f"{wire.origin}{parts.finish((file, 'books.zip', 1)).headers['location']}"
        wait_for(partial(is_read_now, http, address))
        (field,) = set(re.findall(r'name="(decision-[^"]+)"', http.get(address).text))
        answers = confirm_at_once(http, address, {"token": parts.token, field: answer})
        assert {one.status_code for one in answers} == {303}, [one.text for one in answers]
        assert await accounts_of(platform, id_) == [9041] * number
    assert list(platform.blobs.keys(f"previewed/{id_}/")) == []


async def test_an_export_that_is_lost_is_asked_for_again(platform: Platform, wire: Wire) -> None:
    """If its objects are gone when the person confirms, nothing is added, and they are told."""
    http = httpx2.Client()
    id_ = await library_of(platform, known_person(wire, http))
    browser = opened(f"{wire.origin}/me/", http=http)
    browser.open(f"{url(browser)}/add")
    parts, file = Parts(http, browser), uuid4().hex
    assert parts.put(file, 0, history(3)) == 204
    address = f"{wire.origin}{parts.finish((file, 'a.zip', 1)).headers['location']}"
    wait_for(partial(is_read_now, http, address))
    chosen = dict(re.findall(r'name="(decision-[^"]+)" value="([^"]+)" required checked', http.get(address).text))
    platform.blobs.delete([key for key in platform.blobs.keys(f"previewed/{id_}/") if key.endswith("/objects")])
    answer = http.post(address, data={"token": parts.token, **chosen}, headers={"sec-fetch-site": "same-origin"})
    assert (answer.status_code, f"{wire.origin}{answer.headers['location']}") == (303, address)
    assert "Upload it again" in http.get(address).text
    assert SPOTIFY not in await accounts_of(platform, id_)


async def test_what_was_added_at_my_data_stays_when_a_journey_ends(
    platform: Platform, wire: Wire, tmp_path: Path
) -> None:
    """The same file was added on a journey first, which the person then cancels."""
    http, data = httpx2.Client(), history(7)
    tokens = known_person(wire, http)
    asking, id_ = ask(wire, access_token=tokens.access), await library_of(platform, tokens)
    browser = opened(asking.url, http=http)
    browser.open(url(browser).rpartition("/")[0] + "/drop")
    assert page_of(browser) == "drop", text(browser)
    browser.submit("continue", file=written(tmp_path, data))
    read_to_the_end(browser)
    browser.submit("continue")
    mine = opened(f"{wire.origin}/me/", http=http)
    mine.open(f"{url(mine)}/add")
    parts, file = Parts(http, mine), uuid4().hex
    assert parts.put(file, 0, data) == 204
    wait_for(partial(is_here, http, added(http, wire, parts, (file, "a.zip", 1))))
    assert (await journey_of(platform, asking)).library_id == id_
    browser.open(url(browser).replace("/preview", "/consent"))
    browser.submit("decline")
    assert SPOTIFY in await accounts_of(platform, id_)
    assert await objects(platform, id_) >= 7


LIBRARY = "Book Id,Title,Author,My Rating,Date Added,Exclusive Shelf\n"


def library(*books: tuple[int, int, str]) -> bytes:
    rows = (f"{number},Book {number},Ann,{rating},{added},read\n" for number, rating, added in books)
    return zipped({"goodreads_library_export.csv": (LIBRARY + "".join(rows)).encode()})


async def test_exports_may_come_in_any_order(platform: Platform, wire: Wire) -> None:
    """An older export replaces nothing and adds what is missing; what a newer library lacks is gone."""
    http = httpx2.Client()
    id_ = await library_of(platform, known_person(wire, http))
    browser = opened(f"{wire.origin}/me/", http=http)
    browser.open(f"{url(browser)}/add")
    parts = Parts(http, browser)

    async def ratings_after(*books: tuple[int, int, str]) -> dict[str, int]:
        file = uuid4().hex
        assert parts.put(file, 0, library(*books)) == 204
        wait_for(partial(is_here, http, added(http, wire, parts, (file, "books.zip", 1))))
        async with platform.database.transaction() as db:
            opened_library = await open_library(db, platform, id_)
            query = select(FileRow).where(FileRow.library_id == id_, FileRow.object_type == BOOK)
            mapped = MappedFiles(platform.blobs, opened_library)
            things = [thing for file_row in await db.scalars(query) for thing in mapped.objects(file_row)]
        return {thing["title"]: thing["rating"] for thing in things}

    newest = (1, 5, "2026/06/01"), (2, 4, "2026/05/01"), (3, 3, "2026/04/01")
    assert await ratings_after(*newest) == {"Book 1": 5, "Book 2": 4, "Book 3": 3}
    older = (2, 1, "2026/05/01"), (4, 2, "2026/03/01")
    assert await ratings_after(*older) == {"Book 1": 5, "Book 2": 4, "Book 3": 3, "Book 4": 2}
    newer = (5, 5, "2026/07/01"), (1, 2, "2026/06/01"), (2, 4, "2026/05/01")
    assert await ratings_after(*newer) == {"Book 5": 5, "Book 1": 2, "Book 2": 4}


def test_nobody_adds_files_to_the_data_of_others(wire: Wire) -> None:
    mine, theirs = httpx2.Client(), httpx2.Client()
    homes = []
    for http in (mine, theirs):
        known_person(wire, http)
        browser = opened(f"{wire.origin}/me/", http=http)
        browser.open(f"{url(browser)}/add")
        homes.append(Parts(http, browser))
    homes[0].page = homes[1].page
    assert homes[0].put(uuid4().hex, 0, b"PK") in (303, 403)
    assert homes[0].finish().status_code in (303, 403)


@pytest.mark.slow
async def test_scripts_continue_an_upload_by_themselves(browser: PageBrowser, wire: Wire, tmp_path: Path) -> None:
    """Several files are sent in parts; a connection that breaks is tried again, and the consent page follows."""
    big = zipped({"Streaming_History_Audio_0.json": json.dumps([play(1)]).encode(), "big.bin": os.urandom(9_000_000)})
    files = [written(tmp_path, big, "a.zip"), written(tmp_path, history(9), "b.zip")]
    async with visiting(browser) as page:
        await page.goto(ask(wire).url)
        await page.click('main a[href*="/drop"]')
        sent: list[str] = []

        async def break_once(route: Route) -> None:
            sent.append(route.request.method)
            if sent.count("PUT") == 2 and route.request.method == "PUT":
                await route.abort()
            else:
                await route.continue_()

        await page.route("**/drop/*/*", break_once)
        await expect(page.locator("#archive")).to_have_attribute("multiple", "")
        await page.set_input_files("#archive", [written(tmp_path, b"", f"{number}.txt") for number in range(21)])
        assert "at most 20 files" in await page.locator("#archive").evaluate("file => file.validationMessage")
        await page.set_input_files("#archive", files)
        await page.click('[data-action="continue"]')
        await expect(page.locator("body")).to_have_attribute("data-page", "found")
        await page.click('[data-action="continue"]')
        await expect(page.locator("body")).to_have_attribute("data-page", "consent")
        assert sent.count("PUT") == 4
