"""Runs PostgreSQL on a folder until it is killed: `python -m tests.unit.platform.embedded.holder FOLDER`."""

import asyncio
import sys
from pathlib import Path

from privateshare.platform.embedded.postgres import EmbeddedPostgres


async def main() -> None:
    """Prints the database's URL, then waits."""
    async with EmbeddedPostgres(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
