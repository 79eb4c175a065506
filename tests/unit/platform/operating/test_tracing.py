"""Without the variables of OpenTelemetry nothing is traced; with them, its packages must be there."""

import sys

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.operating import tracing
from privateshare.sources.request_spans import request_span


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_environment_decides(environment: dict[str, str], wanted: bool) -> None:
    """An address is what it takes."""
    assert tracing.is_wanted(environment) is wanted


def test_nothing_is_traced_without_it() -> None:
    """All functions can be called, and a job gets no argument that an older worker would not know."""
    tracing.start_telemetry("web")
    with tracing.traced("name", "server") as span:
        assert span is None
        assert tracing.carried() == {}
        tracing.end_request(span, "GET", "/", 200, 0.1, None)
        tracing.count_sync(16, "done")
    with request_span("GET", "source.example") as note:
        note(200)
    tracing.stop_telemetry()


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for traces and would get none is told how to install them."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigurationError) as failure:
        tracing.start_telemetry("web")
    assert "privateshare[otel]" in str(failure.value.hint)
