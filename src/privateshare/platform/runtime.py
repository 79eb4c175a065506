"""What every part of the running platform shares: settings, database, blobs, keys, queue."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from procrastinate import App

from privateshare.platform.blobs.opening import open_blobs
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.db.engine import Database
from privateshare.platform.grants.signing import Signer, load_signer, open_master_key
from privateshare.platform.library.keys import MasterKey
from privateshare.platform.limits import CallLimits
from privateshare.platform.metrics import Metrics
from privateshare.platform.settings import Settings
from privateshare.platform.sync.queue import make_queue
from privateshare.sources.registry import configure_servers

RENEWALS_AT_ONCE = 4  # of each source's tokens, in this process: each holds a database connection while it is slow


def _renewals() -> Mapping[int, asyncio.Semaphore]:
    return defaultdict(partial(asyncio.Semaphore, RENEWALS_AT_ONCE))


@dataclass(frozen=True, slots=True)
class Platform:
    """The open resources of one process."""

    settings: Settings
    database: Database
    blobs: BlobStore
    master_key: MasterKey
    signer: Signer
    queue: App
    limits: CallLimits
    metrics: Metrics
    renewals: Mapping[int, asyncio.Semaphore] = field(default_factory=_renewals)  # of tokens, by source


@asynccontextmanager
async def open_platform(settings: Settings, database_url: str) -> AsyncIterator[Platform]:
    """The platform on a migrated database; its connections close at the end."""
    configure_servers(settings.fhir_servers)
    database = Database(database_url, settings.database_pool_size)
    queue = make_queue(database_url)
    blob_url = settings.blob_url.get_secret_value() if settings.blob_url else (settings.data / "blobs").as_uri()
    try:
        async with database.transaction() as db:
            master_key = await open_master_key(db, settings)
            signer = await load_signer(db, master_key)
        async with queue.open_async():
            blobs, limits = open_blobs(blob_url), CallLimits(settings)
            yield Platform(settings, database, blobs, master_key, signer, queue, limits, Metrics())
    finally:
        await database.close()
