"""The types that an app's author sees: complete, and right for both type checkers."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import privateshare

PACKAGE = Path(privateshare.__file__).parent
PUBLIC = (
    "privateshare.errors.",
    "privateshare.objects.",
    "privateshare.protocol.",
    "privateshare.sdk.",
    "privateshare.testing.",
)

PROGRAM = """
from collections.abc import AsyncIterator
from typing import assert_type

from privateshare import AsyncPrivateShare, File, Page, PrivateShare, ServiceGroup, UserAccessToken  # wrong: Page
from privateshare import CategoryRecord, CountryRecord, PushDescriptor
from privateshare.objects import DataObject, OtherObject, PlayHistory, Track


def read(app: PrivateShare, token: UserAccessToken, file: File, other: OtherObject) -> None:
    play = file.objects(PlayHistory)[0]
    assert_type(play.track, Track | None)
    assert_type(file.objects(), list[DataObject])
    print(other.whatever, ServiceGroup.ENTERTAINMENT, app.read_session(token).key)
    PlayHistory(created_date=None)
    play.playd_at  # wrong
    app.read_file("session", "name", token, to=7)  # wrong
    source = app.query_sources().data[0]
    assert_type(source.country, list[CountryRecord])
    source.nmae  # wrong
    assert_type(app.query_categories(), list[CategoryRecord])


async def read_more(app: AsyncPrivateShare, token: UserAccessToken) -> None:
    async with app.read_all_files("session", token) as reading:
        async for file in reading:
            assert_type(file, File)
    app.read_session(token).key  # wrong
    assert_type((await app.query_sources()).data[0].country, list[CountryRecord])


async def pieces() -> AsyncIterator[bytes]:
    yield b""


async def send(app: PrivateShare, client: AsyncPrivateShare, token: UserAccessToken, what: PushDescriptor) -> None:
    await client.push_data(token, pieces(), what)
    await client.upload_file_to_storage("storage", "/path", pieces())
    app.push_data(token, pieces(), what)  # wrong
"""
WRONG = {number for number, line in enumerate(PROGRAM.splitlines(), 1) if "# wrong" in line}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to import from, as pip would fill it: pyright does not follow editable installs."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(PACKAGE, folder / "privateshare", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "program.py").write_text(PROGRAM)
    return folder


def pyright(folder: Path, *arguments: str) -> dict[str, object]:
    """What pyright reports."""
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", *arguments]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    reported: dict[str, object] = json.loads(done.stdout)
    return reported


@pytest.mark.slow
def test_the_public_types_are_complete(installed: Path) -> None:
    """`pyright --verifytypes` knows the type of every public name, without guessing."""
    report = pyright(installed, "--verifytypes", "privateshare", "--ignoreexternal")
    symbols = {entry["name"]: entry for entry in report["typeCompleteness"]["symbols"] if entry["isExported"]}  # type: ignore[index]
    public = [name for name in symbols if name.count(".") == 1 or name.startswith(PUBLIC)]
    assert len(public) > 500
    assert {name for name in public if not symbols[name]["isTypeKnown"]} == set()


@pytest.mark.slow
def test_pyright_finds_wrong_calls_in_an_app(installed: Path) -> None:
    """And reports nothing else."""
    found = pyright(installed, "program.py")["generalDiagnostics"]
    lines = {entry["range"]["start"]["line"] + 1 for entry in found if entry["severity"] == "error"}  # type: ignore[attr-defined]
    assert lines == WRONG


@pytest.mark.slow
def test_mypy_finds_wrong_calls_in_an_app(installed: Path) -> None:
    """And reports nothing else, in its strict mode."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports", "silent", "program.py"]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True)
    lines = {int(line.split(":")[1]) for line in done.stdout.splitlines() if line.startswith("program.py:")}
    assert lines == WRONG, done.stdout + done.stderr


@pytest.mark.slow
def test_the_code_of_the_documents_is_well_typed(installed: Path) -> None:
    """For mypy in its strict mode."""
    names = dict.fromkeys(
        ["APPLICATION_ID", "CONTRACT_ID", "PRIVATE_KEY", "BASE_URL", "REDIRECT_URI", "WEBHOOK_SECRET"], "str"
    )
    names |= {"ADDRESS_THEY_CAME_BACK_TO": "str", "FOLDER": "Path"}
    given = "".join(f"{name}: {kind}\n" for name, kind in names.items())
    text = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) > 15
    (installed / "document.py").write_text("\n".join(["from pathlib import Path", given, *blocks]))
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-incremental",
        "--follow-imports",
        "silent",
        "document.py",
    ]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
