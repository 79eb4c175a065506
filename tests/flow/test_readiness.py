"""Tests of /readyz: whether the platform can serve requests, and the reason if not."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from privateshare.platform.api import readiness
from privateshare.platform.api.readiness import Readiness
from privateshare.platform.app import create_app
from privateshare.platform.blobs.local import LocalBlobs, LocalWriter
from privateshare.platform.runtime import Platform
from tests.flow.statements import statements
from tests.flow.wire import check_error


@pytest.fixture(autouse=True)
def looking_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn off the caching of readiness responses."""
    monkeypatch.setattr(readiness, "CACHE_SECONDS", 0)
    monkeypatch.setattr(readiness, "WRITE_INTERVAL_SECONDS", 0)


@asynccontextmanager
async def asked(platform: Platform, **changes: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """Provide a client of a platform that differs in some parts from the one that runs."""
    transport = httpx2.ASGITransport(create_app(replace(platform, **changes)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


async def test_a_full_disk_is_not_ready(platform: Platform) -> None:
    """503 names the disk. The threshold is a setting, and 0 turns the check off."""
    full = platform.settings.model_copy(update={"min_free_bytes": 10**18})
    async with asked(platform, settings=full) as http:
        message = check_error(await http.get("/readyz"), 503, "Unavailable")
        assert "The disk of the data folder is full" in message
        assert str(platform.settings.data) not in message
        assert (await http.get("/healthz")).status_code == 200
    for threshold in (1, 0):
        async with asked(platform, settings=platform.settings.model_copy(update={"min_free_bytes": threshold})) as http:
            assert (await http.get("/readyz")).json() == {"status": "ok"}


async def test_a_blob_store_that_cannot_be_written_is_not_ready(platform: Platform, tmp_path: Path) -> None:
    """The status is 503 until the store can be written again."""
    folder = tmp_path / "blobs"
    async with asked(platform, blobs=LocalBlobs(folder)) as http:
        assert (await http.get("/readyz")).status_code == 200
        shutil.rmtree(folder)
        folder.write_text("no folder")
        for _ in range(2):
            message = check_error(await http.get("/readyz"), 503, "Unavailable")
            assert message == "The blob store cannot be used: Not a directory"
        folder.unlink()
        (folder / ".aside").mkdir(parents=True)
        assert (await http.get("/readyz")).status_code == 200


class Hanging(LocalBlobs):
    """A blob store that takes nothing for as long as the test wants, as a network file system that is away."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.writes, self.go_on = 0, asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def writer(self, key: str) -> LocalWriter:
        self.writes += 1
        asyncio.run_coroutine_threadsafe(self.go_on.wait(), self._loop).result()
        return super().writer(key)


async def test_a_hanging_blob_store_blocks_one_thread(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check gets a response, and at most one thread hangs."""
    monkeypatch.setattr(readiness, "WRITE_TIMEOUT_SECONDS", 0.1)
    blobs = Hanging(tmp_path / "blobs")
    async with asked(platform, blobs=blobs) as http:
        for _ in range(3):
            message = check_error(await http.get("/readyz"), 503, "Unavailable")
            assert message == "The blob store does not respond"
        assert blobs.writes == 1
        blobs.go_on.set()
        monkeypatch.setattr(readiness, "WRITE_TIMEOUT_SECONDS", 20)
        assert (await http.get("/readyz")).status_code == 200


async def test_parallel_health_checks_share_one_check(platform: Platform) -> None:
    """Many health checks neither cause work nor wait for connections."""
    heard: list[str] = []
    ready = Readiness(platform)
    async with statements(platform, heard.append):
        assert await asyncio.gather(*(ready.check() for _ in range(50))) == [[]] * 50
    assert sum("clock_readings" in text for text in heard) <= 2
