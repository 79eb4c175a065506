"""Tests with a wrong clock: forward or back, for seconds or for days, it costs nobody tokens or files."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import delete, func, select, text, update

from privateshare.platform.app import create_app
from privateshare.platform.blobs.store import put
from privateshare.platform.db.tables import (
    ClockReadingRow,
    JourneyRow,
    NonceRow,
    SessionRow,
    SigningKeyRow,
    TokenRow,
)
from privateshare.platform.grants.tokens import issue_code, redeem_code
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import running_platform
from privateshare.platform.sync.clock import MAX_CLOCK_JUMP, TRUSTED_AFTER
from privateshare.platform.sync.orphans import sweep_orphans
from privateshare.platform.sync.sweep import sweep
from privateshare.platform.sync.worker import recover_jobs
from tests.flow.consents import consent_by_id
from tests.flow.databases import copy_database
from tests.flow.scraping import TOKEN
from tests.flow.syncing import begun
from tests.flow.wire import b64, verifier

YEAR = timedelta(days=400)
ROUND = timedelta(minutes=10)  # This is the time between two sweeps.
KINDS = (TokenRow, SessionRow, NonceRow, JourneyRow)


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """Provide a platform that serves nobody, and sweeps when the test says so."""
    data = tmp_path_factory.mktemp("clock") / "data"
    copy_database(data)
    settings = Settings(data=data, database_pool_size=5, metrics_token=SecretStr(TOKEN))
    async with running_platform(settings) as (platform, _):
        yield platform


@dataclass
class Kept:
    """What there is that a clock could cost somebody."""

    platform: Platform

    async def counts(self) -> dict[str, int]:
        async with self.platform.database.session() as db:
            return {kind.__name__: await db.scalar(select(func.count()).select_from(kind)) or 0 for kind in KINDS}

    async def doubted(self) -> tuple[bool, float]:
        """Return whether the readiness warns of the clock, and what the metric says."""
        transport = httpx2.ASGITransport(create_app(self.platform))
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
            answer = await http.get("/readyz")
            metrics = await http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, metrics.status_code) == (200, 200), answer.text
        (line,) = (line for line in metrics.text.splitlines() if line.startswith("privateshare_clock_doubted "))
        return "clock" in str(answer.json().get("warnings")), float(line.split()[1])


@pytest.fixture
async def kept(running: Platform) -> Kept:
    """Tokens of a person, a session that waits, a journey that is not finished, a nonce: all of now."""
    now = datetime.now(UTC)
    async with running.database.transaction() as db:
        for kind in (*KINDS, ClockReadingRow):
            await db.execute(delete(kind))
    session = await begun(running)
    async with running.database.transaction() as db:
        consent = await consent_by_id(db, str(session.consent_id))
        secret = verifier()
        code = await issue_code(db, running, consent, b64(sha256(secret.encode()).digest()), now)
        await redeem_code(db, running, consent.contract_id, code, secret, now)
        journey = JourneyRow(
            code_hash=uuid4().bytes, contract_id=consent.contract_id, sealed_return=b"", kind="authorize",
            expires_at=now + timedelta(minutes=30),
        )  # fmt: skip
        soon = now + timedelta(minutes=10)
        db.add_all([journey, NonceRow(client_id="c", nonce="n", fingerprint=b"", expires_at=soon)])
    await sweep(running, now)
    return Kept(running)


@pytest.mark.parametrize("wrong", [YEAR, -YEAR, 3 * MAX_CLOCK_JUMP, timedelta(days=30_000)])
async def test_a_briefly_wrong_clock_deletes_nothing(kept: Kept, wrong: timedelta) -> None:
    """The operator is told, and everything continues once the clock is right again."""
    before, now = await kept.counts(), datetime.now(UTC)
    assert min(before.values()) > 0
    for seconds in (0, 1, 600):
        await sweep(kept.platform, now + wrong + timedelta(seconds=seconds))
        assert await kept.counts() == before
    await sweep(kept.platform, now)
    assert await kept.counts() == before
    await sweep(kept.platform, now + ROUND * 3)
    assert (await kept.counts())["NonceRow"] == 0


async def test_a_clock_that_is_wrong_by_less_than_a_day_deletes_nothing_valid(kept: Kept) -> None:
    """Expired data is kept for as long as a clock jump may go unnoticed."""
    before = await kept.counts()
    await sweep(kept.platform, datetime.now(UTC) + MAX_CLOCK_JUMP - ROUND)
    after = await kept.counts()
    assert (after["TokenRow"], after["SessionRow"]) == (before["TokenRow"], before["SessionRow"])


async def test_a_platform_that_was_off_for_long_cleans_up_again(kept: Kept) -> None:
    """Its clock is right although it jumped, and is trusted after it has run steadily for some days."""
    back = datetime.now(UTC) + YEAR
    steps = int((TRUSTED_AFTER - ROUND) / timedelta(hours=6))
    for step in range(steps + 1):
        await sweep(kept.platform, back + step * timedelta(hours=6))
        assert (await kept.counts())["SessionRow"] > 0
    await sweep(kept.platform, back + TRUSTED_AFTER)
    assert (await kept.counts())["SessionRow"] == 0
    assert (await kept.counts())["TokenRow"] == 0  # After more than a year the token can renew nothing either.


async def test_a_clock_that_keeps_jumping_is_never_trusted(kept: Kept) -> None:
    """Days that passed in one jump do not count as days of steady running."""
    before, moment = await kept.counts(), datetime.now(UTC) + YEAR
    for _ in range(10):
        await sweep(kept.platform, moment)
        moment += TRUSTED_AFTER
    assert await kept.counts() == before


async def test_the_operator_is_told_of_a_wrong_clock(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """The log, /readyz and a metric say so until the clock is right."""
    assert await kept.doubted() == (False, 0.0)
    async with kept.platform.database.transaction() as db:
        await db.execute(update(ClockReadingRow).values(seen_at=datetime.now(UTC) - YEAR))
    assert await kept.doubted() == (True, 1.0)
    capsys.readouterr()
    await sweep(kept.platform)
    assert "correct the clock" in capsys.readouterr().out
    async with kept.platform.database.transaction() as db:
        await db.execute(update(ClockReadingRow).values(seen_at=datetime.now(UTC)))
    await sweep(kept.platform)
    assert await kept.doubted() == (False, 0.0)


async def test_a_wrong_clock_deletes_no_blobs_in_progress(kept: Kept) -> None:
    """A blob is written before its row, so it looks like an old orphan if the clock is ahead."""
    platform = kept.platform
    put(platform.blobs, "library/4f2a/file/young", [b"x"])
    async with platform.database.transaction() as db:
        await db.execute(update(SigningKeyRow).values(created_at=datetime.now(UTC) - YEAR))
        await db.execute(update(ClockReadingRow).values(seen_at=datetime.now(UTC) - YEAR))
    assert await sweep_orphans(platform, timedelta(0)) == 0
    assert list(platform.blobs.keys("library/4f2a/")) == ["library/4f2a/file/young"]
    async with platform.database.transaction() as db:
        await db.execute(update(ClockReadingRow).values(seen_at=datetime.now(UTC)))
    assert await sweep_orphans(platform, timedelta(0)) == 1


async def test_a_retry_that_a_wrong_clock_scheduled_runs_soon(kept: Kept) -> None:
    """Otherwise its next try would come in 400 days, and later sessions would wait for it."""
    platform = kept.platform
    await begun(platform)
    async with platform.database.transaction() as db:
        await db.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '400 days'"))
    await recover_jobs(platform)
    async with platform.database.session() as db:
        late = await db.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE scheduled_at > now()"))
    assert late == 0
