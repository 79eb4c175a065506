"""Tests of the examples."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from examples.returning import ReturnAddress

from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.sdk_client import client_of
from tests.flow.served import Served
from tests.flow.wire import REDIRECT_URI, query_of
from tests.patience import GIVE_UP_SECONDS
from tests.processes import send_signal

SYNTHEA = Path(__file__).parents[1] / "data" / "synthea"
EXAMPLES = Path(__file__).parents[2] / "examples"
PHONE, BANK = 260, 348


@pytest.fixture
def demo_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "demo"
    yield folder
    running = folder / "running.json"
    if running.exists():
        send_signal(json.loads(running.read_text())["pid"], signal.SIGTERM)


def run_demo(folder: Path) -> str:
    """Run the demo with fewer plays than people see, because ten years of plays take most of a minute."""
    environment = {**os.environ, "DEMO_BROWSER": "0", "DEMO_FOLDER": str(folder), "COLUMNS": "100"}
    environment["DEMO_LISTENER"] = "small"
    command = [sys.executable, "-m", "examples.demo"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=GIVE_UP_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_demo(first: str) -> str:
    """Check what a demo printed, and return the address of its platform."""
    for words in ("What was read", "Top artists", "Conditions", "Steps", "Spending", "spotify playhistory"):
        assert words in first
    address = re.findall(r"http://127\.0\.0\.1:\d+", first)[-1]
    assert httpx2.get(f"{address}/readyz").status_code == 200
    return str(address)


def test_the_demo_shows_the_data(served: Served) -> None:
    """The demo ends with tables. It uses a platform that is running, as a second demo does."""
    folder = served.data.parent
    (folder / "running.json").write_text(json.dumps({"address": served.origin, "pid": served.process.pid}))
    assert check_demo(run_demo(folder)) == served.origin


@pytest.mark.slow
def test_a_demo_leaves_its_platform_running_for_the_next_one(demo_folder: Path) -> None:
    """Its pages have the same address."""
    address = check_demo(run_demo(demo_folder))
    assert address in run_demo(demo_folder)


def test_a_callback_address_accepts_one_visit() -> None:
    """A program's callback address accepts one visit, and no other path exists."""
    with ReturnAddress() as back:
        assert httpx2.get(f"{back.address}?code=x&state=y").status_code == 200
        assert httpx2.get(back.address.replace("return", "else")).status_code == 404
        assert back.wait() == f"{back.address}?code=x&state=y"


def run_notebook(file_name: str) -> dict[str, Any]:
    """Run the cells of a notebook in order, and return its names."""
    names: dict[str, Any] = {}
    for cell in json.loads((EXAMPLES / file_name).read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            exec(compile("".join(cell["source"]), file_name, "exec"), names)
    return names


@pytest.mark.parametrize("record", sorted(SYNTHEA.glob("*.json.gz")), ids=lambda path: path.name)
@pytest.mark.slow
def test_the_notebook_runs_on_records_of_synthea(record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have no plays, and codes without a text."""
    (tmp_path / "data").mkdir()
    resources = [entry["resource"] for entry in json.loads(gzip.decompress(record.read_bytes()))["entry"]]
    (tmp_path / "data" / "record.json").write_text(json.dumps(resources))
    monkeypatch.chdir(tmp_path)
    names = run_notebook("listening.ipynb")
    assert names["conditions"]["display"].notna().all()
    assert len(names["measured"]) > 50
    assert "plays" not in names


async def download(people: People, samples: Mapping[int, str], folder: Path) -> None:
    """Share samples of these sources with an app, and read all files into a folder."""
    wire = await people.contract(data_request={"serviceGroups": [{"id": number} for number in (2, 3, 4, 5)]})
    with client_of(wire) as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        code = await people.consent(query_of(asked.url)["code"], sources=[*samples], samples=samples)
        token = app.exchange_code_for_token(code, asked.code_verifier)
        app.read_all_files(asked.session, token, into=folder).result()


async def test_the_notebook_runs(people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells run in order on a folder of downloaded data and show the sample's content."""
    await download(people, {SPOTIFY: "default", FHIR_FILE: "default"}, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    names = run_notebook("listening.ipynb")
    assert len(names["top"]) == 5
    assert names["per_month"].sum() == len(names["plays"]) > 1000
    assert "High blood pressure" in set(names["conditions"]["display"])
    assert {path.name for path in (tmp_path / "tables").iterdir()} >= {"playhistory.parquet", "condition.parquet"}


@pytest.mark.slow
async def test_a_year_of_four_sources_is_joined(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plays, steps and spending are joined by week, and measurements with the weeks before them."""
    await download(
        people, {SPOTIFY: "default", PHONE: "default", BANK: "default", FHIR_FILE: "large"}, tmp_path / "data"
    )
    monkeypatch.chdir(tmp_path)
    names = run_notebook("a_year.ipynb")
    weeks, joined = names["weeks"], names["joined"]
    assert 50 <= len(weeks) <= 54
    assert (weeks.iloc[1:-1] > 0).all(axis=None)
    assert {"plays a week", "steps a week", "spent a week"} < set(joined.columns)
    assert len(joined) >= 2
    assert joined["steps a week"].notna().any()
