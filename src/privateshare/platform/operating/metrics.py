"""Metrics for Prometheus: numbers about requests, syncs and jobs, without data about people."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privateshare.platform.operating.access_log import AccessLog
from privateshare.platform.operating.admission import Admission
from privateshare.platform.operating.tracing import count_sync, end_request, traced

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # The client of Prometheus reads this variable when it is imported.
DURATION_BUCKETS_SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
PREFIXES = ("/v1.7", "/v1.6", "/v1.5", "/cloud/v1", "/apps/saas")
CLIENT_CLOSED_REQUEST = 499  # This is the status of nginx for a client that closed the connection.
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
OTHER = "other"  # Values that a caller can make up must not become labels.


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The metrics that are read from the database.

    Attributes:
        jobs: The number of jobs by task and status.
        longest_wait_seconds: For how long the oldest job could have run that waits.
        keys_to_destroy: The number of keys of erased data that are still there.
        is_clock_doubted: Whether the clock is far from the newest time that is known.
        problems: The number of problems that the operator is or will be told about.
    """

    jobs: Sequence[tuple[str, str, int]]
    longest_wait_seconds: float
    keys_to_destroy: int
    is_clock_doubted: bool
    problems: int


class Metrics:
    """The metrics of this process and of those beside it, and of what all processes share in the database.

    Where several processes serve, `METRICS_FOLDER` is set, and the client library keeps the numbers of each in files
    there, so that any of them can give the sums.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "privateshare_calls", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._duration = Histogram(
            "privateshare_call_seconds",
            "Seconds from the arrival of a request to the end of its response.",
            ("method", "route"),
            registry=self._registry,
            buckets=DURATION_BUCKETS_SECONDS,
        )
        self._waiting = Gauge(
            "privateshare_waiting_calls",
            "Requests that wait for a place.",
            ("queue",),
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._refused = Counter(
            "privateshare_refused_calls",
            "Requests refused because too many waited.",
            ("queue",),
            registry=self._registry,
        )
        self._memory = Gauge(
            "privateshare_process_memory_bytes",
            "Memory of a process.",
            registry=self._registry,
            multiprocess_mode="liveall",
        )
        self._cpu = Gauge(
            "privateshare_process_cpu_seconds",
            "Seconds of CPU that a process used.",
            registry=self._registry,
            multiprocess_mode="liveall",
        )
        self._syncs = Counter(
            "privateshare_syncs", "Finished syncs by outcome.", ("source", "outcome"), registry=self._registry
        )
        self._unreadable = Counter(
            "privateshare_unreadable_files",
            "Reads that failed because a stored file is damaged or missing.",
            registry=self._registry,
        )
        self._lost_keys = Counter(
            "privateshare_lost_keys", "Requests that failed because a library's key is lost.", registry=self._registry
        )
        self._reports = Counter(
            "privateshare_reports",
            "Reports and metrics that were read from the replica, or from the primary although there is a replica.",
            ("database",),
            registry=self._registry,
        )
        # Finding a metric by its labels takes longer than setting it, so those of requests and queues are kept.
        self._of_route = cache(self._find_of_route)
        self._queues = {name: (self._waiting.labels(name), self._refused.labels(name)) for name in admission.queues()}
        self._noted = dict.fromkeys(self._queues, (-1, 0))  # Of each queue, those that waited and were refused.

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is the pattern of its path, not the path itself."""
        calls, duration = self._of_route(method if method in METHODS else OTHER, route, status)
        calls.inc()
        duration.observe(seconds)

    def _find_of_route(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self._calls.labels(method, route, str(status)), self._duration.labels(method, route)

    def count_sync(self, source_id: int, outcome: str) -> None:
        """Count a finished sync by one of the outcomes in sync/outcomes.py."""
        self._syncs.labels(str(source_id), outcome).inc()
        count_sync(source_id, outcome)
        self.note_process()

    def count_unreadable(self) -> None:
        """Count a read of a stored file that is damaged or missing."""
        self._unreadable.inc()

    def count_lost_key(self) -> None:
        """Count a request that failed because the key of a library is lost."""
        self._lost_keys.inc()

    def count_report(self, database: str) -> None:
        """Count a report by the database that it was read from, where there is a replica."""
        self._reports.labels(database).inc()

    def note_queues(self) -> None:
        """Record how many requests wait, and how many more were refused."""
        for name, queue in self._admission.queues().items():
            now, before = (queue.waiting, queue.refused), self._noted[name]
            if now != before:
                waiting, refused = self._queues[name]
                waiting.set(queue.waiting)
                refused.inc(queue.refused - before[1])
                self._noted[name] = now

    def note_process(self) -> None:
        """Record how much memory and CPU this process uses."""
        times = os.times()
        self._cpu.set(times.user + times.system)
        with suppress(OSError, ValueError):  # Only Linux has this file.
            self._memory.set(int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE_BYTES)

    def expose(self, state: DatabaseState) -> bytes:
        """Format all metrics in the text format of Prometheus, summed over all processes of this machine."""
        self._note()
        of_processes, of_database = self._registry, CollectorRegistry()
        if METRICS_FOLDER in os.environ:
            of_processes = CollectorRegistry()
            MultiProcessCollector(of_processes)  # type: ignore[no-untyped-call]
        of_database.register(_DatabaseMetrics(state))
        return generate_latest(of_processes) + generate_latest(of_database)

    def expose_by_process(self) -> bytes:
        """Format the metrics of each process of this machine, with its number in the label `process`."""
        self._note()
        folder = os.environ.get(METRICS_FOLDER)
        if folder is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        registry.register(_ProcessMetrics(Path(folder)))
        return generate_latest(registry)

    def _note(self) -> None:
        self.note_queues()
        self.note_process()


class _ProcessMetrics(Collector):
    """The metrics of each process, from the files that the client library keeps for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Collect the metrics of all processes, each with a label of its process."""
        files: dict[str, list[str]] = defaultdict(list)
        for file in sorted(self._folder.glob("*.db")):
            files[file.stem.rpartition("_")[2]].append(str(file))
        merged: dict[str, Metric] = {}
        for process, of_process in files.items():
            found: Iterable[Metric] = MultiProcessCollector.merge(of_process)  # type: ignore[no-untyped-call]
            for metric in found:
                together = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    labels = {name: value for name, value in sample.labels.items() if name != "pid"}
                    together.add_sample(sample.name, {**labels, "process": process}, sample.value)
        yield from merged.values()


class _DatabaseMetrics(Collector):
    """The metrics that are read from the database."""

    def __init__(self, state: DatabaseState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Collect all of them."""
        yield GaugeMetricFamily(
            "privateshare_keys_to_destroy",
            "Keys of erased data that are not destroyed yet.",
            self._state.keys_to_destroy,
        )
        yield GaugeMetricFamily(
            "privateshare_clock_doubted",
            "1 while the clock is far from the newest time that the database knows.",
            self._state.is_clock_doubted,
        )
        yield GaugeMetricFamily(
            "privateshare_longest_wait_seconds",
            "For how long the oldest job waits that could run.",
            self._state.longest_wait_seconds,
        )
        yield GaugeMetricFamily(
            "privateshare_problems", "Problems that the operator is told about.", self._state.problems
        )
        jobs = GaugeMetricFamily("privateshare_jobs", "Jobs in the queue.", labels=["task", "status"])
        for task, status, number in self._state.jobs:
            jobs.add_metric([task, status], number)
        yield jobs


class RecordRequests:
    """ASGI middleware that counts, times and logs every request by its route and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics, access_log: AccessLog) -> None:
        self._app, self._metrics, self._access_log = app, metrics, access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = perf_counter(), 500

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with traced("request", "server") as span:
            try:
                await self._app(scope, receive, send_counted)
            finally:
                if scope.get("state", {}).get("hung_up"):
                    status = CLIENT_CLOSED_REQUEST
                route, seconds = route_of(scope), perf_counter() - begun
                self._metrics.count_request(scope["method"], route, status, seconds)
                self._metrics.note_queues()
                if not scope.get("state", {}).get("is_summarised"):
                    self._access_log.write(scope, route, status, seconds)
                method = scope["method"] if scope["method"] in METHODS else OTHER
                end_request(span, method, route, status, seconds, scope.get("state", {}).get("contract_id"))


def route_of(scope: Scope) -> str:
    """Return the pattern of a request's path, which contains no session key, name or id."""
    route = getattr(scope.get("route"), "path", None)
    if route is None:
        return OTHER
    prefix = next((part for part in PREFIXES if scope["path"].startswith(f"{part}/")), "")
    return f"{prefix}{route}"  # The route's own path does not include the prefix of its router.
