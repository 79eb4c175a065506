"""Tests of periodic tasks with a clock that jumps."""

from procrastinate import App
from procrastinate.periodic import PeriodicRegistry
from procrastinate.testing import InMemoryConnector

from privateshare.platform.jobs.queue import ClockTolerantDeferrer

NOON = 1_790_000_000.0  # The seconds are a multiple of 15.
YEAR = 400 * 86_400


def deferrer() -> ClockTolerantDeferrer:
    """Return a scheduler with a task every 15 seconds."""
    app, registry = App(connector=InMemoryConnector()), PeriodicRegistry()

    @app.task(name="often")
    async def often(timestamp: int) -> None:
        del timestamp

    registry.register_task(task=often, cron="* * * * * */15", periodic_id="", configure_kwargs={})
    return ClockTolerantDeferrer(registry)


def due(steady: ClockTolerantDeferrer, at: float) -> int:
    return len(list(steady.get_previous_tasks(at)))


def test_each_time_is_deferred_once() -> None:
    """A task is scheduled once for each 15 seconds, also after a short sleep."""
    steady = deferrer()
    assert due(steady, NOON) == 1
    assert due(steady, NOON + 1) == 0
    assert due(steady, NOON + 60) == 4


def test_a_jump_ahead_schedules_no_missed_tasks() -> None:
    """Otherwise a large jump would schedule two million jobs at once."""
    steady = deferrer()
    due(steady, NOON)
    assert due(steady, NOON + YEAR) <= 1
    assert due(steady, NOON + YEAR + 30) == 2


def test_tasks_continue_after_the_clock_is_set_back() -> None:
    """Tasks that were scheduled for the future do not block those that are due now."""
    steady = deferrer()
    due(steady, NOON + YEAR)
    assert due(steady, NOON) == 1
    assert due(steady, NOON + 30) == 2
