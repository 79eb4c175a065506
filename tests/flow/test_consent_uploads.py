"""Tests of connecting a source with an export archive: completely checked, or not at all."""

import gzip
import io
import json
import socket
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from examples.walking import Browser, consent
from sqlalchemy import func, select

from privateshare.platform.blobs.ownership import PROBE_BLOB
from privateshare.platform.db.tables import AccountRow, LibraryRow
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from tests.flow.consenting import (
    add_found,
    ask,
    asking_contract,
    journey_of,
    opened,
    page_of,
    problem_of_upload,
    spotify_archive,
    upload,
)
from tests.flow.files import files_below
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.served import Served, serving
from tests.flow.sessions import read, wait_until_over
from tests.flow.sweeping import sweep_whole
from tests.flow.wire import Wire
from tests.patience import until

SYNTHEA = Path(__file__).parent.parent / "data" / "synthea" / "patient-1.json.gz"
MEGABYTE = 1024 * 1024
HISTORY = "Streaming_History_Audio_2026_0.json"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document={"dataRequest": {"serviceGroups": [{"id": 2}, {"id": 5}]}})


def zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def good(folder: Path) -> bytes:
    return spotify_archive(folder / "good.zip").read_bytes()


BROKEN: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "empty": (lambda folder: b"", "The file is empty"),
    "not a zip": (lambda folder: b"%PDF-1.7 something else", "not a zip"),
    "truncated": (lambda folder: good(folder)[:-200], "damaged"),
    "wrong JSON": (lambda folder: zipped(HISTORY, b'[{"ts": "2026-01-0'), "Streaming_History_Audio"),
    "another export": (lambda folder: zipped("photos/1.jpg", b"\xff\xd8"), ""),
    "bomb": (lambda folder: zipped(HISTORY, b"[" + b" " * 80_000_000 + b"]"), "unpack"),
    "nothing in it": (lambda folder: zipped(HISTORY, b"[]"), "no music"),
}


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind in {"not a zip", "truncated", "bomb"} else pytest.param(kind, marks=pytest.mark.slow)
        for kind in BROKEN
    ],
)
async def test_a_broken_archive_leaves_nothing(
    wire: Wire, served: Served, platform: Platform, tmp_path: Path, kind: str
) -> None:
    """The page says what is wrong, nothing is kept, and a good archive can follow."""
    make, word = BROKEN[kind]
    archive = tmp_path / "export.zip"
    archive.write_bytes(make(tmp_path))
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    before = {path.name for path in served.data.iterdir()}
    browser.submit("continue", file=archive)
    assert word in problem_of_upload(browser)
    assert browser.page is not None
    assert (await journey_of(platform, asking)).library_id is None
    assert {path.name for path in served.data.iterdir()} == before
    browser.open(browser.page.links["Upload another file"])
    upload(browser, SPOTIFY, spotify_archive(tmp_path / "good.zip"))
    assert page_of(browser) == "consent"


async def test_a_persons_own_history_is_read(wire: Wire, tmp_path: Path) -> None:
    """The app reads what the person uploads."""
    asking = ask(wire, f"&service={SPOTIFY}")
    archive = spotify_archive(tmp_path / "export.zip", artist="The Unmistakables", plays=60)
    tokens = asking.tokens(consent(Browser(), asking.url, {SPOTIFY: archive}))
    listed = wait_until_over(wire, tokens, asking.session)
    assert listed["status"]["state"] == "completed"
    names = [entry["name"] for entry in listed["fileList"] if entry.get("objectType") == "playhistory"]
    plays = [play for name in names for play in read(wire, tokens, asking.session, name)[0]]
    assert len(plays) == 60
    assert {artist["name"] for play in plays for artist in play["track"]["artists"]} == {
        "The Unmistakables",
        "Second Fiddle",
    }


async def test_a_health_record_is_read(wire: Wire, tmp_path: Path) -> None:
    """A FHIR record is accepted as it is, also with gzip."""
    record = json.loads(gzip.decompress(SYNTHEA.read_bytes()))
    record["entry"] = record["entry"][::80]  # The whole record has files for each month of a life.
    path = tmp_path / "record.json.gz"
    path.write_bytes(gzip.compress(json.dumps(record).encode()))
    asking = ask(wire, f"&service={FHIR_FILE}")
    tokens = asking.tokens(consent(Browser(), asking.url, {FHIR_FILE: path}))
    listed = wait_until_over(wire, tokens, asking.session)
    assert listed["status"]["state"] == "completed"
    assert "condition" in {entry["objectType"] for entry in listed["fileList"] if entry.get("objectType")}


async def test_an_upload_is_nowhere_readable(wire: Wire, served: Served, tmp_path: Path) -> None:
    """No file of the data folder has its text, even while it waits for the person to agree."""
    canary = "Canaria Unmistakable"
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    browser.submit("continue", file=spotify_archive(tmp_path / "export.zip", artist=canary, username="canary-user-77"))
    assert page_of(browser) == "found"
    for go_on in (add_found, page_of):
        for path in files_below(served.data):
            with suppress(FileNotFoundError):
                content = path.read_bytes()
                assert canary.encode() not in content, path
                assert b"canary-user-77" not in content, path
        go_on(browser)
    assert page_of(browser) == "consent"


@pytest.mark.slow
async def test_the_same_archive_twice_is_one_account(wire: Wire, tmp_path: Path) -> None:
    """Connecting the same account again updates it."""
    archive = spotify_archive(tmp_path / "export.zip")
    asking = ask(wire)
    browser = opened(asking.url)
    for _ in range(2):
        assert browser.page is not None
        if browser.page.name == "consent":
            browser.submit("another-source")
        browser.page.choose("source-id", str(SPOTIFY))
        browser.submit("continue")
        upload(browser, SPOTIFY, archive)
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    assert len(wire.get("permission-access/accounts", access_token=tokens.access).json()) == 1


async def test_declining_removes_an_upload(wire: Wire, served: Served, platform: Platform, tmp_path: Path) -> None:
    """Declining destroys the archive's key and then deletes the archive."""
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    upload(browser, SPOTIFY, spotify_archive(tmp_path / "export.zip"))
    library = (await journey_of(platform, asking)).library_id
    folder = served.data / "blobs" / "library" / str(library)
    assert list(folder.iterdir())
    browser.submit("decline")
    async with platform.database.session() as db:
        assert await db.get(LibraryRow, library) is None
        assert (
            await db.scalar(select(func.count()).select_from(AccountRow).where(AccountRow.library_id == library)) == 0
        )
    await sweep_whole(platform)
    assert not folder.exists()


async def test_a_file_above_the_limit_is_rejected(tmp_path: Path) -> None:
    """The page names the limit, and nothing of the file is kept."""
    with serving(tmp_path / "data", environment={"PRIVATESHARE_MAX_UPLOAD_BYTES": str(2 * 1024 * 1024)}) as running:
        async with operator_platform(Settings(data=running.data, database_pool_size=2)) as platform:
            wire = await asking_contract(People(platform, running.origin))
        browser = opened(ask(wire, f"&service={SPOTIFY}").url)
        archive = tmp_path / "export.zip"
        archive.write_bytes(b"PK\x03\x04" + b"x" * (3 * 1024 * 1024))
        browser.submit("continue", file=archive)
        assert browser.page is not None
        assert (browser.page.name, browser.page.status) == ("connect", 413)
        assert "at most 2 MB" in browser.page.html
        blobs = running.data / "blobs"
        assert files_below(blobs) == {blobs / PROBE_BLOB}


async def test_an_interrupted_upload_leaves_nothing(wire: Wire, served: Served, tmp_path: Path) -> None:
    """A person who closes the page during an upload leaves no data and no open file."""
    http = httpx2.Client()
    browser = opened(ask(wire, f"&service={SPOTIFY}").url, http=http)
    assert browser.page is not None
    token = next(entry.value for entry in browser.page.form("continue").inputs if entry.name == "token")
    (cookie,) = http.cookies.jar
    target = urlsplit(browser.page.url)
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\nCookie: {cookie.name}={cookie.value}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {64 * MEGABYTE}\r\n\r\n"
        f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n'
        '--b\r\nContent-Disposition: form-data; name="archive"; filename="a.zip"\r\n\r\n'
    )
    with socket.create_connection((str(target.hostname), target.port or 80)) as connection:
        connection.sendall(head.encode() + b"x" * (4 * MEGABYTE))
        await until(lambda: bool(nameless_files(served)))
    await until(lambda: not nameless_files(served))


def nameless_files(served: Served) -> list[str]:
    """Return the files without a name that the server holds open in its data folder."""
    found = []
    for descriptor in Path(f"/proc/{served.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return [path for path in found if path.startswith(str(served.data)) and path.endswith("(deleted)")]


def test_the_test_archive_is_a_zip_of_json(tmp_path: Path) -> None:
    """It has the format of Spotify's exports."""
    with zipfile.ZipFile(spotify_archive(tmp_path / "export.zip")) as archive:
        (name,) = archive.namelist()
        assert name.endswith(HISTORY)
        assert len(json.loads(archive.read(name))) == 40
