"""What an operator may watch: numbers about calls, syncs and the queue, and nothing about anybody. For Prometheus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privateshare.platform.operating.admission import Admission

SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
PREFIXES = ("/v1.7", "/v1.6", "/v1.5", "/cloud/v1", "/apps/saas")
HUNG_UP = 499  # the status, as nginx has it, of a call whose client did not wait for the answer
OTHER = "other"  # what a caller could make up is never a label


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What the database says at this moment. `jobs` has how many there are of each task and status."""

    jobs: Sequence[tuple[str, str, int]]
    keys_to_destroy: int
    is_clock_doubted: bool


class Metrics:
    """The numbers of one process; but the queue is everybody's."""

    def __init__(self, admission: Admission) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Queues(admission))
        self._calls = Counter(
            "privateshare_calls", "Calls answered.", ("method", "route", "status"), registry=self._registry
        )
        self._duration = Histogram(
            "privateshare_call_seconds",
            "From a call's arrival to the end of its answer.",
            ("method", "route"),
            registry=self._registry,
            buckets=SECONDS,
        )
        self._syncs = Counter(
            "privateshare_syncs", "Syncs that ended, by how.", ("source", "outcome"), registry=self._registry
        )
        self._unreadable = Counter(
            "privateshare_unreadable_files",
            "Reads that found a file damaged or missing that should be there.",
            registry=self._registry,
        )
        self._lost_keys = Counter(
            "privateshare_lost_keys", "Calls that found the key of a library lost.", registry=self._registry
        )
        self._keys_to_destroy = Gauge(
            "privateshare_keys_to_destroy", "Keys of erased libraries, still to be destroyed.", registry=self._registry
        )
        self._clock_doubted = Gauge(
            "privateshare_clock_doubted",
            "1 while the clock is far from the newest time that the database knows.",
            registry=self._registry,
        )
        self._jobs = Gauge("privateshare_jobs", "Jobs in the queue.", ("task", "status"), registry=self._registry)

    def count_call(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a call; `route` is the pattern of its address, not the address."""
        known = method if method in METHODS else OTHER
        self._calls.labels(known, route, str(status)).inc()
        self._duration.labels(known, route).observe(seconds)

    def count_sync(self, source_id: int, outcome: str) -> None:
        """Counts a sync that ended, by one of the outcomes of sync/outcomes.py."""
        self._syncs.labels(str(source_id), outcome).inc()

    def count_unreadable(self) -> None:
        """Counts a file that is listed and cannot be read."""
        self._unreadable.inc()

    def count_lost_key(self) -> None:
        """Counts a call that found a library whose key is lost."""
        self._lost_keys.inc()

    def expose(self, state: DatabaseState) -> bytes:
        """Write all numbers in Prometheus' text format."""
        self._clock_doubted.set(state.is_clock_doubted)
        self._keys_to_destroy.set(state.keys_to_destroy)
        self._jobs.clear()
        for task, status, number in state.jobs:
            self._jobs.labels(task, status).set(number)
        return generate_latest(self._registry)


class _Queues(Collector):
    """What waits for a place, as it is when somebody looks."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def collect(self) -> Iterator[Metric]:
        """Both numbers of each queue."""
        waiting = GaugeMetricFamily("privateshare_waiting_calls", "Calls that wait for a place.", labels=["queue"])
        refused = CounterMetricFamily(
            "privateshare_refused_calls", "Calls refused since too many waited.", labels=["queue"]
        )
        for name, queue in self._admission.queues().items():
            waiting.add_metric([name], queue.waiting)
            refused.add_metric([name], queue.refused)
        yield from (waiting, refused)


class CountCalls:
    """ASGI middleware: counts every call by its route and status, and times it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

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
                status = HUNG_UP
            self._metrics.count_call(scope["method"], route_of(scope), status, perf_counter() - begun)


def route_of(scope: Scope) -> str:
    """The pattern of the address that a request came to: it has no session key, name or id in it."""
    route = getattr(scope.get("route"), "path", None)
    if route is None:
        return OTHER
    prefix = next((part for part in PREFIXES if scope["path"].startswith(f"{part}/")), "")
    return f"{prefix}{route}"  # a route does not know what the router that it is in was included under
