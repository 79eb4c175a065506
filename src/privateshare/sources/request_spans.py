"""Spans of requests to sources, if the platform traces what it does. Otherwise they are nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

SERVER_ERROR = 500

Note = Callable[[int], None]
"""Notes the status of the response."""

_tracer: "Tracer | None" = None


def trace_requests(tracer: "Tracer") -> None:
    """Trace requests to sources from now on."""
    global _tracer
    _tracer = tracer


@contextmanager
def request_span(method: str, host: str) -> Iterator[Note]:
    """Trace a request to a source. Only method, host and status are recorded, since addresses contain ids of people."""
    if _tracer is None:
        yield lambda _status: None
        return
    from opentelemetry.trace import SpanKind, Status, StatusCode

    span = _tracer.start_span(f"{method} {host}", kind=SpanKind.CLIENT)
    span.set_attributes({"http.request.method": method, "server.address": host})

    def note(status: int) -> None:
        span.set_attribute("http.response.status_code", status)
        if status >= SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))

    try:
        yield note
    except Exception as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        span.end()
