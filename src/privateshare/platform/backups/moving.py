"""Moving a platform to other stores: from the built-in database and a folder to PostgreSQL and a bucket, or back."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from privateshare.errors import ConfigurationError
from privateshare.platform.backups.copying import BlobCopier, Copied, Progress
from privateshare.platform.backups.making import blob_keys, erasure_key_names
from privateshare.platform.backups.restoring import RestoreResult, Tell, restore
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.embedded.dumps import dump_chunks
from privateshare.platform.keys.signing import database_name
from privateshare.platform.keystore.erasure_keys import MOVED
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import running_platform

# Connections of one's own are left out. The application's name is not looked at, since anybody can set it.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class TargetSettings(Settings):
    """The settings in the file of a target, without those of the environment, which are the source's."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only what is passed."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


class StoppedPlatform:
    """The content of a platform that is stopped, for its new stores."""

    def __init__(self, platform: Platform, database: str) -> None:
        self._platform, self.database = platform, database
        self._url = platform.database_url.get_secret_value()
        self.keys = platform.erasure_keys.store
        with psycopg.connect(self._url) as connection:
            self.key_names = list(erasure_key_names(connection))
        self.journal = set(platform.journals.main.entries())

    def dump(self) -> Iterator[bytes]:
        """Return the dump of the database as a stream."""
        return dump_chunks(self._url)

    def copy_blobs(self, target: BlobStore, unwanted: Sequence[str], done: Copied, progress: Progress) -> None:
        """Copy all blobs. Those of people who were erased have no rows any more."""
        del unwanted
        copier = BlobCopier(self._platform.blobs, target)
        with psycopg.connect(self._url) as connection:
            for _ in copier.save(blob_keys(connection), {}, done, progress):
                pass


async def move(source: Settings, target: Settings, progress: Progress, tell: Tell) -> RestoreResult:
    """Copy a stopped platform to the empty stores of other settings, and keep the old one from starting again.

    Raises ConfigurationError if the source is running, or something is in the target already.
    """
    if source.database_url is not None:
        await asyncio.to_thread(_require_unused, source.database_url.get_secret_value())
    _share_master_key(source, target)
    async with running_platform(source, to_serve=False) as (platform, _):
        async with platform.database.transaction() as db:
            name = await database_name(db)
        content = await asyncio.to_thread(StoppedPlatform, platform, name)
        result = await restore(target, content, progress, tell)
        if result.copied.missing or result.copied.damaged or result.missing_keys:
            return result
        if source.key_address() != target.key_address():
            await asyncio.to_thread(platform.erasure_keys.store.claim, MOVED)
    return result


def _require_unused(url: str) -> None:
    with psycopg.connect(url) as connection:
        row = connection.execute(_OTHERS).fetchone()
    if row is not None and row[0]:
        raise ConfigurationError(
            f"the platform still runs: its database has {row[0]} other connections",
            hint="Stop all processes of the platform, then move it",
        )


def _share_master_key(source: Settings, target: Settings) -> None:
    """Give the target the master key, if that is a file. Raises ConfigurationError if the target has another one."""
    if target.master_key is not None:
        return
    ours, theirs = source.data / "master.key", target.data / "master.key"
    if source.master_key is not None:
        raise ConfigurationError(
            "the platform's master key is in PRIVATESHARE_MASTER_KEY, and the target has none",
            hint="Name the same master_key in the target's file of settings",
        )
    if theirs.exists():
        return
    target.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    _copy_secret(ours, theirs)


def _copy_secret(source: Path, target: Path) -> None:
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(source.read_bytes())
        file.flush()
        os.fsync(file.fileno())
