"""Traces and GenAI metrics reach a collector, and no word of a candidate goes with them."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.telemetry.tracing import setup_tracing
from tests.fixtures.telemetry import serve

CANARY = "ich wohne in der Gartenstrasse 5 canary +4917612345678"


class Collector:
    """An OTLP/HTTP collector that keeps what it gets."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.spans = ExportTraceServiceRequest()
        self.metrics = ExportMetricsServiceRequest()

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.raw.append(body)
        (self.spans if request.url.path == "/v1/traces" else self.metrics).MergeFromString(body)
        return Response(b"", media_type="application/x-protobuf")


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    made = Collector()
    paths = [Route(path, made.take, methods=["POST"]) for path in ("/v1/traces", "/v1/metrics")]
    async with serve(Starlette(routes=paths)) as url:
        yield made, url


async def test_model_calls_are_exported_by_name_and_number_only(collector: tuple[Collector, str]) -> None:
    kept, url = collector
    stop = setup_tracing(url, commit="abc1234", environment="test", replica="r-1", sampler=ALWAYS_ON)
    agent = Agent(TestModel(custom_output_text=CANARY), instructions=CANARY, name="router")
    with trace.get_tracer("desk").start_as_current_span(CANARY) as span:
        span.set_attribute("text", CANARY)
        span.set_attribute("gen_ai.request.model", CANARY)
        span.record_exception(ValueError(CANARY))
        await agent.run(CANARY)
    await asyncio.to_thread(stop)
    everything = b"".join(kept.raw)
    assert b"canary" not in everything
    assert b"4917612345678" not in everything
    spans = [span for each in kept.spans.resource_spans for scope in each.scope_spans for span in scope.spans]
    names = {span.name for span in spans}
    assert "span" in names  # the one with words for a name
    assert any("router" in name for name in names)
    found = {pair.key for span in spans for pair in span.attributes}
    assert "gen_ai.request.model" in found
    assert any(key.startswith("gen_ai.usage") for key in found)
    resource = {pair.key: pair.value.string_value for pair in kept.spans.resource_spans[0].resource.attributes}
    assert (resource["service.version"], resource["service.name"]) == ("abc1234", "recruitment-desk")
    figures = {
        metric.name
        for each in kept.metrics.resource_metrics
        for scope in each.scope_metrics
        for metric in scope.metrics
    }
    assert "gen_ai.client.token.usage" in figures
