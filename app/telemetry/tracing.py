"""Optional export of traces and GenAI metrics over OTLP/HTTP (OTEL_EXPORTER_OTLP_ENDPOINT); off without it.

Spans come from Pydantic AI and docket in the GenAI conventions' names. What is exported is built anew from an
allow-list, as in `sentry`: model, tokens, durations, outcomes; never prompts, answers or arguments.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Status
from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings

from app.telemetry.redaction import safe_id

_WORDS: Final = frozenset(
    {
        "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.system", "gen_ai.request.model",
        "gen_ai.response.model", "gen_ai.agent.name", "gen_ai.tool.name", "gen_ai.token.type", "error.type",
        "docket.name", "docket.task", "docket.worker", "docket.attempt",
    }
)  # fmt: skip
_NUMBERS: Final = re.compile(r"gen_ai\.(usage|aggregated_usage|request|response)\.[a-z_.]+\Z")
_NAME: Final = re.compile(r"[A-Za-z0-9 ._:\-]{1,80}\Z")
_METRICS_SECONDS: Final = 60


class SafeSpans(SpanExporter):
    """Hands on to `inner` only names, times, outcomes and allow-listed attributes."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Events and links (exceptions with their texts) are left behind."""
        return self._inner.export([_safe(span) for span in spans])

    def shutdown(self) -> None:
        """Close the connection."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is buffered."""
        return self._inner.force_flush(timeout_millis)


def _safe(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name if _NAME.match(span.name) and safe_id(span.name.replace(" ", "_")) != "[redacted]" else "span",
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=_safe_attributes(span.attributes or {}),
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _safe_attributes(attributes: Mapping[str, object]) -> dict[str, str | int | float | bool]:
    safe: dict[str, str | int | float | bool] = {}
    for name, value in attributes.items():
        if name in _WORDS:
            safe[name] = safe_id(str(value))
        elif _NUMBERS.match(name) and isinstance(value, int | float):
            safe[name] = value
    return safe


def setup_tracing(
    endpoint: str, *, commit: str, environment: str, replica: str = "", sampler: Sampler | None = None
) -> Callable[[], None]:
    """Export to the collector at `endpoint` (its base address) from now on; call after the fork, once per process.

    Returns what sends the rest and stops. One trace in ten is kept unless `sampler` says otherwise.
    """
    resource = Resource.create(
        {
            "service.name": "recruitment-desk",
            "service.version": commit,
            "deployment.environment.name": environment,
            "service.instance.id": replica,
        }
    )
    base = endpoint.rstrip("/")
    traces = TracerProvider(resource=resource, sampler=sampler or ParentBased(TraceIdRatioBased(0.1)))
    traces.add_span_processor(BatchSpanProcessor(SafeSpans(OTLPSpanExporter(f"{base}/v1/traces"))))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics"), _METRICS_SECONDS * 1000)
    figures = MeterProvider([reader], resource=resource)
    trace.set_tracer_provider(traces)
    metrics.set_meter_provider(figures)
    Agent.instrument_all(
        InstrumentationSettings(
            tracer_provider=traces,
            meter_provider=figures,
            include_content=False,
            include_binary_content=False,
            include_model_request_parameters=False,
        )
    )

    def stop() -> None:
        Agent.instrument_all(instrument=False)
        traces.shutdown()
        figures.shutdown()

    return stop
