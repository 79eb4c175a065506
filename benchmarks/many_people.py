"""A benchmark of a large database: what each call costs with a thousand people in it, and with a million.

The others are copies of one person with an account, a consent, tokens, a session and files, each with a library of
their own. The calls are those of `benchmarks.serve`, of a person who is not one of the copies.

    python -m benchmarks.many_people --people 1000000
"""

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from sqlalchemy import Table, text
from tests.flow.people import People
from tests.flow.served import serving_as_people_do
from tests.flow.sessions import wait_until_over

from benchmarks.serve import make_person, measure_calls, rsa_milliseconds
from privateshare.platform.db.tables import Base, LibraryRow
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform

FEW = 1000
BATCH = 50_000
MAX_RATIO = 1.2
# The rows of the other tables have keys without the library, which a copy would repeat.
COPIED = {LibraryRow.__tablename__} | {
    table.name for table in Base.metadata.sorted_tables if "library_id" in table.primary_key.columns
}


async def copy_person(platform: Platform, library_id: UUID, number: int) -> None:
    """Give so many new libraries the rows of this one. Foreign keys are not checked: the copies are as right as it."""
    async with platform.database.transaction() as db:
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        ids = "CREATE TEMPORARY TABLE copies ON COMMIT DROP AS SELECT gen_random_uuid() AS id"
        await db.execute(text(f"{ids} FROM generate_series(1, {number})"))
        for table in Base.metadata.sorted_tables:
            column = "id" if table.name == LibraryRow.__tablename__ else "library_id"
            if table.name in COPIED:
                await db.execute(text(_copying(table, column)), {"library_id": library_id})


def _copying(table: Table[Any], column: str) -> str:
    names = [f'"{name}"' for name in table.columns.keys()]  # noqa: SIM118 - columns are no dictionary
    values = ["copies.id" if name == f'"{column}"' else f"own.{name}" for name in names]
    return (
        f'INSERT INTO "{table.name}" ({", ".join(names)}) SELECT {", ".join(values)} '
        f'FROM "{table.name}" AS own CROSS JOIN copies WHERE own."{column}" = :library_id'
    )


async def measure(folder: Path, number: int) -> None:
    """Measure the calls with few people, and with many."""
    rsa = rsa_milliseconds(generate_private_key(65537, 2048))
    with serving_as_people_do(folder / "data") as served:
        async with operator_platform(Settings(data=served.data, database_pool_size=5)) as platform:
            people = People(platform, served.origin)
            wire = await people.contract()
            tokens, session = await people.user(wire)
            await asyncio.to_thread(wait_until_over, wire, tokens, session)
            copied, made, spent = await people.library_of(tokens), 0, []
            for wanted in (FEW, number):
                while made < wanted:
                    batch = min(BATCH, wanted - made)
                    await copy_person(platform, copied, batch)
                    made += batch
                    print(f"{made} people", flush=True)
                async with platform.database.transaction() as db:
                    await db.execute(text("ANALYZE"))
                    await db.execute(text("CHECKPOINT"))
                person = await make_person(people)  # The other's refresh token was used too long ago to be used again.
                spent.append(await asyncio.to_thread(measure_calls, served, person, rsa))
    for name, few in spent[0].items():
        many = spent[1][name]
        ratio = f"{many / few:.2f} times (goal {MAX_RATIO})"
        print(f"{name:26} {few:.2f} ms with {FEW} people, {many:.2f} ms with {number}: {ratio}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=1_000_000)
    with TemporaryDirectory(prefix="ps-") as name:
        asyncio.run(measure(Path(name), arguments.parse_args().people))
