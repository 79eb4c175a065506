"""Tests of a missing or wrong master key: nothing is written, and one line says so."""

import asyncio
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from privateshare.errors import ConfigurationError
from privateshare.platform.embedded.postgres import EmbeddedPostgres
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform, running_platform
from tests.flow.files import files_below
from tests.patience import GIVE_UP_SECONDS

OLD, NEW = (b64encode(bytes([number]) * 32).decode() for number in (1, 2))
STATE = "SELECT (SELECT count(*) FROM signing_keys), (SELECT min(version_num) FROM alembic_version)"


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[str]:
    """Provide a PostgreSQL of these tests."""
    with TemporaryDirectory(prefix="ps-") as folder:
        async with EmbeddedPostgres(Path(folder) / "postgres") as address:
            yield address


@pytest.fixture
async def url(postgres: str) -> str:
    """Provide an empty database in the tests' PostgreSQL."""
    name = f"test_{uuid4().hex}"
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {name}")
    return make_url(postgres).set(database=name).render_as_string(hide_password=False)


def settings(data: Path, url: str | None = None, key: str | None = None) -> Settings:
    return Settings(
        data=data,
        database_url=SecretStr(url) if url else None,
        master_key=SecretStr(key) if key else None,
        database_pool_size=2,
    )


async def start(wanted: Settings) -> None:
    """Starts a platform, and stops it."""
    async with running_platform(wanted):
        pass


def serve(data: Path) -> str:
    """Return the output of a `privateshare serve` that does not start."""
    command = [sys.executable, "-m", "privateshare", "serve", "--data", str(data), "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=GIVE_UP_SECONDS)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    (line,) = ended.stderr.splitlines()
    return line


async def test_a_missing_or_wrong_key_file_is_reported_in_one_line(tmp_path: Path) -> None:
    """No key is created or replaced, and with the old key everything works again."""
    data = tmp_path / "data"
    await start(settings(data))
    file = data / "master.key"
    key = file.read_bytes()
    for content in (None, os.urandom(32)):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
            file.chmod(0o600)
        before = {path for path in files_below(data) if "postgres" not in path.parts}
        line = await asyncio.to_thread(serve, data)
        assert "master key" in line
        assert {path for path in files_below(data) if "postgres" not in path.parts} == before
        assert not file.exists() if content is None else file.read_bytes() == content
    file.write_bytes(key)
    await start(settings(data))


async def test_a_command_beside_a_server_creates_no_key(tmp_path: Path) -> None:
    """If the key of a running server is removed, the next command reports it."""
    data = tmp_path / "data"
    async with running_platform(settings(data)):
        (data / "master.key").unlink()
        with pytest.raises(ConfigurationError, match="is missing"):
            async with operator_platform(settings(data)):
                pass
        assert not (data / "master.key").exists()


async def test_a_database_with_another_key_is_not_changed(url: str, tmp_path: Path) -> None:
    """Neither a wrong key in the settings nor a folder without a key changes anything, not even tables."""
    await start(settings(tmp_path / "first", url, OLD))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        # Now the database needs a migration.
        await connection.execute("UPDATE alembic_version SET version_num = '0001'")
        before = await (await connection.execute(STATE)).fetchone()
        for key in (NEW, None):
            with pytest.raises(ConfigurationError, match="nothing was changed"):
                await start(settings(tmp_path / "second", url, key))
        assert await (await connection.execute(STATE)).fetchone() == before
    assert not (tmp_path / "second").exists()


async def test_older_keys_must_stay_listed(url: str, tmp_path: Path) -> None:
    """After a rotation the new key alone does not decrypt older data, but both keys together do."""
    await start(settings(tmp_path, url, OLD))
    await start(settings(tmp_path, url, f"{NEW},{OLD}"))
    with pytest.raises(ConfigurationError, match="list the older keys"):
        await start(settings(tmp_path, url, NEW))


async def test_two_first_starts_on_one_database_create_one_key(url: str, tmp_path: Path) -> None:
    """Each has its own folder: one creates the key, and the other reports that it needs that key."""
    folders = [tmp_path / "first", tmp_path / "second"]
    ended = await asyncio.gather(*(start(settings(folder, url)) for folder in folders), return_exceptions=True)
    (failure,) = filter(None, ended)
    assert isinstance(failure, ConfigurationError)
    assert "is missing" in str(failure)
    assert [(folder / "master.key").exists() for folder in folders] == [error is None for error in ended]
