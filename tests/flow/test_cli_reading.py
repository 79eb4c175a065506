"""Tests of the commands that read a person's data, run as processes against a running platform."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import httpx2
import pytest
from examples.walking import Browser

from privateshare import UserAccessToken, tables
from privateshare.protocol import jwt
from privateshare.version import VERSION
from tests.flow.command_line import run_command
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.sdk_client import client_of
from tests.flow.wire import Wire, query_of
from tests.patience import GIVE_UP_SECONDS

COMMAND = [sys.executable, "-m", "privateshare"]


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract(redirect_uris=["http://127.0.0.1/return"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> Path:
    """Provide a folder with the contract's key, and where profiles are kept."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "key.pem").write_text(jwt.private_pem(wire.key))
    return folder


def environment(home: Path) -> dict[str, str]:
    """Profiles below the home of the test."""
    return {**os.environ, "PRIVATESHARE_CONFIG": str(home / "config")}


def run(home: Path, *arguments: str, code: int = 0) -> str:
    """The output of a command that ends with this code."""
    done = run_command(*arguments, environment=environment(home))
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
async def signed_in(home: Path, wire: Wire, people: People) -> Path:
    """Provide a person who consented through `privateshare login`."""
    command = [*COMMAND, "login", "--no-browser", "--app", wire.application_id, "--contract", wire.contract_id]
    command += ["--key", str(home / "key.pem"), "--base-url", wire.url("")]
    process = subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().removeprefix("The consent page: ").strip()
    code = await people.consent(query_of(url)["code"], sources=(SPOTIFY, FHIR_FILE))
    target = await people.return_target(query_of(url)["code"])
    page = httpx2.get(f"{target.redirect_uri}?success=true&code={code}&state={target.state}")
    assert "close this page" in page.text
    assert process.wait(GIVE_UP_SECONDS) == 0
    return home


def test_the_token_file_is_private(signed_in: Path) -> None:
    """Its mode is 0600, and `whoami` shows no secret."""
    file = signed_in / "config" / "profiles.json"
    assert file.stat().st_mode & 0o777 == 0o600
    kept = json.loads(json.loads(file.read_text())["default"]["token"])
    shown = run(signed_in, "whoami")
    assert kept["user_id"] in shown
    assert kept["access_token"]["value"] not in shown


def test_sources_and_accounts_are_listed(signed_in: Path) -> None:
    """They are printed as text and as JSON."""
    assert "Spotify" in run(signed_in, "sources")
    listed = json.loads(run(signed_in, "accounts", "--json"))
    assert {account["source"] for account in listed} == {"Spotify", "Health record file"}


def test_everything_is_read_into_a_folder(signed_in: Path, tmp_path: Path) -> None:
    """A second run downloads nothing. Parquet tables are written on request."""
    first = json.loads(run(signed_in, "read", "--into", str(tmp_path), "--json"))
    assert first["state"] == "completed"
    assert first["read"] == len(list(tmp_path.glob("*.json"))) > 10
    second = json.loads(run(signed_in, "read", "--into", str(tmp_path), "--format", "parquet", "--json"))
    assert (second["read"], second["skipped"], second["gone"]) == (0, first["read"], [])
    assert (tmp_path / "parquet" / "playhistory.parquet").exists()


def test_a_part_is_read_by_time_type_and_source(signed_in: Path, tmp_path: Path) -> None:
    """Names and ids are taken; what the contract does not allow, and what does not exist, is refused with a hint."""
    into = ("--into", str(tmp_path / "{user}"), "--json")
    done = json.loads(run(signed_in, "read", *into, "--type", "playhistory", "--source", "Spotify", "--last", "3m"))
    folder = tmp_path / "default"
    assert done["into"] == str(folder)
    names = {path.name for path in folder.glob("*.json")}
    assert names
    assert all(name.startswith("18_5_19_") and "_406_" in name for name in names)
    more = json.loads(run(signed_in, "read", *into, "--type", "406", "--type", "condition"))
    assert more["read"] > len(names)  # Those before were of three months only.
    assert {name.split("_")[4] for path in folder.glob("*.json") if (name := path.name)} == {"406", "128"}
    assert more["gone"] == []
    assert "do you mean one of playhistory" in run(signed_in, "read", *into, "--type", "playhistroy", code=1)
    assert "allows nothing" in run(signed_in, "read", *into, "--type", "playhistory", "--source", "fitbit", code=1)
    assert "such as 12m" in run(signed_in, "read", *into, "--last", "soon", code=1)


def test_tables_are_written_as_databases(signed_in: Path, tmp_path: Path) -> None:
    """DuckDB and SQLite; without a terminal, the command does not print a line for each file."""
    run(signed_in, "read", "--into", str(tmp_path), "--format", "duckdb", "--json")
    with duckdb.connect(str(tmp_path / "tables.duckdb"), read_only=True) as database:
        assert database.execute("SELECT count(DISTINCT track.name) > 10 FROM playhistory").fetchone() == (True,)
    command = ("read", "--into", tmp_path / "new", "--format", "sqlite", "--flat")
    done = run_command(*command, environment=environment(signed_in))
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "new" / "tables.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM playhistory WHERE artist IS NULL").fetchone() == (0,)
    began, *more = done.stderr.splitlines()
    assert began == f"reading into {tmp_path / 'new'}"
    assert all(line.startswith("reading: ") for line in more)  # These come every few seconds.


def test_a_folder_of_another_person_is_refused(signed_in: Path, tmp_path: Path) -> None:
    """The error names whose it is, and how each person gets a folder of their own."""
    owner = {"owner": {"name": "p017", "userId": "somebody", "contract": "x"}}
    (tmp_path / ".privateshare-manifest.jsonl").write_text(json.dumps(owner) + "\n")
    told = run(signed_in, "read", "--into", str(tmp_path), code=1)
    assert "p017 (somebody) with the contract x" in told
    assert "study/{user}" in told
    assert not list(tmp_path.glob("*.json"))
    kept = json.loads((signed_in / "config" / "profiles.json").read_text())["default"]["folders"]
    assert str(tmp_path) not in kept


def test_storage_commands_work(signed_in: Path, tmp_path: Path) -> None:
    """The commands new, put, ls, get and rm work together."""
    storage = json.loads(run(signed_in, "storage", "new", "--json"))["storage_id"]
    (tmp_path / "note.txt").write_text("a note")
    run(signed_in, "storage", "put", "--storage", storage, str(tmp_path / "note.txt"), "/Notes/one.txt")
    assert "/Notes/one.txt" in run(signed_in, "storage", "ls", "--storage", storage, "-r")
    run(signed_in, "storage", "get", "--storage", storage, "/notes/one.txt", str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_text() == "a note"
    run(signed_in, "storage", "rm", "--storage", storage, "/Notes/")
    assert run(signed_in, "storage", "ls", "--storage", storage, "-r").strip() == "none"


def test_storage_uses_file_names_for_folders(signed_in: Path, tmp_path: Path) -> None:
    """If a folder is named as the target, the file keeps its name. With --json each command prints one object."""
    (tmp_path / "note.txt").write_text("a note")
    (tmp_path / "into").mkdir()
    storage = json.loads(run(signed_in, "storage", "new", "--json"))["storage_id"]
    to = ("--storage", storage, "--json")
    put = json.loads(run(signed_in, "storage", "put", str(tmp_path / "note.txt"), "/Notes/", *to))
    assert (put["stored"], put["size"]) == ("/Notes/note.txt", 6)
    got = json.loads(run(signed_in, "storage", "get", put["stored"], str(tmp_path / "into"), *to))
    assert Path(got["into"]).read_text() == "a note"
    (listed,) = json.loads(run(signed_in, "storage", "ls", "-r", *to))
    assert (listed["path"], listed["id"]) == ("/Notes/note.txt", put["id"])
    assert 6 < listed["size"] < 2000
    assert abs(datetime.fromisoformat(listed["date"]) - datetime.now(UTC)) < timedelta(hours=1)
    assert json.loads(run(signed_in, "storage", "rm", "/Notes/", *to)) == {"removed": "/Notes/"}
    assert "no folder" in run(signed_in, "storage", "get", "/x", str(tmp_path / "nowhere" / "x"), *to, code=2)
    assert "storage new" in run(signed_in, "storage", "ls", code=1)


def test_storage_asks_before_it_deletes_all(signed_in: Path, tmp_path: Path) -> None:
    """However the whole storage is written; with --json it needs --yes. A folder is deleted without a question."""
    (tmp_path / "note.txt").write_text("a note")
    storage = json.loads(run(signed_in, "storage", "new", "--json"))["storage_id"]
    run(signed_in, "storage", "put", str(tmp_path / "note.txt"), "--storage", storage)
    for everything in ("/", "//", "", "/./"):
        assert "Delete all files" in run(signed_in, "storage", "rm", everything, "--storage", storage, code=1)
    assert "--yes" in run(signed_in, "storage", "rm", "/", "--storage", storage, "--json", code=1)
    assert "/note.txt" in run(signed_in, "storage", "ls", "--storage", storage)
    run(signed_in, "storage", "rm", "/", "--storage", storage, "--yes")
    assert run(signed_in, "storage", "ls", "--storage", storage).strip() == "none"


def test_storage_takes_standard_input_and_gives_standard_output(signed_in: Path) -> None:
    """Any bytes, which are all that is written to standard output."""
    storage = json.loads(run(signed_in, "storage", "new", "--json"))["storage_id"]
    content = bytes(range(256)) * 5000
    command = [*COMMAND, "storage", "put", "-", "/piped.bin", "--storage", storage, "--json"]
    done = subprocess.run(command, env=environment(signed_in), input=content, capture_output=True, check=True)
    assert json.loads(done.stdout)["size"] == len(content)
    command = [*COMMAND, "storage", "get", "/piped.bin", "-", "--storage", storage]
    done = subprocess.run(command, env=environment(signed_in), capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (content, b"")
    assert "must not be a folder" in run(signed_in, "storage", "put", "-", "/", "--storage", storage, code=2)
    assert "There is no file" in run(signed_in, "storage", "get", "/nothing", "-", "--storage", storage, code=1)


async def test_a_file_is_pushed(people: People, tmp_path: Path) -> None:
    """A write contract pushes it, after a consent page without sources."""
    wire = await people.contract(kind="write")
    tokens, _ = await people.user(wire, sources=())
    token = UserAccessToken.from_claims(tokens.claims)
    (tmp_path / "key.pem").write_text(jwt.private_pem(wire.key))
    (tmp_path / "config").mkdir()
    profile = {"application_id": wire.application_id, "contract_id": wire.contract_id, "base_url": wire.url("")}
    profile |= {"key_file": str(tmp_path / "key.pem"), "token": token.to_json()}
    (tmp_path / "config" / "profiles.json").write_text(json.dumps({"work": profile}))
    (tmp_path / "receipt.json").write_text("{}")
    command = ("push", str(tmp_path / "receipt.json"), "--mime-type", "application/json", "--profile", "work", "--json")
    assert json.loads(run(tmp_path, *command)) == {"pushed": "receipt.json", "size": 2}
    assert "there are: work" in run(tmp_path, "whoami", code=1)


def test_errors_are_json_on_request(signed_in: Path, tmp_path: Path) -> None:
    """With --json, standard error has an object that a program can evaluate."""
    told = json.loads(run(signed_in, "storage", "ls", "--storage", "nothing", "--json", code=1))["error"]
    assert (told["code"], told["status"], bool(told["reference"])) == ("NotFound", 404, True)
    assert json.loads(run(tmp_path, "whoami", "--json", code=1))["error"]["code"] == "ConfigurationError"


@pytest.mark.parametrize("what", ["login", "read"])
async def test_ctrl_c_ends_a_command_quietly(signed_in: Path, tmp_path: Path, what: str, wire: Wire) -> None:
    """The exit code is 130, without a traceback, and no partial file is left."""
    commands = {"login": ["login", "--no-browser", "--replace"], "read": ["read", "--into", str(tmp_path)]}
    process = subprocess.Popen(
        [*COMMAND, *commands[what]],
        env=environment(signed_in),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # A job in the background ignores the signal.
    )
    assert process.stdout is not None
    assert process.stderr is not None
    (process.stdout if what == "login" else process.stderr).readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=GIVE_UP_SECONDS)
    # Everything may have been read by then, and the command may be about to end.
    assert process.returncode in ({130} if what == "login" else {130, 0, -signal.SIGINT})
    assert "Traceback" not in told
    assert not list(tmp_path.glob(".*.part"))


def test_declining_is_reported_and_foreign_responses_ignored(signed_in: Path) -> None:
    """A response with another state is ignored, and another path is not found."""
    before = run(signed_in, "whoami")
    command = [*COMMAND, "login", "--no-browser", "--json", "--replace"]
    process = subprocess.Popen(
        command, env=environment(signed_in), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    url = process.stderr.readline().removeprefix("The consent page: ").strip()
    browser = Browser()
    browser.open(url)
    browser.submit("decline")
    assert browser.left_to is not None
    back = httpx2.URL(browser.left_to)
    idle = socket.create_connection((back.host, back.port))  # Browsers open such connections in advance.
    assert httpx2.get(back.copy_with(path="/favicon.ico", query=None)).status_code == 404
    assert httpx2.get(back.copy_set_param("state", "foreign")).status_code == 400
    assert process.poll() is None
    assert "Nothing was shared" in httpx2.get(back).text
    _, told = process.communicate(timeout=GIVE_UP_SECONDS)
    idle.close()
    assert process.returncode == 1
    assert json.loads(told)["error"]["code"] == "USER_CANCEL"
    assert run(signed_in, "whoami") == before  # Only a person who consented replaces another one.


def begin(home: Path, *arguments: str) -> tuple["subprocess.Popen[str]", str]:
    """Begin a command that waits for a person, and return it with the address of the page."""
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--no-browser"],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().removeprefix("The consent page: ").strip()


def test_a_person_is_not_replaced_by_mistake(signed_in: Path, wire: Wire) -> None:
    """A second login says what each choice is for, with and without the options of a new profile."""
    new = ("--app", wire.application_id, "--contract", wire.contract_id, "--key", str(signed_in / "key.pem"))
    for options in ((), new):
        told = run(signed_in, "login", "--no-browser", *options, code=1)
        assert "is signed in as" in told
        for choice in ("privateshare connect", "login --renew", "--profile NAME", "--replace"):
            assert choice in told
    assert "takes no other" in run(signed_in, "login", "--renew", "--replace", code=1)
    assert "there is no profile" in run(signed_in, "login", "--renew", "--profile", "nobody", code=1)


async def test_a_sign_in_is_renewed(signed_in: Path, people: People) -> None:
    """The same person gets new tokens, in the same profile."""
    before = json.loads((signed_in / "config" / "profiles.json").read_text())["default"]
    process, url = begin(signed_in, "login", "--renew")
    code = await people.consent(query_of(url)["code"], sources=(SPOTIFY, FHIR_FILE))
    target = await people.return_target(query_of(url)["code"])
    httpx2.get(f"{target.redirect_uri}?success=true&code={code}&state={target.state}")
    assert process.wait(GIVE_UP_SECONDS) == 0
    after = json.loads((signed_in / "config" / "profiles.json").read_text())["default"]
    assert json.loads(after["token"])["user_id"] == json.loads(before["token"])["user_id"]
    assert json.loads(after["token"])["access_token"] != json.loads(before["token"])["access_token"]
    assert {**after, "token": ""} == {**before, "token": ""}
    assert len(json.loads(run(signed_in, "accounts", "--json"))) == 2


def test_a_source_of_the_same_person_is_connected(signed_in: Path) -> None:
    """The person stays, and so does their token; an account that is not theirs is refused."""
    profiles = signed_in / "config" / "profiles.json"
    before = json.loads(json.loads(profiles.read_text())["default"]["token"])["refresh_token"]
    process, url = begin(signed_in, "connect", "--source", str(FHIR_FILE))
    browser = Browser()
    browser.open(url)
    assert browser.page is not None
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    assert browser.left_to is not None
    assert "close this page" in httpx2.get(browser.left_to).text
    told, errors = process.communicate(timeout=GIVE_UP_SECONDS)
    assert process.returncode == 0, errors
    assert "Connected Health record file" in told
    assert json.loads(json.loads(profiles.read_text())["default"]["token"])["refresh_token"] == before
    both = ("--account", "19_x", "--source", "16")
    assert "not needed" in run(signed_in, "connect", *both, code=1)
    assert "there is no account 19_x; there are: 19_" in run(signed_in, "connect", "--account", "19_x", code=1)


def test_errors_take_one_line(signed_in: Path, tmp_path: Path) -> None:
    """Examples are pushing with a read contract and using a profile without a sign-in."""
    (tmp_path / "x").write_text("x")
    told = run(signed_in, "push", str(tmp_path / "x"), "--mime-type", "text/plain", code=1)
    assert "write contract" in told
    assert "Traceback" not in told
    assert "login" in run(tmp_path, "accounts", code=1)
    assert "is a file" in run(signed_in, "read", "--into", str(tmp_path / "x"), code=2)
    assert run(signed_in, "read", "--into", "/proc/nothing", code=1).startswith("privateshare: ")
    assert run(signed_in, "--version", code=0).strip() == VERSION


def test_deletion_reaches_the_folder(signed_in: Path, wire: Wire, tmp_path: Path) -> None:
    """What is gone is listed, and with --prune deleted from the files and from the tables that had it."""
    into = ("read", "--into", str(tmp_path), "--json")
    for form in ("parquet", "sqlite"):
        run(signed_in, *into, "--format", form, "--type", "playhistory", "--type", "condition")
    kept = json.loads((signed_in / "config" / "profiles.json").read_text())["default"]["token"]
    with client_of(wire) as app:
        token = UserAccessToken.from_json(kept)
        (account,) = [found for found in app.read_accounts(token) if found.service_type_name == "Spotify"]
        app.delete_account(token, account.id)
    after = json.loads(run(signed_in, *into))
    assert after["gone"] == sorted(path.name for path in tmp_path.glob("18_5_19_*.json"))
    assert after["gone"]
    assert "playhistory" not in tables(tmp_path)
    pruned = json.loads(run(signed_in, *into, "--prune"))
    assert sorted(pruned["pruned"]) == after["gone"]
    assert not list(tmp_path.glob("18_5_19_*.json"))
    left = {path.name for path in (tmp_path / "parquet").iterdir()}
    assert "condition.parquet" in left
    assert "playhistory.parquet" not in left
    with closing(sqlite3.connect(tmp_path / "tables.sqlite")) as database:
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert "condition" in names
    assert "playhistory" not in names
    assert json.loads(run(signed_in, *into))["gone"] == []


def test_revoking_ends_access(signed_in: Path) -> None:
    """The token stops working and is deleted. This test runs last in the file."""
    token = json.loads((signed_in / "config" / "profiles.json").read_text())["default"]["token"]
    assert "--yes" in run(signed_in, "revoke", "--json", code=1)
    read_into = signed_in / "read before"
    run(signed_in, "read", "--into", str(read_into), "--json")
    revoked = json.loads(run(signed_in, "revoke", "--yes", "--json"))
    assert revoked["deleted"]
    (kept,) = [found for found in revoked["still_on_this_disk"] if found["folder"] == str(read_into)]
    assert kept["files"] == len([path for path in read_into.iterdir() if path.is_file()])
    assert kept["bytes"] > 0
    assert "privateshare login" in run(signed_in, "accounts", code=1)
    profiles = json.loads((signed_in / "config" / "profiles.json").read_text())
    assert profiles["default"]["token"] is None
    profiles["default"]["token"] = token
    (signed_in / "config" / "profiles.json").write_text(json.dumps(profiles))
    told = run(signed_in, "accounts", code=1)
    assert "is invalid. Run: privateshare login (reference " in told
    profiles["default"]["token"] = token
    (signed_in / "config" / "profiles.json").write_text(json.dumps(profiles))
    told = run(signed_in, "read", "--into", str(read_into), code=1)
    assert f"The files that were read before are still in {read_into}. Run: privateshare login" in told
