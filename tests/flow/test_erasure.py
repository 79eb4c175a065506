"""Nobody can undo an erasure, whatever they find on the disk and whatever they kept of it."""

import json
import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from privateshare.platform.runtime import Platform
from privateshare.platform.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.seizing import Seized, copied_blobs
from tests.flow.served import serving
from tests.flow.test_wire_sessions import wait_until_over


async def checkpoint(platform: Platform) -> None:
    """Brings everything that PostgreSQL holds in memory into its files."""
    async with platform.database.engine.connect() as connection:
        driver = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await driver.execute(text("CHECKPOINT"))


async def test_what_was_erased_opens_no_more(tmp_path: Path) -> None:
    """With the whole disk, the master key, and copies of the blobs from before: nothing of who was erased opens."""
    data = tmp_path / "data"
    with serving(data) as served:
        async with operator_platform(Settings(data=data)) as platform:
            people = People(platform, served.origin)
            wire = await people.contract()
            ids = {}
            for name in ("by the operator", "by the app", "who stays"):
                tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
                assert wait_until_over(wire, tokens, session)["status"]["state"] == "completed"
                ids[name] = (tokens, str(await people.library_of(tokens)))
            await checkpoint(platform)
            blobs = copied_blobs(data)
            assert Seized(data, blobs).opened() == blobs.keys()

            command = [sys.executable, "-m", "privateshare", "person", "erase", "--yes", "--json", "--data", str(data)]
            done = subprocess.run([*command, ids["by the operator"][0].claims["sub"]], capture_output=True, check=True)
            assert json.loads(done.stdout)["erased"] == ids["by the operator"][0].claims["sub"]
            assert wire.call("DELETE", "user", access_token=ids["by the app"][0].access).status_code == 200
            await checkpoint(platform)
    opened = Seized(data, blobs).opened()
    assert {name.split("/")[1] for name in opened} == {ids["who stays"][1]}
    assert opened == {name for name in blobs if ids["who stays"][1] in name}
