"""Tests of `privateshare backup`, `restore`, `verify` and `move`: people, apps and erasures, elsewhere."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.command_line import OperatorCommand, run_command
from tests.flow.databases import copied_postgres, new_database
from tests.flow.people import People
from tests.flow.served import Served, serving
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.syncing import contents
from tests.flow.wire import Tokens, Wire
from tests.s3 import serving_s3

ACCOUNTS = "permission-access/accounts"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provide a platform of its own: other tests destroy files and keys of the one that they share."""
    with serving(tmp_path_factory.mktemp("backups") / "data") as running:
        yield running


@pytest.fixture(scope="module")
async def people(served: Served) -> AsyncIterator[People]:
    """Provide a factory of apps, contracts and consents on it."""
    async with operator_platform(Settings(data=served.data, database_pool_size=2)) as platform:
        yield People(platform, served.origin)


def json_of(*words: object, status: int = 0, environment: dict[str, str] | None = None) -> Any:
    """Return what a command prints with --json."""
    done = run_command(*words, "--json", environment=environment)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


async def people_with_data(people: People) -> tuple[Wire, dict[str, tuple[Tokens, str]]]:
    """Return an app, and people who shared data with it: one who stays, one to be erased, one to withdraw."""
    wire = await people.contract()
    persons = {name: await people.user(wire) for name in ("stays", "is erased", "withdraws")}
    for tokens, session in persons.values():
        wait_until_over(wire, tokens, session)
    return wire, persons


def end_two(served: Served, wire: Wire, persons: dict[str, tuple[Tokens, str]]) -> None:
    """Erase a person, and withdraw the consent of another one."""
    operate = OperatorCommand(served.data)
    erased, withdrawn = persons["is erased"][0].claims, persons["withdraws"][0].claims
    assert operate("person", "erase", erased["sub"], "--yes").returncode == 0
    assert operate("person", "withdraw", withdrawn["consentid"], "--yes").returncode == 0


def check_restored(wire: Wire, persons: dict[str, tuple[Tokens, str]], before: dict[str, tuple[int, str]]) -> None:
    """Check that the one who stays is there with all data, and that nothing of the others works."""
    tokens, session = persons["stays"]
    assert contents(wire, tokens, session) == before
    again = triggered(wire, tokens)
    assert contents(wire, tokens, again) == before
    for name in ("is erased", "withdraws"):
        ended = persons[name][0]
        assert wire.get(ACCOUNTS, access_token=ended.access).status_code in (401, 403)
        assert wire.refresh(ended.refresh).status_code in (400, 401, 403)


async def test_what_was_erased_stays_erased_after_an_older_backup_is_restored(
    served: Served, people: People, tmp_path: Path
) -> None:
    """The backup is older than the erasure and the withdrawal. The app's token works, for the one who stays."""
    wire, persons = await people_with_data(people)
    before = contents(wire, *persons["stays"])
    place, operate = tmp_path / "backups", OperatorCommand(served.data)
    first = operate.json("backup", place)
    assert (first["missing_files"], first["missing_keys"]) == ([], [])
    assert operate.json("verify", place)["intact"]
    end_two(served, wire, persons)
    second = operate.json("backup", place)
    assert second["keys_destroyed"] >= 2  # Those of the library and of its account.
    assert second["new_files"] < first["new_files"]
    restored = _empty_folder(tmp_path / "restored", served.data)
    done = json_of("restore", place, "--snapshot", first["backup"], "--data", restored)
    assert done["ended_again"]["libraries"] >= 1
    assert done["ended_again"]["consents"] >= 1
    with serving(restored) as running:
        wire.origin = running.origin
        check_restored(wire, persons, before)
    assert json_of("verify", "--data", restored)["problems"] == []


def _empty_folder(folder: Path, data: Path) -> Path:
    folder.mkdir(mode=0o700)
    shutil.copy(data / "master.key", folder / "master.key")
    return folder


@pytest.mark.slow
async def test_damage_in_a_backup_is_found_and_the_rest_restored(
    served: Served, people: People, tmp_path: Path
) -> None:
    """A changed file, a missing one and a wrong master key each have a sentence; the readable rest is restored."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    place, operate = tmp_path / "backups", OperatorCommand(served.data)
    name = operate.json("backup", place)["backup"]
    changed, missing, *_ = sorted((place / "blobs").rglob("*-*-*-*-*"), key=lambda path: path.is_dir())
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    missing.unlink()
    problems = json_of("verify", place, "--data", served.data, status=1)["problems"]
    assert len(problems) == 2
    assert {"was changed or damaged", "is missing"} == {" ".join(one.split()[3:]) for one in problems}
    restored = _empty_folder(tmp_path / "restored", served.data)
    done = run_command("restore", place, "--data", restored)
    assert done.returncode == 1
    assert missing.name in done.stdout
    assert changed.name in done.stdout
    assert (restored / "postgres" / "cluster").exists()
    (restored / "master.key").write_bytes(bytes(32))
    told = run_command("verify", place, "--data", restored)
    assert "another master key" in told.stderr
    dump = place / "snapshots" / name / "database"
    dump.write_bytes(dump.read_bytes()[:-20])
    problems = json_of("verify", place, "--data", served.data, status=1)["problems"]
    assert any(f"the backup {name} is damaged" in one for one in problems)


@pytest.mark.slow
async def test_older_backups_are_deleted_with_what_only_they_had(
    served: Served, people: People, tmp_path: Path
) -> None:
    """`--keep 1` leaves the newest backup, which is whole; a backup of another platform is refused at the place."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    place, operate = tmp_path / "backups", OperatorCommand(served.data)
    operate.json("backup", place)
    assert operate("person", "erase", tokens.claims["sub"], "--yes").returncode == 0
    kept = operate.json("backup", place, "--keep", "1")
    assert kept["deleted_backups"] == 1
    assert [path.name for path in (place / "snapshots").iterdir() if path.is_dir()] == [kept["backup"]]
    assert operate.json("verify", place)["problems"] == []
    (place / "keys" / "database").write_text("another")
    assert "belongs to another database" in operate.error("backup", place)


@pytest.mark.slow
async def test_a_platform_moves_to_postgresql_and_s3_and_back(short_path: Path, tmp_path: Path) -> None:
    """The app's token works after each move, and the platform that was left does not start any more."""
    old, new, back = tmp_path / "old", tmp_path / "new", tmp_path / "back"
    with serving(old) as served:
        async with operator_platform(Settings(data=served.data, database_pool_size=2)) as platform:
            people = People(platform, served.origin)
            wire, persons = await people_with_data(people)
        before = contents(wire, *persons["stays"])
        end_two(served, wire, persons)
    async with copied_postgres(short_path / "postgres") as migrated:
        url = await new_database(migrated, migrated=False)
        short_path.chmod(0o755)
        with serving_s3() as s3:
            stores = {"DATABASE_URL": url, "BLOB_URL": f"s3://{s3.bucket()}/files", "KEY_URL": f"s3://{s3.bucket()}"}
            _write_settings(tmp_path / "new.toml", {"DATA": str(new), **stores})
            json_of("move", tmp_path / "new.toml", "--data", old)
            assert "was moved to other stores" in run_command("verify", "--data", old).stderr
            environment = {name.replace("KEY_URL", "PRIVATESHARE_KEY_URL"): value for name, value in stores.items()}
            with serving(new, environment=environment) as served:
                wire.origin = served.origin
                check_restored(wire, persons, before)
            _write_settings(tmp_path / "back.toml", {"DATA": str(back)})
            whole = {**os.environ, **environment}
            place = f"s3://{s3.bucket()}/backups"
            saved = json_of("backup", place, "--data", new, environment=whole)
            assert json_of("verify", place, "--data", new, environment=whole)["intact"]
            from_bucket = _empty_folder(tmp_path / "from-bucket", new)
            restored = json_of("restore", place, "--data", from_bucket)
            assert (restored["files"], restored["keys"]) == (saved["files"], saved["keys"])
            json_of("move", tmp_path / "back.toml", "--data", new, environment=whole)
    with serving(back) as served:
        wire.origin = served.origin
        check_restored(wire, persons, before)
    assert json_of("verify", "--data", back)["problems"] == []


def _write_settings(path: Path, settings: Mapping[str, str]) -> None:
    path.write_text("".join(f'{name.lower()} = "{value}"\n' for name, value in settings.items()))
