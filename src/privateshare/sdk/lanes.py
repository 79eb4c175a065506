"""A lane: a thread that reads files of a run, as many at once as its connections can."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from privateshare.errors import PrivateShareError
from privateshare.protocol.messages import FileEntry
from privateshare.sdk.bulk import Bulk, Outcome
from privateshare.sdk.deadlines import Abandoned
from privateshare.sdk.driver import Done, Driver
from privateshare.sdk.flow import Flow, Sink, Sleep
from privateshare.sdk.sinks import File

if TYPE_CHECKING:
    from privateshare.sdk.run import Run

PATIENCE_SECONDS = 0.5  # until it looks whether it should end


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A file that is being read."""

    entry: FileEntry
    flow: Flow[File]


def start_lane(run: "Run", driver: Driver, bulk: Bulk[Task]) -> None:
    """Starts a thread that reads what the run gives it."""
    threading.Thread(target=_Lane(run, driver, bulk).run, name="privateshare-read", daemon=True).start()


class _Lane:
    def __init__(self, run: "Run", driver: Driver, bulk: Bulk[Task]) -> None:
        self._run, self._driver, self._bulk = run, driver, bulk
        self._tasks: set[Task] = set()
        self._resting: dict[Task, float] = {}  # those that wait before they are tried again, and until when

    def run(self) -> None:
        """Reads until there is nothing left, or the run ends."""
        try:
            self._read()
        except BaseException as error:  # noqa: BLE001 - a disk that is full, a callback that raises: it ends the whole run
            self._run.fail(error)
        finally:
            self._bulk.close()
            for task in self._tasks:
                task.flow.close()
            self._run.leave()

    def _read(self) -> None:
        while True:
            while len(self._tasks) < self._bulk.at_once:
                entry = self._run.next_entry(wait=not self._tasks)
                if entry is None:
                    break
                self._go_on(Task(entry, self._run.flow(entry)), None)
            if not self._tasks:
                return
            for task, outcome in self._finished():
                self._go_on(task, outcome)
            if self._driver.abandoned.is_set():
                return

    def _finished(self) -> Sequence[tuple[Task, Outcome | None]]:
        """What has been answered, and what has rested long enough before it is tried again."""
        now = monotonic()
        rested = [task for task, until in self._resting.items() if until <= now]
        for task in rested:
            del self._resting[task]
        if rested:
            return [(task, None) for task in rested]
        patience = min([PATIENCE_SECONDS, *(until - now for until in self._resting.values())])
        if len(self._resting) == len(self._tasks):
            self._driver.abandoned.wait(patience)
            return []
        return self._bulk.finished(patience)

    def _go_on(self, task: Task, outcome: Outcome | None) -> None:
        if isinstance(outcome, Exception) and not isinstance(outcome, PrivateShareError):
            raise outcome
        self._tasks.add(task)
        try:
            step = self._driver.advance(task.flow, outcome)
        except PrivateShareError as error:
            self._tasks.discard(task)
            self._run.deliver(task.entry, error)
            return
        if isinstance(step, Done):
            self._tasks.discard(task)
            self._run.deliver(task.entry, step.value)
            return
        if isinstance(step, Sleep):
            self._resting[task] = monotonic() + step.seconds
            return
        if step.sink is not None:
            step = replace(step, sink=_Abandonable(step.sink, self._driver.abandoned))
        self._bulk.start(step, task)


class _Abandonable:
    """A sink that takes no more once nobody wants it."""

    def __init__(self, sink: Sink, abandoned: threading.Event) -> None:
        self._sink, self._abandoned = sink, abandoned

    def begin(self, headers: Mapping[str, str]) -> None:
        self._sink.begin(headers)

    def write(self, data: bytes) -> None:
        if self._abandoned.is_set():
            raise Abandoned
        self._sink.write(data)

    def finish(self) -> None:
        self._sink.finish()

    def abort(self) -> None:
        self._sink.abort()
