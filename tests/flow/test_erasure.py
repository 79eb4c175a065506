"""Tests that nobody can undo an erasure, whatever they find on the disk or in backups."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, text

from privateshare.platform.db.tables import AccountRow, FileRow
from privateshare.platform.library.accounts import library_accounts
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from tests.flow.command_line import run_command
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.seizing import Seized, copied_blobs
from tests.flow.served import serving
from tests.flow.sessions import wait_until_over
from tests.flow.wire import Tokens, Wire

DELETE_ACCOUNT = "permission-access/service/h:accountId"


async def checkpoint(platform: Platform) -> None:
    """Brings everything that PostgreSQL holds in memory into its files."""
    async with platform.database.engine.connect() as connection:
        driver = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await driver.execute(text("CHECKPOINT"))


@dataclass
class Person:
    """Somebody with a library, and what is on the disk for them."""

    tokens: Tokens
    library: UUID
    accounts: dict[int, AccountRow]
    files: dict[int, set[str]]  # These are the blobs by source.


async def somebody(people: People, wire: Wire, *sources: int) -> Person:
    tokens, session = await people.user(wire, sources=sources)
    assert wait_until_over(wire, tokens, session)["status"]["state"] == "completed"
    library = await people.library_of(tokens)
    async with people.platform.database.session() as db:
        accounts = {account.source_id: account for account in await library_accounts(db, library)}
        files = list(await db.scalars(select(FileRow).where(FileRow.library_id == library)))
    of_source = {source: {f.blob for f in files if f.account_id == row.id} for source, row in accounts.items()}
    return Person(tokens, library, accounts, of_source)


async def test_erased_data_cannot_be_decrypted(tmp_path: Path) -> None:
    """The attacker has the whole disk, the master key, and backups of blobs and database."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    with serving(data) as served:
        async with operator_platform(Settings(data=data)) as platform:
            people = People(platform, served.origin)
            wire = await people.contract()
            by_operator, by_app = await somebody(people, wire, SPOTIFY), await somebody(people, wire, SPOTIFY)
            staying = await somebody(people, wire, SPOTIFY, FHIR_FILE)
            everybody = (by_operator, by_app, staying)
            await checkpoint(platform)
            blobs = copied_blobs(data)
            shutil.copytree(data / "postgres" / "cluster", backup, ignore=lambda *_: [".s.PGSQL.5432"])
            accounts = [account.id for one in everybody for account in one.accounts.values()]
            names = [*accounts, *(one.library for one in everybody)]
            keys = {name: platform.erasure_keys.store.read(name) for name in names}
            seized = Seized(data, blobs, backup, accounts)
            assert seized.opened() == blobs.keys()

            erased = by_operator.tokens.claims["sub"]
            done = run_command("person", "erase", "--yes", "--json", "--data", data, erased)
            assert json.loads(done.stdout) == {"erased": erased, "key": "destroyed"}
            assert wire.call("DELETE", "user", access_token=by_app.tokens.access).status_code == 200
            deleted = {"accountId": staying.accounts[FHIR_FILE].public_id}
            answer = wire.call("DELETE", DELETE_ACCOUNT, access_token=staying.tokens.access, headers=deleted)
            assert answer.status_code == 200
            await checkpoint(platform)
    assert seized.opened() == staying.files[SPOTIFY]
    left = (staying.library, staying.accounts[SPOTIFY].id)
    assert seized.places(keys) == {name: [str(name)] if name in left else [] for name in names}
