"""The checks of a platform: everything that an operator should know about, with what to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.store_errors import BlobStoreUnavailable
from privateshare.platform.db.tables import (
    AccountRow,
    ApplicationRow,
    ContractRow,
    KeyToDestroyRow,
    SyncRow,
    WebhookMessageRow,
)
from privateshare.platform.diagnosis.audit_log import audit_log
from privateshare.platform.diagnosis.backups import newest_backup
from privateshare.platform.diagnosis.expiries import contract_keys, site_certificate
from privateshare.platform.diagnosis.findings import Finding, State
from privateshare.platform.keys.rewrapping import rows_without_key
from privateshare.platform.operating.disks import disks
from privateshare.platform.operating.public_address import is_this_machine
from privateshare.platform.operating.settings import MEGABYTE
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.clock import is_clock_suspect
from privateshare.platform.sync.outcomes import BROKEN, FAILED, LATER, TOO_LONG
from privateshare.platform.sync.worker import WORKER_DEAD_AFTER_SECONDS
from privateshare.protocol.catalogue import catalogue
from privateshare.sources.installed import installed_packages

Check = Callable[[AsyncSession, Platform], Awaitable[Finding]]
"""A function that looks at one thing in the database."""

GIGABYTE = 1024 * MEGABYTE
LOW_SPACE_BYTES = 2 * GIGABYTE
CLOCK_TOLERANCE = timedelta(seconds=5)
LONG_WAIT = timedelta(minutes=10)
RECENT = timedelta(days=1)
SOON = timedelta(days=30)
FEW_SYNCS = 3  # With fewer, a source that failed each time says little.

# The workers with a heartbeat.
_WORKERS = text(
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => :seconds)"
)
# The time of the oldest job that could run and does not, and the number of jobs that failed for good.
_QUEUE = text("""
SELECT min(coalesce(job.scheduled_at, event.at)) FILTER (WHERE job.status = 'todo'),
       count(*) FILTER (WHERE job.status = 'todo'),
       count(*) FILTER (WHERE job.status = 'failed')
  FROM procrastinate_jobs AS job
  LEFT JOIN procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred'
 WHERE job.scheduled_at IS NULL OR job.scheduled_at <= now()
""")


async def diagnose(platform: Platform, *, thorough: bool = True) -> AsyncIterator[Finding]:
    """Check the settings, the machine, the stores, the database and what is in it, and yield a finding for each.

    A thorough diagnosis reads whole tables: all rows that the master key seals, and the audit log.
    """
    for finding in _settings(platform):
        yield finding
    for finding in await asyncio.to_thread(lambda: list(_disks(platform))):
        yield finding
    yield await _store(platform)
    for finding in _packages(platform):
        yield finding
    yield await site_certificate(platform.settings)
    yield await asyncio.to_thread(newest_backup, platform.settings, datetime.now(UTC))
    for check in CHECKS:
        yield await _checked(platform, check)
    for check in THOROUGH_CHECKS if thorough else ():
        yield await _checked(platform, check)
    async with platform.database.transaction() as db:
        for finding in await _sources(db):
            yield finding


async def _checked(platform: Platform, check: Check) -> Finding:
    try:
        async with platform.database.transaction() as db:
            return await check(db, platform)
    except SQLAlchemyError as error:
        return Finding(
            State.PROBLEM, "database", f"does not respond: {type(error).__name__}", "Look at the log of PostgreSQL"
        )


def _settings(platform: Platform) -> Iterator[Finding]:
    settings = platform.settings
    if settings.origin is None:
        state = State.OK if is_this_machine(settings.host) else State.PROBLEM
        yield Finding(
            state,
            "address",
            f"only this machine's names, on {settings.host}",
            "Set PRIVATESHARE_ORIGIN to the address that people and apps use" if state is not State.OK else "",
        )
    elif settings.origin.startswith("https://"):
        yield Finding(State.OK, "address", settings.origin)
    else:
        yield Finding(State.WARNING, "address", f"{settings.origin} is not https", "Put a proxy with TLS before it")
    if settings.operator_name is None or settings.operator_contact is None:
        yield Finding(
            State.WARNING,
            "operator",
            "the pages do not say who runs this platform, and how to reach them",
            "Set PRIVATESHARE_OPERATOR_NAME and PRIVATESHARE_OPERATOR_CONTACT",
        )
    else:
        yield Finding(State.OK, "operator", f"{settings.operator_name}, {settings.operator_contact}")
    if settings.metrics_token is None:
        yield Finding(State.WARNING, "metrics", "/metrics is off", "Set PRIVATESHARE_METRICS_TOKEN, and collect them")
    if not settings.alert_emails and settings.alert_webhook is None:
        advice = "Set PRIVATESHARE_ALERT_EMAILS or PRIVATESHARE_ALERT_WEBHOOK, and run privateshare alert test"
        yield Finding(State.WARNING, "alerts", "nobody is told of problems", advice)
    if settings.master_key is None and settings.master_key_file is None:
        path = settings.data / "master.key"
        open_to_others = path.exists() and path.stat().st_mode & 0o077
        yield Finding(
            State.PROBLEM if open_to_others else State.OK,
            "master key file",
            f"{path} can be read by other users" if open_to_others else f"{path}; keep a copy away from the backups",
            f"chmod 600 {path}" if open_to_others else "",
        )


def _disks(platform: Platform) -> Iterator[Finding]:
    for disk in disks(platform.settings):
        free = disk.free_bytes()
        if free is None:
            continue
        shown = f"{free / GIGABYTE:.1f} GB free at {disk.path}"
        if disk.is_full(platform.settings):
            yield Finding(State.PROBLEM, f"disk of {disk.use}", shown, "Free space: requests are refused")
        elif free < LOW_SPACE_BYTES:
            yield Finding(State.WARNING, f"disk of {disk.use}", shown, "Free space soon", tell=True)
        else:
            yield Finding(State.OK, f"disk of {disk.use}", shown)


def _packages(platform: Platform) -> Iterator[Finding]:
    """Find the installed packages of sources, and those that are not used."""
    for folder in installed_packages().accepted:
        yield Finding(State.OK, f"sources of {folder.name}", f"installed, with ids {', '.join(map(str, folder.ids))}")
    for refused in platform.sources.refused:
        yield Finding(
            State.PROBLEM,
            f"sources of {refused.name}",
            f"{refused.distribution}: not used, because {refused.reason}",
            "Install a version without this fault, or uninstall it",
        )


async def _store(platform: Platform) -> Finding:
    try:
        await asyncio.to_thread(platform.blob_ownership.probe)
    except BlobStoreUnavailable as error:
        return Finding(State.PROBLEM, "blob store", error.message, error.hint or "See docs/deploy.md")
    return Finding(State.OK, "blob store", "can be written; `privateshare check` looks for lost files")


async def _clock(db: AsyncSession, _platform: Platform) -> Finding:
    now = datetime.now(UTC)
    if await is_clock_suspect(db, now):
        return Finding(
            State.PROBLEM, "clock", "far from the newest time that the database knows", "Set the clock of this machine"
        )
    of_database = (await db.scalars(select(func.clock_timestamp()))).one()
    difference = abs(of_database - now)
    if difference > CLOCK_TOLERANCE:
        seconds = difference.total_seconds()
        return Finding(
            State.WARNING, "clock", f"{seconds:.0f} seconds from that of the database", "Let both follow a time server"
        )
    return Finding(State.OK, "clock", "that of the database")


async def _connections(db: AsyncSession, platform: Platform) -> Finding:
    allowed = int((await db.execute(text("SELECT current_setting('max_connections')"))).scalar_one())
    version = (await db.execute(text("SELECT current_setting('server_version')"))).scalar_one()
    size = (await db.execute(text("SELECT pg_database_size(current_database())"))).scalar_one()
    shown = f"PostgreSQL {version}, {size / MEGABYTE:.0f} MB, {allowed} connections"
    needed = platform.settings.database_connections()
    if platform.settings.database_url is not None and needed > allowed:
        advice = "Raise max_connections, or use a pooler, or fewer processes"
        return Finding(State.WARNING, "database", f"{shown}; a serving machine may open {needed}", advice)
    return Finding(State.OK, "database", shown)


async def _master_key(db: AsyncSession, platform: Platform) -> Finding:
    missing = await rows_without_key(db, platform.master_key)
    if not missing:
        return Finding(State.OK, "master key", "opens all rows")
    rows = ", ".join(f"{what}: {count}" for what, count in missing.items())
    return Finding(
        State.PROBLEM,
        "master key",
        f"rows need one that is not listed ({rows})",
        "List the old key after the current one in PRIVATESHARE_MASTER_KEY, and run privateshare keys rewrap",
    )


async def _queue(db: AsyncSession, _platform: Platform) -> Finding:
    oldest, waiting, failed = (await db.execute(_QUEUE)).one()
    workers = (await db.execute(_WORKERS, {"seconds": WORKER_DEAD_AFTER_SECONDS})).scalar_one()
    if not workers:
        no_worker = f"no worker runs, and {waiting} jobs wait"
        return Finding(State.WARNING, "queue", no_worker, "Start privateshare serve", tell=True)
    if oldest is not None and datetime.now(UTC) - oldest > LONG_WAIT:
        minutes = (datetime.now(UTC) - oldest).total_seconds() / 60
        advice = "Start more workers (PRIVATESHARE_WORKERS), and look at the log"
        return Finding(State.PROBLEM, "queue", f"{waiting} jobs wait, one for {minutes:.0f} minutes", advice)
    if failed:
        return Finding(State.WARNING, "queue", f"{waiting} jobs wait, {failed} failed for good", "Look at the log")
    return Finding(State.OK, "queue", f"{waiting} jobs wait")


async def _keys_to_destroy(db: AsyncSession, _platform: Platform) -> Finding:
    number, oldest = (await db.execute(select(func.count(), func.min(KeyToDestroyRow.created_at)))).one()
    if number and datetime.now(UTC) - oldest > LONG_WAIT:
        return Finding(
            State.PROBLEM,
            "erasure",
            f"{number} keys of erased data are not destroyed since {oldest:%Y-%m-%d %H:%M} UTC",
            "Make the key store reachable and writable; it must keep no older versions",
        )
    return Finding(
        State.OK, "erasure", "all keys of erased data are destroyed" if not number else f"{number} under way"
    )


async def _webhooks(db: AsyncSession, _platform: Platform) -> Finding:
    since = datetime.now(UTC) - 7 * RECENT
    given_up = await db.scalar(select(func.count()).where(WebhookMessageRow.given_up_at > since))
    if given_up:
        return Finding(
            State.WARNING,
            "webhooks",
            f"{given_up} messages of the last week were given up",
            "Look at them with privateshare webhook list, and send them again with webhook replay --failed",
        )
    return Finding(State.OK, "webhooks", "none was given up in the last week")


async def _contracts(db: AsyncSession, _platform: Platform) -> Finding:
    now = datetime.now(UTC)
    ending = ContractRow.expires_at.between(now, now + SOON)
    names = list(await db.scalars(select(ContractRow.id).where(ending).order_by(ContractRow.expires_at)))
    if names:
        shown = ", ".join(names[:5]) + (" …" if names[5:] else "")
        advice = "Register new contracts, and let the apps ask people again"
        ending_soon = f"{len(names)} end within {SOON.days} days: {shown}"
        return Finding(State.WARNING, "contracts", ending_soon, advice, tell=True)
    return Finding(State.OK, "contracts", f"none ends within {SOON.days} days")


async def _applications(db: AsyncSession, _platform: Platform) -> Finding:
    query = select(ApplicationRow.id).where(ApplicationRow.suspended_at.is_not(None))
    suspended = list(await db.scalars(query))
    if suspended:
        advice = "privateshare app resume, or app end"
        return Finding(State.WARNING, "applications", f"suspended: {', '.join(suspended)}", advice)
    return Finding(State.OK, "applications", "none is suspended")


CHECKS: Sequence[Check] = (
    _clock,
    _connections,
    _queue,
    _keys_to_destroy,
    _webhooks,
    _contracts,
    contract_keys,
    _applications,
)
THOROUGH_CHECKS: Sequence[Check] = (_master_key, audit_log)


async def _sources(db: AsyncSession) -> list[Finding]:
    """Find sources that failed for everybody lately."""
    failures = SyncRow.outcome.in_([BROKEN, FAILED, LATER, TOO_LONG])
    query = (
        select(AccountRow.service_type, func.count(), func.count().filter(failures))
        .join(AccountRow, (AccountRow.library_id == SyncRow.library_id) & (AccountRow.id == SyncRow.account_id))
        .where(SyncRow.finished_at > datetime.now(UTC) - RECENT)
        .group_by(AccountRow.service_type)
    )
    found = []
    for service_type, syncs, failed in await db.execute(query):
        name = catalogue().service_types[service_type].name
        if failed == syncs and syncs >= FEW_SYNCS:
            found.append(
                Finding(
                    State.PROBLEM, name, f"all {syncs} syncs of the last day failed", "Look at the log for its name"
                )
            )
        else:
            found.append(Finding(State.OK, name, f"{syncs - failed} of {syncs} syncs of the last day worked"))
    return found
