"""Traces and metrics for OpenTelemetry, if the environment asks for them (OTEL_EXPORTER_OTLP_ENDPOINT).

A request, the sync that it causes and the requests to the source are one trace: the job in the queue carries it on.
Attributes are patterns of addresses, host names, numbers and ids of contracts; never a path, key, token or person.
Without the variables, or with OTEL_SDK_DISABLED, nothing is imported, and every function does nothing.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

from privateshare.errors import ConfigurationError
from privateshare.sources.request_spans import trace_requests
from privateshare.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram, Meter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
SCOPE = "privateshare"
TRACE_PARENT = "traceparent"
SERVER_ERROR = 500

Kind = Literal["server", "consumer", "producer"]
Attributes = Mapping[str, str | int]


class Telemetry:
    """The exporters of one process."""

    def __init__(self, tracers: "TracerProvider | None", meters: "MeterProvider | None") -> None:
        self.tracers, self.meters = tracers, meters
        self.tracer: Tracer | None = tracers.get_tracer(SCOPE, VERSION) if tracers else None
        self.calls: Histogram | None = None
        self.syncs: Counter | None = None
        if meters:
            meter: Meter = meters.get_meter(SCOPE, VERSION)
            self.calls = meter.create_histogram("http.server.request.duration", "s", "Duration of requests.")
            self.syncs = meter.create_counter("privateshare.syncs", "{sync}", "Syncs that ended.")


_telemetry: Telemetry | None = None
_NOT_TRACED = nullcontext()


def is_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the environment names an OpenTelemetry receiver."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not is_off and any(environment.get(name) for name in ENDPOINTS)


def start_telemetry(role: str) -> None:
    """Start to export what this process does, if the environment asks for it.

    Raises ConfigurationError if the packages for it are missing.
    """
    global _telemetry
    if not is_wanted() or _telemetry is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigurationError(
            "OpenTelemetry is asked for in the environment, and its packages are missing",
            hint="Install them with: pip install 'privateshare[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT",
        ) from error
    of_process = {"service.version": VERSION, "service.instance.id": f"{role}-{os.getpid()}", "privateshare.role": role}
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create(of_process if named else {**of_process, "service.name": SCOPE})
    tracers = meters = None
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "none":
        tracers = TracerProvider(resource=resource)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        # It is not made the global one: libraries that find one, such as FastAPI, record whole addresses.
        trace_requests(tracers.get_tracer(SCOPE, VERSION))
    if os.environ.get("OTEL_METRICS_EXPORTER", "otlp") != "none":
        meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
    _telemetry = Telemetry(tracers, meters)


def stop_telemetry() -> None:
    """Export what is left at the end of the process. Blocks for some seconds at most."""
    if _telemetry is not None and _telemetry.tracers is not None:
        _telemetry.tracers.shutdown()
    if _telemetry is not None and _telemetry.meters is not None:
        _telemetry.meters.shutdown()


def traced(
    name: str, kind: Kind, attributes: Attributes | None = None, parent: str | None = None
) -> AbstractContextManager["Span | None"]:
    """Trace the block as a span; provide it, or None if nothing is traced.

    Args:
        name: The name of the span.
        kind: "server" for a request that arrived, "consumer" for a job, "producer" for adding one.
        attributes: What to note. No value may be secret or about a person.
        parent: What `trace_parent` returned where this was caused; without it, a "server" span begins a new trace.
    """
    if _telemetry is None or _telemetry.tracer is None:
        return _NOT_TRACED
    return _span(_telemetry.tracer, name, kind, attributes, parent)


@contextmanager
def _span(
    tracer: "Tracer", name: str, kind: Kind, attributes: Attributes | None, parent: str | None
) -> Iterator["Span"]:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = None
    if kind != "producer":  # What callers send is not believed: they would decide what is recorded.
        context = TraceContextTextMapPropagator().extract({TRACE_PARENT: parent}, Context()) if parent else Context()
    # The message of an exception may hold anything, so only its type is recorded.
    with tracer.start_as_current_span(
        name,
        context,
        SpanKind[kind.upper()],
        dict(attributes or {}),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except Exception as error:  # The span of any failed work names the class of its error.
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(Status(StatusCode.ERROR))
            raise


def trace_parent() -> str | None:
    """Return the current span in a form that a job can carry; None if nothing is traced."""
    if _telemetry is None or _telemetry.tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(TRACE_PARENT)


def carried() -> dict[str, str]:
    """Return the argument of a job with which it continues the current trace; none if nothing is traced."""
    parent = trace_parent()
    return {"trace": parent} if parent else {}


def end_request(
    span: "Span | None", method: str, route: str, status: int, seconds: float, contract: str | None
) -> None:
    """Note what became of a request: in its span, and in the metrics."""
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
    }
    if _telemetry is not None and _telemetry.calls is not None:
        _telemetry.calls.record(seconds, attributes)
    if span is not None:
        from opentelemetry.trace import Status, StatusCode

        span.update_name(f"{method} {route}")
        span.set_attributes(attributes | ({"privateshare.contract": contract} if contract else {}))
        if status >= SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))


def count_sync(source_id: int, outcome: str) -> None:
    """Count a sync that ended."""
    if _telemetry is not None and _telemetry.syncs is not None:
        _telemetry.syncs.add(1, {"privateshare.source": source_id, "privateshare.outcome": outcome})
