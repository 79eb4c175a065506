"""Metrics for Prometheus: numbers about requests, syncs and jobs, without data about people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privateshare.platform.operating.access_log import log_request
from privateshare.platform.operating.admission import Admission
from privateshare.platform.operating.client_addresses import AddressForm

DURATION_BUCKETS_SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
PREFIXES = ("/v1.7", "/v1.6", "/v1.5", "/cloud/v1", "/apps/saas")
CLIENT_CLOSED_REQUEST = 499  # This is the status of nginx for a client that closed the connection.
OTHER = "other"  # Values that a caller can make up must not become labels.


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The metrics that are read from the database. `jobs` has the number of jobs by task and status."""

    jobs: Sequence[tuple[str, str, int]]
    keys_to_destroy: int
    is_clock_doubted: bool


class Metrics:
    """The metrics of one process, and of the job queue that all processes share."""

    def __init__(self, admission: Admission) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Queues(admission))
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
        self._keys_to_destroy = Gauge(
            "privateshare_keys_to_destroy", "Keys of erased data that are not destroyed yet.", registry=self._registry
        )
        self._clock_doubted = Gauge(
            "privateshare_clock_doubted",
            "1 while the clock is far from the newest time that the database knows.",
            registry=self._registry,
        )
        self._jobs = Gauge("privateshare_jobs", "Jobs in the queue.", ("task", "status"), registry=self._registry)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is the pattern of its path, not the path itself."""
        known = method if method in METHODS else OTHER
        self._calls.labels(known, route, str(status)).inc()
        self._duration.labels(known, route).observe(seconds)

    def count_sync(self, source_id: int, outcome: str) -> None:
        """Count a finished sync by one of the outcomes in sync/outcomes.py."""
        self._syncs.labels(str(source_id), outcome).inc()

    def count_unreadable(self) -> None:
        """Count a read of a stored file that is damaged or missing."""
        self._unreadable.inc()

    def count_lost_key(self) -> None:
        """Count a request that failed because the key of a library is lost."""
        self._lost_keys.inc()

    def expose(self, state: DatabaseState) -> bytes:
        """Format all metrics in the text format of Prometheus."""
        self._clock_doubted.set(state.is_clock_doubted)
        self._keys_to_destroy.set(state.keys_to_destroy)
        self._jobs.clear()
        for task, status, number in state.jobs:
            self._jobs.labels(task, status).set(number)
        return generate_latest(self._registry)


class _Queues(Collector):
    """The numbers of waiting and refused requests, read from the queues when metrics are collected."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def collect(self) -> Iterator[Metric]:
        """Collect both numbers of each queue."""
        waiting = GaugeMetricFamily("privateshare_waiting_calls", "Requests that wait for a place.", labels=["queue"])
        refused = CounterMetricFamily(
            "privateshare_refused_calls", "Requests refused because too many waited.", labels=["queue"]
        )
        for name, queue in self._admission.queues().items():
            waiting.add_metric([name], queue.waiting)
            refused.add_metric([name], queue.refused)
        yield from (waiting, refused)


class RecordRequests:
    """ASGI middleware that counts, times and logs every request by its route and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics, log_addresses: AddressForm) -> None:
        self._app, self._metrics, self._log_addresses = app, metrics, log_addresses

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

        try:
            await self._app(scope, receive, send_counted)
        finally:
            if scope.get("state", {}).get("hung_up"):
                status = CLIENT_CLOSED_REQUEST
            route, seconds = route_of(scope), perf_counter() - begun
            self._metrics.count_request(scope["method"], route, status, seconds)
            log_request(scope, route, status, seconds, self._log_addresses)


def route_of(scope: Scope) -> str:
    """Return the pattern of a request's path, which contains no session key, name or id."""
    route = getattr(scope.get("route"), "path", None)
    if route is None:
        return OTHER
    prefix = next((part for part in PREFIXES if scope["path"].startswith(f"{part}/")), "")
    return f"{prefix}{route}"  # The route's own path does not include the prefix of its router.
