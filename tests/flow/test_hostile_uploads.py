"""Tests of archives that take long to read, many at once: their uploader gets an answer, and nobody else notices."""

import io
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from examples.walking import Browser

from tests.archives import play, spotify_zip
from tests.flow.consenting import ask, asking_contract, known_person, opened, page_of, problem_of_upload, upload
from tests.flow.killing import reader_killed_once
from tests.flow.people import EVERYTHING, FHIR_FILE, SPOTIFY, People
from tests.flow.served import Served
from tests.flow.wire import Wire

SIZE = 15_000_000
PATIENCE_SECONDS = 280  # Readers run at low priority, and other tests use this machine too.
SOON = 1.0  # seconds
MOSTLY = 0.9  # Responses may be slow, because other tests use this machine too.


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document={"dataRequest": EVERYTHING})


def packed(name: str, *pieces: bytes) -> bytes:
    """Return a zip of one file, small whatever is in it."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive, archive.open(name, "w") as file:
        for piece in pieces:
            file.write(piece)
    return found.getvalue()


LINE = b'[{"ts": "2026-01-01T00:00:00Z", "ms_played": '
HOSTILE: dict[str, Callable[[], bytes]] = {
    "one long number": lambda: packed("endsong_0.json", LINE, b"9" * SIZE, b"}]"),
    "one long fraction": lambda: packed("endsong_0.json", LINE, b"0." + b"1" * SIZE, b"}]"),
    "many long numbers": lambda: packed("endsong_0.json", b"[", (b"9" * 399 + b",") * (SIZE // 400), b"1]"),
    "deep": lambda: packed("endsong_0.json", b"[" * SIZE),
    "many small arrays": lambda: packed("endsong_0.json", b"[", b"[]," * (SIZE // 3), b"1]"),
    "many keys": lambda: packed("endsong_0.json", b"[{", b'"a":0,' * (SIZE // 6), b'"b":0}]'),
    "broken lines": lambda: packed("endsong_0.json", b'{"ts\n' * (SIZE // 5)),
    "a text without end": lambda: packed("endsong_0.json", LINE, b'"', b"\\" * SIZE),
}


@pytest.mark.timeout(PATIENCE_SECONDS)
@pytest.mark.slow
def test_hostile_archives_slow_nobody_down(wire: Wire, served: Served, tmp_path: Path) -> None:
    """While eight are read at once the platform is ready, reads are answered, and so is every upload."""
    tokens = known_person(wire)
    browsers = {}
    for name, make in HOSTILE.items():
        path = tmp_path / name
        path.write_bytes(make())
        assert path.stat().st_size < 400_000
        http = httpx2.Client(timeout=PATIENCE_SECONDS)
        browsers[path] = opened(ask(wire, f"&service={SPOTIFY}").url, http=http)
    threads = [threading.Thread(target=send, args=(browser, path)) for path, browser in browsers.items()]
    for thread in threads:
        thread.start()
    took = []
    while any(thread.is_alive() for thread in threads):
        calls: list[Callable[[], httpx2.Response]] = [
            lambda: httpx2.get(f"{served.origin}/readyz"),
            lambda: wire.get("permission-access/accounts", access_token=tokens.access),
        ]
        for call in calls:
            began = time.monotonic()
            assert call().status_code == 200
            took.append(time.monotonic() - began)
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert len(took) > 10
    assert sum(seconds < SOON for seconds in took) >= MOSTLY * len(took)
    for path, browser in browsers.items():
        assert 'class="problem"' in problem_of_upload(browser), path.name


def send(browser: Browser, path: Path) -> None:
    browser.submit("continue", file=path)


def test_a_hostile_record_is_skipped(wire: Wire, tmp_path: Path) -> None:
    """The other records are imported."""
    good = b'{"resourceType": "Observation", "id": "o%d", "valueInteger": 1}'
    bad = b'{"resourceType": "Observation", "valueDecimal": ' + b"9" * 5_000_000 + b"}"
    path = tmp_path / "record.json"
    path.write_bytes(b"[" + b",".join([good % 1, bad, good % 2]) + b"]")
    browser = opened(ask(wire, f"&service={FHIR_FILE}").url)
    upload(browser, FHIR_FILE, path)
    assert page_of(browser) == "consent"
    assert browser.page is not None
    assert "1 of 3 entries has a number with too many digits" in browser.page.html


def test_a_killed_reader_is_reported(wire: Wire, served: Served, tmp_path: Path) -> None:
    """The page says that the file was not the cause, and the person can send it again."""
    path = tmp_path / "export.zip"
    path.write_bytes(spotify_zip([play(number) for number in range(20_000)]))
    browser = opened(ask(wire, f"&service={SPOTIFY}").url)
    with reader_killed_once(served):
        browser.submit("continue", file=path)
    assert "a fault in this service" in problem_of_upload(browser)
    assert browser.page is not None
    browser.open(browser.page.links["Upload another file"])
    upload(browser, SPOTIFY, path)
    assert page_of(browser) == "consent"
