"""Tests of the documents: every block of Python runs, and every link leads somewhere."""

import asyncio
import json
import os
import re
import shlex
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import httpx2
import pytest
from examples.walking import Browser, consent

from privateshare import AsyncPrivateShare, PrivateShare
from privateshare.protocol import jwt
from privateshare.protocol.contract_document import parse_document
from tests.flow.command_line import run_command
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.served import Served
from tests.flow.wire import REDIRECT_URI, Wire, query_of
from tests.patience import GIVE_UP_SECONDS
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
_SECOND_COLUMN = re.compile(r"^\| `\w.*? \| (.*) \|$", re.MULTILINE)


def blocks(document: str) -> list[str]:
    """Return the blocks of Python of a document."""
    return _BLOCK.findall((ROOT / document).read_text("utf-8"))


@pytest.fixture
async def wire(people: People) -> Wire:
    return await people.contract()


async def returned(people: People, url: str, state: str) -> str:
    """Return the address that a person comes back to after agreeing."""
    code = await people.consent(query_of(url)["code"], sources=(SPOTIFY, FHIR_FILE))
    return f"{REDIRECT_URI}&success=true&code={code}&state={state}"


async def run(document: str, wire: Wire, people: People, tmp_path: Path) -> dict[str, object]:
    """Run the blocks of a document as one program, and return its names; the person agrees when they are asked."""
    names: dict[str, object] = {
        "APPLICATION_ID": wire.application_id,
        "CONTRACT_ID": wire.contract_id,
        "PRIVATE_KEY": jwt.private_pem(wire.key),
        "BASE_URL": wire.url(""),
        "REDIRECT_URI": REDIRECT_URI,
        "FOLDER": tmp_path,
        "WEBHOOK_SECRET": f"whsec_{'A' * 32}",
    }
    for block in blocks(document):
        if "ADDRESS_THEY_CAME_BACK_TO" in block:
            asked = names["asked"]
            names["ADDRESS_THEY_CAME_BACK_TO"] = await returned(people, asked.url, asked.state)  # type: ignore[attr-defined]
        exec(compile(block, document, "exec"), names)
    return names


async def test_the_sdk_document_runs(wire: Wire, people: People, tmp_path: Path) -> None:
    """The blocks of docs/sdk.md run one after the other; the last one defines a coroutine."""
    names = await run("docs/sdk.md", wire, people, tmp_path)
    await names["read"]()  # type: ignore[operator]
    assert (tmp_path / "one.json").exists()


async def test_the_researchers_tutorial_runs(wire: Wire, people: People, tmp_path: Path) -> None:
    """From consent to Parquet, the code prints what the text says, and leaves files, tables and no token."""
    names = await run("docs/tutorials/research.md", wire, people, tmp_path)
    assert (tmp_path / "parquet" / "playhistory.parquet").exists()
    assert list((tmp_path / "study" / "p017").glob("*.json"))
    assert names["participants"].get("p017") is None  # type: ignore[attr-defined]


def test_the_app_tutorial_runs() -> None:
    """From consent to withdrawal on a platform in memory, the document's own asserts hold."""
    names: dict[str, object] = {}
    for block in blocks("docs/tutorials/app.md"):
        exec(compile(block, "docs/tutorials/app.md", "exec"), names)
    assert "stopped" in names


def opened(address: str) -> httpx2.Response:
    """Open an address as a browser does, as soon as somebody listens there."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            return httpx2.get(address)
        except httpx2.ConnectError:
            assert time.monotonic() < give_up
            time.sleep(0.05)


async def test_the_readme_runs(people: People, tmp_path: Path) -> None:
    """The first example runs as it stands, with the ids of a contract: it waits for the person, and prints files."""
    wire = await people.contract(redirect_uris=["http://127.0.0.1:8000/return"])
    (tmp_path / "contract.pem").write_text(jwt.private_pem(wire.key))
    callback = f"http://127.0.0.1:{free_port()}/return"
    program = blocks("README.md")[0]
    assert program == blocks("docs/index.md")[0]
    program = program.replace("APPLICATION_ID", wire.application_id).replace("CONTRACT_ID", wire.contract_id)
    program = program.replace("private_key=", f"base_url={wire.url('')!r}, private_key=")
    program = program.replace("http://127.0.0.1:8000/return", callback)
    running = await asyncio.create_subprocess_exec(sys.executable, "-u", "-c", program, cwd=tmp_path, stdout=PIPE)
    assert running.stdout is not None
    url = (await running.stdout.readline()).decode().split()[-1]
    address = await asyncio.to_thread(consent, Browser(), url, {SPOTIFY: "default"})
    assert address.startswith(f"{callback}?success=true&code=")
    page = await asyncio.to_thread(opened, address)
    assert (page.status_code, "Thank you" in page.text) == (200, True)
    told = (await running.stdout.read()).decode()
    assert await running.wait() == 0
    assert "18_5_19_1_406_" in told


@pytest.mark.parametrize("document", ["README.md", "docs/quickstart.md", "docs/guides/operators.md"])
def test_the_commands_that_register_an_app_run_as_printed(
    document: str, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the application's id that the first prints; the contract then leaves no question of the page open."""
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "PRIVATESHARE_DATA": str(served.data)}
    text = (ROOT / document).read_text("utf-8").replace("\\\n", "")
    create_app, create_contract = re.findall(r"^privateshare ((?:app|contract) create .*)$", text, re.MULTILINE)
    made = run_command(*shlex.split(create_app), "--json", environment=environment)
    application = json.loads(made.stdout)["application_id"]
    words = shlex.split(create_contract.replace("APPLICATION_ID", application))
    contract = json.loads(run_command(*words, "--json", environment=environment).stdout)
    assert (tmp_path / contract["private_key"]).read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    shown = run_command("contract", "show", contract["contract_id"], "--json", environment=environment)
    document_ = parse_document(json.loads(shown.stdout)["document"])
    asked = document_.reading
    answers = (
        asked.data_retention.data_retained,
        asked.external_share_policy.shared_externally,
        asked.data_transport_policy.leaves_device,
        asked.gdpr.can_request_right_to_be_forgotten,
    )
    assert None not in answers
    assert document_.resources.privacy_policy.startswith("https://")


def test_the_table_of_names_is_correct() -> None:
    """Every call in docs/sdk.md exists in both clients."""
    text = (ROOT / "docs" / "sdk.md").read_text("utf-8").split("## From the Node.js SDK")[1]
    names = [name for cell in _SECOND_COLUMN.findall(text) for name in re.findall(r"`(\w+)`", cell)]
    assert len(names) > 25
    for name in names:
        assert callable(getattr(PrivateShare, name)), name
        assert callable(getattr(AsyncPrivateShare, name)), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_point_to_files(document: Path) -> None:
    """Every relative link of a document points to a file."""
    for link in _LINK.findall(document.read_text("utf-8")):
        assert (document.parent / link).exists(), link
