"""Tests of `privateshare doctor`: each fault is found, with what to do, and a sound platform has no problem."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from privateshare.platform.db.tables import ApplicationRow, ContractRow, KeyToDestroyRow, SyncRow
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.command_line import OperatorCommand, run_command
from tests.flow.people import People
from tests.flow.served import OPERATOR, serving
from tests.flow.sessions import wait_until_over
from tests.packages import write_package

Findings = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
async def people(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[People]:
    """Provide a platform of its own, whose records can be spoiled."""
    data = tmp_path_factory.mktemp("examined") / "data"
    with serving(data, environment=OPERATOR) as served:
        async with operator_platform(Settings(data=data, database_pool_size=2)) as platform:
            yield People(platform, served.origin)


def examined(people: People, status: int) -> Findings:
    """Return what is found about each subject, after checking the command's status."""
    done = OperatorCommand(people.platform.settings.data)("doctor", "--json")
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stdout, done.stderr
    return {finding["subject"]: finding for finding in json.loads(done.stdout)}


async def test_a_sound_platform_has_no_problem(people: People) -> None:
    """Everything that was looked at is listed, and nothing is changed by it."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    found = examined(people, 0)
    assert {subject for subject, finding in found.items() if finding["state"] == "problem"} == set()
    assert {"address", "disk of the data folder", "blob store", "clock", "database", "queue", "Spotify"} <= set(found)


async def test_what_is_wrong_comes_first_with_advice(people: People) -> None:
    """Faults of the records are found: old jobs, keys that are not destroyed, ended contracts, failing sources."""
    wire = await people.contract()
    for _ in range(3):
        tokens, session = await people.user(wire)
        wait_until_over(wire, tokens, session)
    now, key = datetime.now(UTC), uuid4()
    (people.platform.settings.data / "keys" / str(key)).mkdir()  # No sweep of the server can destroy this key.
    async with people.platform.database.transaction() as db:
        await db.execute(update(ContractRow).values(expires_at=now + timedelta(days=3)))
        await db.execute(
            update(ApplicationRow).where(ApplicationRow.id == wire.application_id).values(suspended_at=now)
        )
        await db.execute(update(SyncRow).values(outcome="broken", finished_at=now))
        db.add(KeyToDestroyRow(name=key, created_at=now - timedelta(hours=1)))
        await db.execute(
            text(
                "INSERT INTO procrastinate_jobs (task_name, queue_name, args, scheduled_at)"
                " VALUES ('nobody', 'nowhere', '{}', now() - interval '1 hour')"
            )
        )
    found = examined(people, 1)
    problems = {subject for subject, finding in found.items() if finding["state"] == "problem"}
    assert problems == {"queue", "erasure", "Spotify"}
    warnings = {subject for subject, finding in found.items() if finding["state"] == "warning"}
    assert {"contracts", "applications"} <= warnings
    assert all(finding["advice"] for finding in found.values() if finding["state"] != "ok")


async def test_a_store_that_cannot_be_written_is_found(people: People) -> None:
    """The store's own error says what is wrong."""
    probe = people.platform.settings.data / "blobs" / "probe"
    shutil.rmtree(probe, ignore_errors=True)
    probe.write_text("in the place of a folder")
    try:
        found = examined(people, 1)["blob store"]
        assert (found["state"], "File exists" in found["found"]) == ("problem", True), found
    finally:
        probe.unlink()


def test_packages_of_sources_that_are_not_used_are_named(people: People, tmp_path: Path) -> None:
    """A broken package takes nothing down: the command runs, and says which package it is and why."""
    write_package(tmp_path, "pedometer")
    write_package(tmp_path, "second", source="import no_such_module")
    command = [sys.executable, "-m", "privateshare", "doctor", "--json", "--data", str(people.platform.settings.data)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert found["sources of pedometer"]["state"] == "ok"
    assert (found["sources of second"]["state"], done.returncode) == ("problem", 1)
    assert "second 1.2: not used, because " in found["sources of second"]["found"]


def test_a_folder_without_a_platform_has_nothing_to_examine(tmp_path: Path) -> None:
    """There is nothing to examine, and the command says how to begin."""
    done = run_command("doctor", "--data", tmp_path / "nothing")
    assert done.returncode == 1
    assert "start one with `privateshare serve`" in done.stderr
