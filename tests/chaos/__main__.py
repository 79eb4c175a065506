"""`make chaos`: a load on a platform whose parts fail, and a check at the end that no promise was broken.

python -m tests.chaos --seconds 600 --seed 1
"""

import argparse
import asyncio
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import PrivateShareError
from privateshare.platform.backups.making import BackupSource, back_up
from privateshare.platform.backups.place import BackupPlace
from privateshare.platform.backups.verifying import verify_backup
from privateshare.platform.db.tables import ConsentRow
from privateshare.platform.grants.consent_events import OPERATOR, withdraw_consent
from privateshare.platform.keys.signing import database_name
from privateshare.platform.operating.logs import configure_logging
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from tests.chaos.faults import Fault
from tests.chaos.invariants import check_stores, wait_until_quiet
from tests.chaos.load import ACCOUNTS, Actor, Apps, Counts, Inbox, NoAnswer, Person
from tests.chaos.machines import Machines, running_machines
from tests.chaos.overload import measure_overload
from tests.chaos.requests import Call
from tests.chaos.world import World, running_world
from tests.flow.consenting import asking_contract
from tests.flow.people import People

ACTORS = 8
INBOXES = 1
CALLS = ("consents", "sessions read", "refreshes", "pushes", "withdrawals", "erasures")
PARTNER = "Chaos Ltd"
PUSHES = {"dataPush": {"purpose": "To file your results"}}
BETWEEN_BACKUPS_SECONDS = 5.0
BETWEEN_REPORTS_SECONDS = 1.0
ERASED_SINCE = "the next backup destroys it"
CALM_SECONDS = (0.5, 4.0)  # Between two faults.


async def run(seconds: float, seed: int, folder: Path, *, many: bool, overload: bool) -> int:
    """Run everything, print what happened, and return the exit status."""
    counts, chance = Counts(), random.Random(seed)
    async with running_machines(folder) if many else running_world(folder) as world:
        configure_logging(world.settings())
        print(f"seed {seed}: load and faults for {seconds:.0f} seconds", flush=True)
        async with operator_platform(world.settings()) as platform:
            actors = await _actors(platform, world, counts, seed)
            until = time.monotonic() + seconds
            running = _running(actors, until)
            saving = asyncio.create_task(_save(platform, folder / "backups", counts, until))
            reporting = asyncio.create_task(_report(platform, actors, counts, until))
            await _break_things(world, chance, until)
            place = await saving
            await reporting
            for found in await asyncio.gather(*running, return_exceptions=True):
                if isinstance(found, BaseException):
                    counts.report(f"an actor ended: {type(found).__name__}: {found}")
            print("the faults are over; waiting until all is quiet", flush=True)
            counts.violations += await wait_until_quiet(platform)
            for actor in actors:
                await asyncio.to_thread(_check_actor, actor, counts)
            counts.violations += await wait_until_quiet(platform)
            problems, orphans = await check_stores(platform)
            counts.violations += problems
            counts.violations += await asyncio.to_thread(_check_backups, platform, place)
            if overload and isinstance(world, World):
                await _overload(actors[0], world, counts)
            reports = platform.metrics.expose_by_process().decode()
    _print(counts, world, orphans)
    print("\n".join(line for line in reports.splitlines() if line.startswith("privateshare_reports_total")))
    return 1 if counts.violations else 0


def _running(actors: list[Actor], until: float) -> list["asyncio.Future[None]"]:
    """Start the threads of all actors. They have threads of their own, since faults need those of asyncio."""
    parts = [part for actor in actors for part in (actor.run, actor.run_pushes)]
    threads, loop = ThreadPoolExecutor(len(parts)), asyncio.get_running_loop()
    return [loop.run_in_executor(threads, part, until) for part in parts]


async def _save(platform: Platform, folder: Path, counts: Counts, until: float) -> BackupPlace:
    """Make backups meanwhile. One that fails is made again."""
    place = BackupPlace(folder.as_uri())
    while time.monotonic() < until:
        await asyncio.sleep(BETWEEN_BACKUPS_SECONDS)
        try:
            async with platform.database.transaction() as db:
                source = BackupSource(platform.database_url.get_secret_value(), await database_name(db), platform)
            await asyncio.to_thread(back_up, source, place, lambda _: None, lambda _: None)
        except (PrivateShareError, SQLAlchemyError, psycopg.Error):
            counts.count("backups that failed")
        else:
            counts.count("backups")
    return place


async def _report(platform: Platform, actors: list[Actor], counts: Counts, until: float) -> None:
    """Read reports meanwhile: each has at least the consents that had been given when it began."""

    async def work(db: AsyncSession) -> set[UUID]:
        return set(await db.scalars(select(ConsentRow.id)))

    while time.monotonic() < until:
        await asyncio.sleep(BETWEEN_REPORTS_SECONDS)
        before = [person for actor in actors for person in actor.people if person.stays]
        try:
            found = await platform.reports.read(work)
        except SQLAlchemyError:
            counts.count("reports that failed")
            continue
        counts.count("reports")
        if missing := [person for person in before if person.consent_id not in found and person.stays]:
            counts.report(f"a report is without {len(missing)} consents of {len(before)}")


def _check_backups(platform: Platform, place: BackupPlace) -> list[str]:
    """Verify each backup: whatever was written or erased meanwhile, it has all files and keys that its rows need."""
    problems = []
    for name in place.snapshots():
        manifest = place.manifest(name, platform.master_key)
        found = verify_backup(place, manifest, lambda _: None).problems
        problems += [f"the backup {name}: {problem}" for problem in found if ERASED_SINCE not in problem]
    return problems


async def _overload(actor: Actor, world: World, counts: Counts) -> None:
    """Send four times as many calls as are answered, print the figures, and record which promises were broken."""
    if not actor.living(actor.reading):
        await asyncio.to_thread(actor.share, actor.reading)
    person = actor.living(actor.reading)[0]
    wire = replace(actor.reading, origin=world.direct_origin)
    headers = {"Authorization": f"Bearer {wire.jwt(access_token=person.tokens.access)}"}
    found = await measure_overload([Call(wire.url(ACCOUNTS), headers)])
    print("\n".join(found.lines()))
    counts.violations += found.violations()
    counts.slow += found.slowness()


async def _actors(platform: Platform, world: World | Machines, counts: Counts, seed: int) -> list[Actor]:
    people = People(platform, world.origin)
    apps = Apps(
        await asking_contract(people, partner=PARTNER),
        await asking_contract(people, kind="write", partner=PARTNER, document=PUSHES),
        await people.contract(kind="read-raw", partner=PARTNER),
    )
    loop = asyncio.get_running_loop()

    def withdraw(person: Person) -> None:
        asyncio.run_coroutine_threadsafe(_withdraw(platform, person), loop).result(60)

    actors = []
    for number in range(ACTORS):
        inboxes = [await _inbox(people, apps) for _ in range(INBOXES)]
        actors.append(Actor(apps, inboxes, seed * 1000 + number, counts, withdraw))
    return actors


async def _inbox(people: People, apps: Apps) -> Inbox:
    pushing, _ = await people.user(apps.pushing, sources=())
    reading, _ = await people.user(apps.reading_raw, sources=(), library_id=await people.library_of(pushing))
    return Inbox(pushing, reading)


async def _withdraw(platform: Platform, person: Person) -> None:
    """Withdraw a person's consent as the operator's command does."""
    async with platform.database.transaction() as db:
        consent = (
            await db.scalars(select(ConsentRow).where(ConsentRow.id == person.consent_id).with_for_update())
        ).one()
        await withdraw_consent(db, platform, consent, datetime.now(UTC), OPERATOR)


async def _break_things(world: World | Machines, chance: random.Random, until: float) -> None:
    left: list[Fault] = []
    while time.monotonic() < until:
        if not left:  # Everything happens once before anything happens again.
            left = world.faults()
            chance.shuffle(left)
        await asyncio.sleep(chance.uniform(*CALM_SECONDS))
        world.done.append(await left.pop()(chance))


def _check_actor(actor: Actor, counts: Counts) -> None:
    """Look at all people of an actor again: all data of those who stay, nothing of those who ended it."""
    for person in actor.people:
        try:
            actor.check(person)
        except NoAnswer:
            counts.report("there is no answer although nothing fails")
    for inbox in actor.inboxes:
        try:
            actor.check_inbox(inbox)
        except NoAnswer:
            counts.report("there is no answer for pushed files although nothing fails")


def _print(counts: Counts, world: World | Machines, orphans: int) -> None:
    for fault in sorted(set(world.done)):
        print(f"{world.done.count(fault):5}  {fault}")
    for what, number in sorted((dict.fromkeys(CALLS, 0) | counts.done).items()):
        print(f"{number:5}  {what}")
    print(f"{orphans:5}  blobs and keys of interrupted calls, which the nightly sweep deletes")
    for slow in counts.slow:
        print(f"       slower than wanted: {slow}")
    print(f"{len(counts.violations):5}  promises broken")
    for violation in counts.violations:
        print(f"       {violation}")


def main() -> None:
    """Read the arguments, and run."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=600)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--many-machines", action="store_true", help="several servers, a replica and HAProxy")
    arguments.add_argument("--without-overload", action="store_true", help="only the faults")
    chosen = arguments.parse_args()
    kinds = {"many": chosen.many_machines, "overload": not chosen.without_overload}
    with TemporaryDirectory(prefix="ps-") as name:
        sys.exit(asyncio.run(run(chosen.seconds, chosen.seed, Path(name), **kinds)))


if __name__ == "__main__":
    main()
