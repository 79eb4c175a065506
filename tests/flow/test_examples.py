"""The examples do what they say."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from examples.fastapi_app.app import from_environment
from examples.returning import ReturnAddress
from examples.walking import Browser, consent
from fastapi.testclient import TestClient

from tests.flow.consenting import asking_contract
from tests.flow.people import FHIR_FILE, SPOTIFY, People


@pytest.fixture
def demo_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "demo"
    yield folder
    running = folder / "running.json"
    if running.exists():
        os.kill(json.loads(running.read_text())["pid"], signal.SIGTERM)


def run_demo(folder: Path) -> str:
    environment = {**os.environ, "DEMO_BROWSER": "0", "DEMO_FOLDER": str(folder), "COLUMNS": "100"}
    command = [sys.executable, "-m", "examples.demo"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_shows_what_was_read(demo_folder: Path) -> None:
    """The demo ends with tables of what was read and leaves its platform running; a second one uses that again."""
    first = run_demo(demo_folder)
    for words in ("What was read", "Top artists", "Conditions", "spotify playhistory", "fhirfile condition"):
        assert words in first
    address = re.findall(r"http://127\.0\.0\.1:\d+", first)[-1]
    assert httpx2.get(f"{address}/readyz").status_code == 200
    second = run_demo(demo_folder)
    assert address in second


async def test_the_web_app_shows_a_visitors_data(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A visitor of the example app lends it their data, and it shows what is in it; a stranger sees nothing."""
    contract = await asking_contract(people, redirect_uris=("http://127.0.0.1/return",))
    key = tmp_path / "contract.pem"
    key.write_bytes(contract.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv("PRIVATESHARE_APPLICATION_ID", contract.application_id)
    monkeypatch.setenv("PRIVATESHARE_CONTRACT_ID", contract.contract_id)
    monkeypatch.setenv("PRIVATESHARE_PRIVATE_KEY", str(key))
    monkeypatch.setenv("PRIVATESHARE_BASE_URL", f"{contract.origin}/v1.7/")
    app = from_environment()
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as visitor:
        asked = visitor.post("/connect").headers["location"]
        returned = consent(Browser(), asked, {SPOTIFY: "default", FHIR_FILE: "default"})
        assert visitor.get(returned).headers["location"] == "/you"
        assert visitor.get(returned).headers["location"] == "/you"
        shown = visitor.get("/you").text
        assert "Your top artists" in shown
        assert "Your conditions" in shown
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as stranger:
        assert stranger.get("/you").headers["location"] == "/"
        assert stranger.get(returned).headers["location"] == "/"


def test_a_program_hears_who_came_back() -> None:
    """The address of a program takes one visit, and nothing else is found there."""
    with ReturnAddress() as back:
        assert httpx2.get(f"{back.address}?code=x&state=y").status_code == 200
        assert httpx2.get(back.address.replace("return", "else")).status_code == 404
        assert back.wait() == f"{back.address}?code=x&state=y"
