"""Nobody can undo an erasure, whatever they find on the disk and whatever they kept of it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from privateshare.platform.runtime import Platform
from privateshare.platform.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.people import SPOTIFY, People
from tests.flow.seizing import Seized, copied_blobs
from tests.flow.served import serving
from tests.flow.test_wire_sessions import wait_until_over


async def checkpoint(platform: Platform) -> None:
    """Brings everything that PostgreSQL holds in memory into its files."""
    async with platform.database.engine.connect() as connection:
        driver = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await driver.execute(text("CHECKPOINT"))


async def test_what_was_erased_opens_no_more(tmp_path: Path) -> None:
    """With the whole disk, the master key, and backups of blobs and database: nothing of who was erased opens."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    tokens, libraries = {}, {}
    with serving(data) as served:
        async with operator_platform(Settings(data=data)) as platform:
            people = People(platform, served.origin)
            wire = await people.contract()
            for name in ("by the operator", "by the app", "who stays"):
                tokens[name], session = await people.user(wire, sources=(SPOTIFY,))
                assert wait_until_over(wire, tokens[name], session)["status"]["state"] == "completed"
                libraries[name] = await people.library_of(tokens[name])
            await checkpoint(platform)
            blobs = copied_blobs(data)
            shutil.copytree(data / "postgres" / "cluster", backup, ignore=lambda *_: [".s.PGSQL.5432"])
            keys = {name: platform.erasure_keys.store.read(library) for name, library in libraries.items()}
            assert Seized(data, blobs, backup).opened() == blobs.keys()

            command = [sys.executable, "-m", "privateshare", "person", "erase", "--yes", "--json", "--data", str(data)]
            erased = tokens["by the operator"].claims["sub"]
            done = subprocess.run([*command, erased], capture_output=True, check=True)
            assert json.loads(done.stdout) == {"erased": erased, "key": "destroyed"}
            assert wire.call("DELETE", "user", access_token=tokens["by the app"].access).status_code == 200
            await checkpoint(platform)
    seized = Seized(data, blobs, backup)
    staying = str(libraries["who stays"])
    assert seized.opened() == {name for name in blobs if staying in name}
    assert {name: [path.name for path in seized.has(key)] for name, key in keys.items()} == {
        "by the operator": [],
        "by the app": [],
        "who stays": [staying],
    }
