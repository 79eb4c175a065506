"""`/me/…/take`: everything in one file, made in the background, downloaded in parts, by nobody but its person."""

import io
import json
import re
import zipfile
from datetime import timedelta

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import select

from privateshare.platform.blobs.store import BlobNotFound
from privateshare.platform.db.tables import ExportRow, FileRow
from privateshare.platform.me.export_pages import read_range
from privateshare.platform.runtime import Platform
from tests.flow.consenting import asking_contract, known_person, opened, page_of
from tests.flow.people import People
from tests.flow.security.attacking import Victim, victim
from tests.flow.sessions import wait_until_over
from tests.flow.sweeping import sweep_whole


@pytest.fixture(scope="module")
async def mia(people: People, platform: Platform) -> Victim:
    """Provide a person whose music and health record are in their library."""
    person = await victim(platform, await asking_contract(people), leaves_out=None)
    wait_until_over(person.wire, person.tokens, person.session)
    return person


def made(person: Victim) -> str:
    """Have the archive made; return the address to download it from."""
    browser = opened(f"{person.wire.origin}/me", http=person.http)
    browser.open(f"{browser.page.url}/take")  # type: ignore[union-attr]
    browser.submit("make")
    address = _download(browser)
    assert address is not None
    return person.wire.origin + address


def _download(browser: Browser) -> str | None:
    assert page_of(browser) == "me-take"
    found = re.search(r'href="([^"]+/take/[^"]+)"', browser.page.html)  # type: ignore[union-attr]
    return found[1] if found else None


async def test_everything_is_in_the_archive(platform: Platform, mia: Victim) -> None:
    """Each object once in each form; a page to read offline; nothing of it is stored in plain text."""
    address = made(mia)
    answer = mia.http.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    names = archive.namelist()
    assert all(re.fullmatch(r"[a-z0-9./-]+", name) and ".." not in name for name in names)
    manifest = json.loads(archive.read("manifest.json"))
    async with platform.database.transaction() as db:
        files = list(await db.scalars(select(FileRow).where(FileRow.library_id == mia.library)))
        (row,) = await db.scalars(select(ExportRow).where(ExportRow.library_id == mia.library))
    assert sum(kind["objects"] for kind in manifest["kinds"]) == sum(file.object_count for file in files)
    for kind in manifest["kinds"]:
        lines = archive.read(kind["path"]).splitlines()
        assert len(lines) == kind["objects"]
        whole = json.loads(archive.read(kind["path"].replace(".ndjson", ".json")))
        assert [json.loads(line) for line in lines] == whole
    (bundle,) = [json.loads(archive.read(name)) for name in names if name.endswith("bundle.json")]
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    assert {entry["resource"]["resourceType"] for entry in bundle["entry"]} >= {"Patient", "Condition", "Observation"}
    index = archive.read("index.html").decode()
    for page in re.findall(r'href="([^"]+)"', index):
        assert page in names
    assert "http" not in re.sub(r"<meta[^>]+>", "", index)
    assert any(name.endswith(".parquet") for name in names)
    stored = b"".join(platform.blobs.read(row.blob))
    assert b"PK\x03\x04" not in stored[:200]
    assert b"manifest.json" not in stored


def test_a_download_is_resumed(mia: Victim) -> None:
    """Any part can be asked for, and the parts are the whole; a changed archive is sent from its start."""
    address = made(mia)
    whole = mia.http.get(address)
    size, tag = len(whole.content), whole.headers["etag"]
    half = size // 2
    first = mia.http.get(address, headers={"Range": f"bytes=0-{half - 1}"})
    rest = mia.http.get(address, headers={"Range": f"bytes={half}-", "If-Range": tag})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert rest.headers["content-range"] == f"bytes {half}-{size - 1}/{size}"
    assert first.content + rest.content == whole.content
    assert mia.http.get(address, headers={"Range": f"bytes={half}-", "If-Range": '"another"'}).status_code == 200
    beyond = mia.http.get(address, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert mia.http.head(address).headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        ("", (0, 100)),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=0-1,5-6", (0, 100)),
        ("bytes=100-", None),
        ("bytes=5-4", None),
        ("bytes=-0", None),
        ("bytes=-", None),
        ("bytes=x-", None),
        ("items=0-5", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_a_range_is_parsed_as_rfc_9110_says(wanted: str, span: tuple[int, int] | None) -> None:
    """As RFC 9110 says."""
    assert read_range(wanted, 100) == span


async def test_only_its_owner_downloads_an_export(mia: Victim) -> None:
    """Not another person with their own pages, nor anybody without the browser; a new archive replaces the old."""
    address = made(mia)
    home, id_ = address.split("/take/")
    other = httpx2.Client()
    known_person(mia.wire, other)
    theirs = opened(f"{mia.wire.origin}/me", http=other).page
    assert theirs is not None
    assert other.get(address).status_code == 303
    assert other.get(f"{theirs.url}/take/{id_}").status_code == 404
    assert other.post(f"{home}/take", data={"token": "x"}).status_code == 303
    assert mia.http.post(f"{home}/take", data={"token": "x"}).status_code == 403
    made(mia)
    assert mia.http.get(address).status_code == 404


async def test_an_archive_is_deleted_after_a_week(platform: Platform, mia: Victim) -> None:
    """Its row and its content."""
    address = made(mia)
    async with platform.database.transaction() as db:
        (row,) = await db.scalars(select(ExportRow).where(ExportRow.library_id == mia.library))
        row.created_at -= timedelta(days=8)
    await sweep_whole(platform)
    assert mia.http.get(address).status_code == 404
    with pytest.raises(BlobNotFound):
        platform.blobs.size(row.blob)
