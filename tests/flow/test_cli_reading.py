"""The person's commands, as processes, against a running platform."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from privateshare.platform.db.tables import Journey
from privateshare.platform.grants.secrets import digest
from privateshare.protocol import jwt
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.wire import Wire, query_of

COMMAND = [sys.executable, "-m", "privateshare"]


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract(redirect_uris=["http://127.0.0.1/return"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> Path:
    """A folder with the contract's key, and where profiles are kept."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "key.pem").write_text(jwt.private_pem(wire.key))
    return folder


def environment(home: Path) -> dict[str, str]:
    """Profiles below the home of the test."""
    return {**os.environ, "PRIVATESHARE_CONFIG": str(home / "config")}


def run(home: Path, *arguments: str, code: int = 0) -> str:
    """The output of a command that ends with this code."""
    done = subprocess.run([*COMMAND, *arguments], env=environment(home), capture_output=True, text=True)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
async def signed_in(home: Path, wire: Wire, people: People) -> Path:
    """A person who consented through `privateshare login`."""
    command = [*COMMAND, "login", "--no-browser", "--app", wire.application_id, "--contract", wire.contract_id]
    command += ["--key", str(home / "key.pem"), "--base-url", wire.url("")]
    process = subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().removeprefix("The consent page: ").strip()
    code = await people.consent(query_of(url)["code"], sources=(SPOTIFY, FHIR_FILE))
    async with people.platform.database.transaction() as db:
        journey = await db.scalar(select(Journey).where(Journey.code_hash == digest(query_of(url)["code"])))
        assert journey is not None
    page = httpx2.get(f"{journey.redirect_uri}?success=true&code={code}&state={journey.state}")
    assert "close this page" in page.text
    assert process.wait(30) == 0
    return home


def test_the_token_is_kept_for_its_owner_alone(signed_in: Path):
    """0600, and `whoami` shows no secret."""
    file = signed_in / "config" / "profiles.json"
    assert file.stat().st_mode & 0o777 == 0o600
    kept = json.loads(json.loads(file.read_text())["default"]["token"])
    shown = run(signed_in, "whoami")
    assert kept["user_id"] in shown
    assert kept["access_token"]["value"] not in shown


def test_sources_and_accounts_are_listed(signed_in: Path):
    """As text and as JSON."""
    assert "Spotify" in run(signed_in, "sources")
    listed = json.loads(run(signed_in, "accounts", "--json"))
    assert {account["source"] for account in listed} == {"Spotify", "Health record (FHIR file)"}


def test_everything_is_read_into_a_folder(signed_in: Path, tmp_path: Path):
    """A second run finds it there; Parquet tables on request."""
    first = json.loads(run(signed_in, "read", "--into", str(tmp_path), "--json"))
    assert first["state"] == "completed"
    assert first["read"] == len(list(tmp_path.glob("*.json"))) > 10
    second = json.loads(run(signed_in, "read", "--into", str(tmp_path), "--format", "parquet", "--json"))
    assert (second["read"], second["there before"]) == (0, first["read"])
    assert (tmp_path / "parquet" / "playhistory.parquet").exists()


def test_storage_keeps_files(signed_in: Path, tmp_path: Path):
    """New, put, ls, get, rm."""
    storage = json.loads(run(signed_in, "storage", "new", "--json"))["storage_id"]
    (tmp_path / "note.txt").write_text("a note")
    run(signed_in, "storage", "put", "--storage", storage, str(tmp_path / "note.txt"), "/Notes/one.txt")
    assert "/Notes/one.txt" in run(signed_in, "storage", "ls", "--storage", storage, "-r")
    run(signed_in, "storage", "get", "--storage", storage, "/notes/one.txt", str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_text() == "a note"
    run(signed_in, "storage", "rm", "--storage", storage, "/Notes/")
    assert run(signed_in, "storage", "ls", "--storage", storage, "-r").strip() == "none"


def test_what_is_wrong_is_said_in_one_line(signed_in: Path, tmp_path: Path):
    """A read contract cannot push; nobody is signed in elsewhere."""
    (tmp_path / "x").write_text("x")
    told = run(signed_in, "push", str(tmp_path / "x"), "--mime-type", "text/plain", code=1)
    assert "write contract" in told
    assert "Traceback" not in told
    assert "login" in run(tmp_path, "accounts", code=1)


def test_revoking_ends_it(signed_in: Path):
    """Runs last in this file: the token stops working."""
    assert "deleted" in run(signed_in, "revoke", "--yes")
    assert "consent" in run(signed_in, "accounts", code=1)
