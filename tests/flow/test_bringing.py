"""`/me/…/bring`: what a person took along from one platform is the same on another one, once, and opens nothing."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import func, select

from privateshare.platform.consent.routes import consent_app
from privateshare.platform.db.tables import AccountRow, ArchiveRow, FileRow
from privateshare.platform.me.routes import my_pages
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from tests.archives import play, spotify_zip
from tests.flow.consenting import ask, asking_contract, known_person, opened, page_of, problem_of_upload, upload
from tests.flow.consents import consent_by_id
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.security.attacking import Victim, victim
from tests.flow.served import Served, serving
from tests.flow.sessions import texts, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire
from tests.patience import wait_for


@pytest.fixture(scope="module")
async def mia(people: People, platform: Platform) -> Victim:
    """Provide a person with music and a health record, of whom an app reads everything."""
    return await victim(platform, await asking_contract(people, name="At home"), leaves_out=None)


@pytest.fixture(scope="module")
def taken(mia: Victim) -> bytes:
    """Provide everything that they took along."""
    wait_until_over(mia.wire, mia.tokens, mia.session)
    browser = opened(f"{mia.wire.origin}/me", http=mia.http)
    browser.open(f"{url(browser)}/take")
    browser.submit("make")

    def address() -> str | None:
        browser.open(url(browser))
        found = re.search(r'href="([^"]+/take/[^"]+)"', html(browser))
        return found[1] if found else None

    wait_for(lambda: address() is not None)
    return mia.http.get(f"{mia.wire.origin}{address()}").content


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provide another platform, which has never heard of them."""
    with serving(tmp_path_factory.mktemp("elsewhere") / "data") as running:
        yield running


def html(browser: Browser) -> str:
    assert browser.page is not None
    return browser.page.html


def url(browser: Browser) -> str:
    assert browser.page is not None
    return str(browser.page.url)


def shown(http: httpx2.Client, origin: str, file: Path) -> Browser:
    """Upload a file to bring it in, and wait until the page shows what is in it."""
    browser = opened(f"{origin}/me/", http=http)
    assert page_of(browser) == "me"
    browser.open(f"{url(browser)}/bring")
    browser.submit("bring", file=file)
    wait_for(partial(has_read, browser))
    return browser


def has_read(browser: Browser) -> bool:
    assert page_of(browser) in ("found", "me-found")
    if "We are reading your files" in html(browser):
        browser.open(url(browser))
        return False
    return True


def bring(http: httpx2.Client, origin: str, file: Path) -> Browser:
    """Bring a file in, and wait until it is imported. What the page asks about is added."""
    browser = shown(http, origin, file)
    decisions = set(re.findall(r'name="(decision-[^"]+)"', html(browser)))
    browser.submit("continue", extra=dict.fromkeys(decisions, "add"))

    def is_imported() -> bool:
        assert page_of(browser) == "me-add", html(browser)
        if "Your data is being read" in html(browser):
            browser.open(url(browser))
            return False
        return True

    wait_for(is_imported)
    return browser


def contents(wire: Wire, tokens: Tokens) -> list[Any]:
    """Return all objects that an app reads."""
    session = triggered(wire, tokens)
    listed = wait_until_over(wire, tokens, session)
    found = [thing for text in texts(wire, tokens, session, listed) for thing in json.loads(text)]
    return sorted(found, key=lambda thing: json.dumps(thing, sort_keys=True))


@pytest.mark.slow
async def test_an_app_reads_the_same_on_another_platform(
    platform: Platform, mia: Victim, taken: bytes, elsewhere: Served, tmp_path: Path
) -> None:
    """The same objects with the same ids, not twice on a second import; nothing is shared by itself."""
    before = contents(mia.wire, mia.tokens)
    file = tmp_path / "privateshare.zip"
    file.write_bytes(taken)
    async with platform.database.transaction() as db:
        of_mia = select(func.sum(FileRow.object_count)).where(FileRow.library_id == mia.library)
        stored = await db.scalar(of_mia)
    async with operator_platform(Settings(data=elsewhere.data, database_pool_size=5)) as other:
        wire = await asking_contract(People(other, elsewhere.origin), name="Elsewhere")
        http = httpx2.Client()
        tokens = known_person(wire, http)
        music = contents(wire, tokens)
        for _ in range(2):
            page = bring(http, elsewhere.origin, file)
            assert "Your data is here now" in html(page)
            assert html(page).count("complete") == 2
        assert contents(wire, tokens) == music  # Nothing of what came is shared with the app.
        async with other.database.transaction() as db:
            assert await db.scalar(select(func.count()).select_from(AccountRow)) == 2
            assert await db.scalar(select(func.count()).select_from(ArchiveRow)) == 0
            assert not any(await db.scalars(select(AccountRow.signed_in)))
            objects = await db.scalar(select(func.sum(FileRow.object_count)))
        assert objects == stored
        browser = opened(ask(wire, access_token=tokens.access).url, http=http)
        for entry in browser.page.form("continue").inputs:  # type: ignore[union-attr]
            if entry.name in ("account", "kind", "group"):
                entry.chosen = True
        browser.submit("continue")
        assert contents(wire, tokens) == before


def changed(taken: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """Return an archive with other contents."""
    with zipfile.ZipFile(io.BytesIO(taken)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def with_manifest(taken: bytes, **values: Any) -> bytes:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | values).encode()

    return changed(taken, change)


def with_kinds(taken: bytes, **values: Any) -> bytes:
    kinds = json.loads(zipfile.ZipFile(io.BytesIO(taken)).read("manifest.json"))["kinds"]
    return with_manifest(taken, kinds=[kind | values for kind in kinds])


def bomb(taken: bytes) -> bytes:
    def change(files: dict[str, bytes]) -> None:
        name = next(name for name in files if name.endswith(".ndjson"))
        files[name] = b" " * 400_000_000

    return changed(taken, change)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda taken: b"nonsense", "This is not the ZIP file"),
        (lambda taken: taken[: len(taken) // 2], "was not downloaded to its end"),
        (bomb, "unpacks to far more"),
        (lambda taken: changed(taken, lambda files: files.pop("manifest.json")), "This is not the ZIP file"),
        (lambda taken: with_manifest(taken, format="privateshare-export-2"), "newer version"),
        (lambda taken: with_manifest(taken, format="privateshare-export-0"), "old version"),
        (lambda taken: with_manifest(taken, format="another-export-1"), "This is not the ZIP file"),
        (lambda taken: with_manifest(taken, accounts={"number": 1}), "is damaged"),
        (lambda taken: with_manifest(taken, accounts=[]), "none of the sources"),
        (lambda taken: with_kinds(taken, path="../../etc/passwd"), "is damaged"),
        (lambda taken: with_kinds(taken, path="/data/a/b.ndjson"), "is damaged"),
        (lambda taken: with_kinds(taken, kind="1"), "is damaged"),
        (lambda taken: with_kinds(taken, schema=None), "is damaged"),
    ],
)
def test_an_invalid_export_is_refused(
    mia: Victim, taken: bytes, tmp_path: Path, make: Callable[[bytes], bytes], words: str
) -> None:
    """Each with what is wrong and what to do, and without a trace."""
    file = tmp_path / "file.zip"
    file.write_bytes(make(taken))
    browser = opened(f"{mia.wire.origin}/me/", http=mia.http)
    browser.open(f"{url(browser)}/bring")
    browser.submit("bring", file=file)
    assert browser.page is not None
    assert browser.page.status == 422
    assert words in html(browser)


async def test_objects_that_the_source_cannot_have_are_left_out(
    platform: Platform, mia: Victim, taken: bytes, tmp_path: Path
) -> None:
    """Each is counted, takes nothing else with it, and is in no file; the source says that something is missing."""
    async with platform.database.transaction() as db:
        of_mia = select(FileRow.blob).where(FileRow.library_id == mia.library)
        before = set(await db.scalars(of_mia))

    def change(files: dict[str, bytes]) -> None:
        for name in files:
            if name.endswith(".ndjson") and files[name].count(b"\n") > 10:  # Of most, more than half must be readable.
                odd = [b'{"resourceType":"Basic"}', b"nonsense", b"[" * 500 + b"]" * 500, b"null", b'{"entityid":""}']
                files[name] += b"\n".join(odd) + b"\n"

    file = tmp_path / "odd.zip"
    file.write_bytes(changed(taken, change))
    assert "Left out:" in html(shown(mia.http, mia.wire.origin, file))
    assert "not everything could be read" in html(bring(mia.http, mia.wire.origin, file))
    async with platform.database.transaction() as db:
        assert set(await db.scalars(of_mia)) == before
        assert await db.scalar(select(ArchiveRow.id).where(ArchiveRow.library_id == mia.library)) is None


def owned_by(name: str, taken: bytes) -> bytes:
    """Return an archive whose accounts are somebody's, and no samples."""
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(taken)).read("manifest.json"))
    owner = {"id": name, "name": name, "named": True}
    return with_manifest(taken, accounts=[one | {"sample": None, "owner": owner} for one in manifest["accounts"]])


def test_a_file_of_another_name_is_only_added_if_it_is_said_to_be_theirs(
    mia: Victim, people: People, taken: bytes, tmp_path: Path
) -> None:
    """The sample's owner becomes a real one, and a second file names another."""
    http = httpx2.Client()
    known_person(mia.wire, http)
    mine, other = tmp_path / "mine.zip", tmp_path / "other.zip"
    mine.write_bytes(owned_by("listener-1", taken))
    other.write_bytes(owned_by("somebody-else", taken))
    assert "Your data is here now" in html(bring(http, mia.wire.origin, mine))
    page = shown(http, mia.wire.origin, other)
    assert "Add the file only if it is yours too" in html(page)
    page.submit("continue")
    assert "Choose for each file whether to add it" in html(page)
    assert "Your data is here now" in html(bring(http, mia.wire.origin, other))


async def test_what_is_brought_in_is_shown_before_it_is_added(
    platform: Platform, mia: Victim, taken: bytes, tmp_path: Path
) -> None:
    """Each account with its source, owner, dates and numbers; what is not wanted is not added, nor what is unknown."""
    http = httpx2.Client()
    claims = known_person(mia.wire, http).claims
    async with platform.database.transaction() as db:
        library = (await consent_by_id(db, claims["consentid"])).library_id
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(owned_by("mia", taken))).read("manifest.json"))
    unknown = manifest["accounts"][0] | {"number": 99, "source": 77_777_777}
    file = tmp_path / "taken.zip"
    file.write_bytes(with_manifest(taken, accounts=[*manifest["accounts"], unknown]))

    async def kept() -> tuple[int, int]:
        async with platform.database.session() as db:
            counts = [
                select(func.count()).select_from(table).where(table.library_id == library)
                for table in (AccountRow, ArchiveRow)
            ]
            accounts, archives = [int(await db.scalar(count) or 0) for count in counts]
            return accounts, archives

    before = await kept()
    page = shown(http, mia.wire.origin, file)
    assert await kept() == before
    said = re.sub(r"<[^>]*>|[\u2066-\u2069]", "", html(page))
    for words in ("taken.zip", "Spotify", "Whosemia", "What you listened to and when", "do not exist on this platform"):
        assert words in said, said
    assert "Files that are not used" not in said  # What the export has beside the data of an account is no news.
    decisions = set(re.findall(r'name="(decision-[^"]+)"', html(page)))
    assert len(decisions) == len(manifest["accounts"])
    page.submit("continue", extra=dict.fromkeys(decisions, "drop"))
    assert page_of(page) == "me-add"
    assert await kept() == before


UPLOADS = {
    "/journey/{tag}/connect/{source_id}": f"connect/{SPOTIFY}",
    "/journey/{tag}/drop": "drop",
    "/me/{browser_id}/add": "add",
    "/me/{browser_id}/bring": "bring",
}


def test_no_way_to_upload_files_is_forgotten() -> None:
    """These are all routes that take the files of people. What `UPLOADS` lists is tried below."""
    routes = [*consent_app().routes, *my_pages().routes]
    readers = {"read_form", "read_upload"}
    found = {route.path for route in routes if readers & set(route.endpoint.__code__.co_names)}  # type: ignore[attr-defined]
    assert found == UPLOADS.keys()


@pytest.mark.parametrize("way", UPLOADS)
async def test_every_upload_is_shown_before_it_is_added(
    platform: Platform, mia: Victim, taken: bytes, tmp_path: Path, way: str
) -> None:
    """The page says whose it is, and how much of each kind from when to when. Until then, nothing is in the library."""
    file, http = tmp_path / "file.zip", httpx2.Client()
    is_bring = way.endswith("bring")
    with_film = changed(taken, lambda files: files.update({"holiday.mp4": b"film"}))
    file.write_bytes(with_film if is_bring else spotify_zip([play(number, username="somebody") for number in range(3)]))
    claims = known_person(mia.wire, http).claims
    async with platform.database.transaction() as db:
        library = (await consent_by_id(db, claims["consentid"])).library_id
    if way.startswith("/me"):
        page = opened(f"{mia.wire.origin}/me/", http=http)
        page.open(f"{url(page)}/{UPLOADS[way]}")
    else:
        page = opened(ask(mia.wire, f"&service={SPOTIFY}").url)
        page.open(f"{url(page).partition('/connect')[0]}/{UPLOADS[way]}")
    page.submit("bring" if is_bring else "continue", file=file)
    wait_for(partial(has_read, page))
    said = " ".join(re.sub(r"<[^>]*>|[\u2066-\u2069]", " ", html(page)).split())
    assert "Spotify" in said
    assert re.search(r"What you listened to and when \d+ · 20\d\d", said), said
    assert "Whose " in said
    assert ("1 file of a kind of which nothing is taken: .mp4" in said) == is_bring, said
    async with platform.database.session() as db:
        archives = select(func.count()).select_from(ArchiveRow).where(ArchiveRow.library_id == library)
        accounts = select(func.count()).select_from(AccountRow).where(AccountRow.library_id == library)
        assert (await db.scalar(archives), await db.scalar(accounts)) == (0, 1)


async def test_it_is_a_source_on_the_consent_page_too(
    platform: Platform, people: People, taken: bytes, tmp_path: Path
) -> None:
    """Uploaded at a source, it brings what is of that source, and what is of nobody is refused there."""
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(taken)).read("manifest.json"))
    owner = {"id": "mia", "name": "Mia", "named": True}
    accounts = [one | {"sample": None, "owner": owner} for one in manifest["accounts"]]
    file = tmp_path / "file.zip"
    file.write_bytes(with_manifest(taken, accounts=accounts))
    wire = await asking_contract(people, name="Asks for health")
    asking = ask(wire)
    browser = opened(asking.url)
    browser.page.choose("source-id", str(FHIR_FILE))  # type: ignore[union-attr]
    browser.submit("continue")
    wrong = tmp_path / "wrong.zip"
    wrong.write_bytes(with_manifest(taken, accounts=[]))
    browser.submit("continue", file=wrong)
    assert "holds no data of this source" in problem_of_upload(browser)
    browser.open(browser.page.links["Upload another file"])  # type: ignore[union-attr]
    upload(browser, FHIR_FILE, file)
    browser.submit("continue")
    objects = contents(wire, asking.tokens(str(browser.left_to)))
    assert objects
    assert {thing.get("resourceType") for thing in objects} >= {"Condition"}
    assert all("resourceType" in thing for thing in objects)
