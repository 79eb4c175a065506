"""Tests of the master key: it is missing, wrong, or changed, after which nothing needs the old one."""

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from privateshare.errors import ConfigurationError
from privateshare.platform.db.tables import CertificateAuthorityRow, HintKeyRow, LibraryRow, SigningKeyRow
from privateshare.platform.keys import rewrapping
from privateshare.platform.keys.hints import SecretKind
from privateshare.platform.keys.rewrapping import rewrap, rows_without_key
from privateshare.platform.keys.wrapping import load_master_key
from privateshare.platform.keystore.store import KeyStoreUnavailable
from privateshare.platform.library.libraries import KeyNotOpened, create_library, open_library
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform, running_platform
from tests.flow.command_line import run_command
from tests.flow.databases import copied_postgres, copy_database, new_database
from tests.flow.files import files_below
from tests.flow.people import People
from tests.flow.served import serving
from tests.flow.wire import Tokens, Wire, check_error
from tests.patience import until

OLDEST, OLD, NEW = (b64encode(bytes([number]) * 32).decode() for number in (3, 1, 2))
KEY = "PRIVATESHARE_MASTER_KEY"
ACCOUNTS = "permission-access/accounts"
STATE = "SELECT (SELECT count(*) FROM signing_keys), (SELECT min(version_num) FROM alembic_version)"


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[str]:
    """Provide a PostgreSQL of these tests."""
    with TemporaryDirectory(prefix="ps-") as folder:
        async with copied_postgres(Path(folder) / "postgres") as address:
            yield address


@pytest.fixture
async def empty(postgres: str) -> str:
    """Provide a database without tables in the tests' PostgreSQL."""
    return await new_database(postgres, migrated=False)


@pytest.fixture
async def url(postgres: str) -> str:
    """Provide a database with the platform's tables, which are empty."""
    return await new_database(postgres, migrated=True)


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
    ended = run_command("serve", "--data", data, "--port", "0")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    (line,) = ended.stderr.splitlines()
    return line


async def test_a_missing_or_wrong_key_file_is_reported_in_one_line(tmp_path: Path) -> None:
    """No key is created or replaced, and with the old key everything works again."""
    data = tmp_path / "data"
    copy_database(data)
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
    copy_database(data)
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


async def test_two_first_starts_on_one_database_create_one_key(empty: str, tmp_path: Path) -> None:
    """Each has its own folder: one creates the key, and the other reports that it needs that key."""
    folders = [tmp_path / "first", tmp_path / "second"]
    ended = await asyncio.gather(*(start(settings(folder, empty)) for folder in folders), return_exceptions=True)
    (failure,) = filter(None, ended)
    assert isinstance(failure, ConfigurationError)
    assert "is missing" in str(failure)
    assert [(folder / "master.key").exists() for folder in folders] == [error is None for error in ended]


# --- a change of the master key ---


async def libraries(url: str, data: Path, key: str, number: int) -> list[UUID]:
    """Create libraries on a platform that has this key."""
    async with running_platform(settings(data, url, key)) as (platform, _), platform.database.transaction() as db:
        return [(await create_library(db, platform)).id for _ in range(number)]


async def opens_all(url: str, data: Path, key: str) -> bool:
    """Start with this key, and open every library."""
    async with running_platform(settings(data, url, key)) as (platform, _), platform.database.transaction() as db:
        for id_ in list(await db.scalars(select(LibraryRow.id))):
            await open_library(db, platform, id_)
    return True


async def test_people_and_apps_notice_nothing_of_a_change(tmp_path: Path) -> None:
    """The steps of the handbook, with real servers: afterwards the new key alone opens what both keys wrapped."""
    data = tmp_path / "data"
    people = []
    for key in (OLD, f"{NEW},{OLD}"):
        with serving(data, environment={KEY: key}) as served:
            async with operator_platform(settings(data, key=key)) as platform:
                made = People(platform, served.origin)
                wire = await made.contract()
                people.append((wire, await made.user(wire)))
                assert wire.get("jwks/oauth").status_code == 200
            if key == OLD:
                continue
            done = run_command("keys", "rewrap", "--data", data, environment={**os.environ, KEY: key})
            assert done.returncode == 0, done.stderr
            assert "rewrapped 1 of 1 libraries" in done.stderr
            assert done.stdout.split() == [
                *(
                    "libraries",
                    "1",
                    "signing_keys",
                    "1",
                    "hint_keys",
                    "1",
                    "certificate_authorities",
                    "0",
                    "webhooks",
                    "0",
                    "server_clients",
                    "0",
                    "not_rewrapped",
                    "none",
                )
            ]
            again = run_command("keys", "rewrap", "--data", data, environment={**os.environ, KEY: key})
            assert again.stdout.split()[1] == "0"
    with serving(data, environment={KEY: NEW}) as served:
        assert httpx2.get(f"{served.origin}/readyz").status_code == 200
        for wire, (tokens, _) in people:
            wire.origin = served.origin
            answer = wire.get(ACCOUNTS, access_token=tokens.access)
            assert answer.status_code == 200
            assert len(answer.json()) == 1


async def test_a_server_does_not_start_while_a_row_needs_a_key_that_is_not_listed(url: str, tmp_path: Path) -> None:
    """One line counts the rows of each kind, and nothing is written. Commands run, so that such a row can be erased."""
    (needs_old,) = await libraries(url, tmp_path, OLD, 1)
    async with (
        operator_platform(settings(tmp_path, url, f"{NEW},{OLD}")) as platform,
        platform.database.transaction() as db,
    ):
        for row in await db.scalars(select(SigningKeyRow)):  # Only the library is left with the old key.
            pem = platform.master_key.open("signing key", row.kid, row.sealed_private_key)
            row.sealed_private_key = platform.master_key.seal("signing key", row.kid, pem)
        hints = (await db.scalars(select(HintKeyRow))).one()
        hint_key = platform.master_key.open("hint key", hints.id, hints.sealed_key)
        hints.sealed_key = platform.master_key.seal("hint key", hints.id, hint_key)
    environment = {**os.environ, "DATABASE_URL": url, KEY: NEW}
    done = run_command("serve", "--data", tmp_path, "--port", "0", environment=environment)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "need a master key that is not listed (libraries: 1)" in line
    assert "keys rewrap" in line
    assert run_command("keys", "rewrap", "--data", tmp_path, environment=environment).returncode == 1
    erased = run_command("person", "erase", needs_old, "--yes", "--data", tmp_path, environment=environment)
    assert erased.returncode == 0, erased.stderr
    assert await opens_all(url, tmp_path, NEW)


async def test_a_rewrap_that_is_interrupted_continues(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was rewrapped before stays so, and everything opens in between. There may be several older keys."""
    monkeypatch.setattr(rewrapping, "LIBRARIES_PER_TRANSACTION", 2)
    await libraries(url, tmp_path, OLDEST, 3)
    await libraries(url, tmp_path, f"{OLD},{OLDEST}", 3)
    keys = f"{NEW},{OLD},{OLDEST}"
    async with operator_platform(settings(tmp_path, url, keys)) as platform:

        def stop(done: int, total: int) -> None:
            assert total == 6
            if done >= 3:
                raise KeyStoreUnavailable("it is away")

        with pytest.raises(KeyStoreUnavailable):
            await rewrap(platform.database, platform.master_key, platform.erasure_keys, stop)
        alone = load_master_key(settings(tmp_path, url, NEW))
        async with platform.database.transaction() as db:
            assert await rows_without_key(db, alone) == {"libraries": 2}
    assert await opens_all(url, tmp_path, keys)
    steps: list[tuple[int, int]] = []
    async with operator_platform(settings(tmp_path, url, keys)) as platform:
        result = await rewrap(
            platform.database, platform.master_key, platform.erasure_keys, lambda *step: steps.append(step)
        )
        assert (result.libraries, result.failed, steps) == (2, {}, [(0, 2), (2, 2)])
        async with platform.database.transaction() as db:
            assert await rows_without_key(db, alone) == {}
    assert await opens_all(url, tmp_path, NEW)


async def test_what_cannot_be_rewrapped_is_told_and_takes_nothing_with_it(url: str, tmp_path: Path) -> None:
    """A library without its erasure key and a damaged row stay as they are; an erasure meanwhile is none of them."""
    lost, damaged, *_ = await libraries(url, tmp_path, OLD, 4)
    (tmp_path / "keys" / str(lost)).rename(tmp_path / "aside")
    environment = {**os.environ, "DATABASE_URL": url, KEY: f"{NEW},{OLD}"}
    async with operator_platform(settings(tmp_path, url, OLD)) as platform, platform.database.transaction() as db:
        row = await db.get_one(LibraryRow, damaged)
        row.wrapped_key = row.wrapped_key[:-1] + bytes([row.wrapped_key[-1] ^ 1])
    done = run_command("keys", "rewrap", "--data", tmp_path, environment=environment)
    assert done.returncode == 1
    assert "libraries that could not be rewrapped: 2; the older master key is still needed" in done.stderr
    assert str(lost) in done.stdout
    assert str(damaged) in done.stdout
    with pytest.raises(ConfigurationError, match="libraries: 2"):
        await start(settings(tmp_path, url, NEW))
    (tmp_path / "aside").rename(tmp_path / "keys" / str(lost))
    run_command("person", "erase", damaged, "--yes", "--data", tmp_path, environment=environment)
    assert run_command("keys", "rewrap", "--data", tmp_path, environment=environment).returncode == 0
    assert await opens_all(url, tmp_path, NEW)


async def test_the_keys_of_authority_and_hints_are_rewrapped_too(url: str, tmp_path: Path) -> None:
    """They open with the new key alone: tokens that were issued before still lead to their libraries."""
    id_ = uuid4()
    async with (
        running_platform(settings(tmp_path, url, OLD)) as (platform, _),
        platform.database.transaction() as db,
    ):
        sealed = platform.master_key.seal("certificate authority", "ca", b"pem")
        db.add(CertificateAuthorityRow(id="ca", sealed_private_key=sealed, certificate=""))
        token = platform.hints.new_secret(SecretKind.REFRESH, id_)
    async with operator_platform(settings(tmp_path, url, f"{NEW},{OLD}")) as platform:
        result = await rewrap(platform.database, platform.master_key, platform.erasure_keys, lambda *_: None)
        assert [result.own_keys[name] for name in ("signing_keys", "hint_keys", "certificate_authorities")] == [1, 1, 1]
        async with platform.database.transaction() as db:
            row = await db.get_one(CertificateAuthorityRow, "ca")
    alone = load_master_key(settings(tmp_path, url, NEW))
    assert alone.open("certificate authority", "ca", row.sealed_private_key) == b"pem"
    async with operator_platform(settings(tmp_path, url, NEW)) as platform:
        assert platform.hints.library_of(SecretKind.REFRESH, token) == id_


@pytest.mark.protocol("13")
async def test_a_key_that_cannot_be_opened_is_temporary_for_apps(tmp_path: Path) -> None:
    """The status is 503 with Retry-After, never 401; /readyz and the log tell the operator; nothing is erased."""
    data = tmp_path / "data"
    with serving(data, environment={KEY: OLD}) as served:
        async with operator_platform(settings(data, key=f"{NEW},{OLD}")) as ahead:
            people = People(ahead, served.origin)
            wire = await people.contract()
            tokens, session = await people.user(wire)
            library = await people.library_of(tokens)
            for answer in (
                wire.get(ACCOUNTS, access_token=tokens.access),
                wire.get(f"permission-access/query/{session}", access_token=tokens.access),
            ):
                check_error(answer, 503, "Unavailable")
                assert int(answer.headers["retry-after"]) == 60
            told = check_error(httpx2.get(f"{served.origin}/readyz"), 503, "Unavailable")
            assert "master key that is not listed" in told
            (line, *_) = [line for line in served.log.read_text().splitlines() if "cannot be opened" in line]
            assert str(library) in line
            assert "not in the settings" in line
            async with operator_platform(settings(data, key=f"{OLD},{NEW}")) as behind:
                await rewrap(behind.database, behind.master_key, behind.erasure_keys, lambda *_: None)
            assert wire.get(ACCOUNTS, access_token=tokens.access).status_code == 200
            assert httpx2.get(f"{served.origin}/readyz").status_code == 200


async def test_a_damaged_row_is_no_erased_library(url: str, tmp_path: Path) -> None:
    """Whatever the damage, the library counts as one that cannot be opened now."""
    (library,) = await libraries(url, tmp_path, OLD, 1)
    async with operator_platform(settings(tmp_path, url, OLD)) as platform:
        async with platform.database.transaction() as db:
            whole = (await db.get_one(LibraryRow, library)).wrapped_key
        for damaged in (b"", whole[:8], whole[:-1], os.urandom(len(whole)), whole[:-1] + bytes([whole[-1] ^ 1])):
            async with platform.database.transaction() as db:
                (await db.get_one(LibraryRow, library)).wrapped_key = damaged
            async with platform.database.transaction() as db:
                with pytest.raises(KeyNotOpened):
                    await open_library(db, platform, library)


@pytest.mark.parametrize(
    "value",
    [
        *("", f"{NEW},{OLD},x", "s3cret-that-nobody-may-read"),
        *(pytest.param(value, marks=pytest.mark.slow) for value in (",", NEW[:-4], f"{NEW};{OLD}")),
    ],
)
def test_an_invalid_setting_is_named_in_one_line_without_its_value(tmp_path: Path, value: str) -> None:
    """A server with it does not start."""
    data = tmp_path / "data"
    copy_database(data)
    done = run_command("serve", "--data", data, "--port", "0", environment={**os.environ, KEY: value})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert KEY in line
    assert len(value) < 5 or value not in line
    assert not (data / "master.key").exists()


@pytest.mark.slow
async def test_the_key_file_is_changed_while_the_platform_runs(tmp_path: Path) -> None:
    """The steps of the handbook for `master.key`, without a restart, while an app calls: none of its calls fails."""
    data = tmp_path / "data"
    path, new = data / "master.key", bytes(range(32))
    with serving(data, environment={"PRIVATESHARE_LOG_LEVEL": "info"}) as served:
        old = path.read_bytes()

        async def write(*keys: bytes) -> None:
            changes = served.log.read_text("utf-8").count("the master keys changed")
            path.write_bytes(b"".join(keys))
            await until(lambda: served.log.read_text("utf-8").count("the master keys changed") > changes)

        async def person() -> tuple[Wire, Tokens]:
            async with operator_platform(settings(data)) as platform:
                people = People(platform, served.origin)
                wire = await people.contract()
                return wire, (await people.user(wire))[0]

        async def call(wire: Wire, tokens: Tokens) -> None:
            while True:
                answer = await asyncio.to_thread(wire.get, ACCOUNTS, access_token=tokens.access)
                assert answer.status_code == 200, answer.text
                await asyncio.sleep(0.2)

        first = await person()
        calling = asyncio.create_task(call(*first))
        await write(old, new)
        await write(new, old)
        second = await person()
        done = await asyncio.to_thread(run_command, "keys", "rewrap", "--data", data)
        assert done.returncode == 0, done.stderr
        await write(new)
        for wire, tokens in (first, second):
            assert wire.get(ACCOUNTS, access_token=tokens.access).status_code == 200
        assert not calling.done(), calling.exception()
        calling.cancel()
        assert httpx2.get(f"{served.origin}/readyz").status_code == 200
        path.write_bytes(b"half a key")  # Neither a damaged file nor a missing one stops a platform that runs.
        await until(lambda: "the keys cannot be read" in served.log.read_text("utf-8"))
        path.unlink()
        assert first[0].get(ACCOUNTS, access_token=first[1].access).status_code == 200
        path.write_bytes(new)
        path.chmod(0o600)
