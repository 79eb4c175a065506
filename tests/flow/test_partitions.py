"""The tables that can be distributed by library, made as hash partitions of PostgreSQL itself."""

import re

from sqlalchemy import text

from privateshare.platform.db.tables import Base
from privateshare.platform.runtime import Platform

PARTITIONS = 4
UNIQUE_AMONG_ALL = {"passkeys"}  # See tests/unit/platform/db.
DISTRIBUTABLE = {
    table.name for table in Base.metadata.sorted_tables if "library_id" in table.primary_key.columns
} - UNIQUE_AMONG_ALL


async def test_tables_of_people_can_be_partitioned_by_library(platform: Platform) -> None:
    """PostgreSQL takes their keys, which include the library's id, and finds the rows of a library in one partition."""
    async with platform.database.session() as db:
        for table in sorted(DISTRIBUTABLE):
            likeness = f"(LIKE {table} INCLUDING ALL) PARTITION BY HASH (library_id)"
            await db.execute(text(f"CREATE TEMPORARY TABLE parted_{table} {likeness}"))
            for number in range(PARTITIONS):
                bounds = f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
                await db.execute(
                    text(f"CREATE TEMPORARY TABLE parted_{table}_{number} PARTITION OF parted_{table} {bounds}")
                )
            plan = await db.scalars(
                text(f"EXPLAIN SELECT FROM parted_{table} WHERE library_id = '00000000-0000-4000-8000-000000000000'")
            )
            scanned = set(re.findall(rf" on (parted_{table}_\d)\b", "\n".join(plan)))
            assert len(scanned) == 1
        await db.rollback()
    assert {"accounts", "consents", "files", "sessions", "tokens"} <= DISTRIBUTABLE
