"""Nothing that a candidate wrote leaves towards logs, metrics, spans or the decision log, whatever goes wrong."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY, generate_latest
from pydantic_ai import Agent, InstrumentationSettings

from app.agents.graph import build_graph
from app.local.llm_script import Answer, Quirk
from tests.fixtures.models import Llm, text, turn
from tests.fixtures.telemetry import LogLines

SECRET = "Xylophonia"
WORDS = f"well my name is {SECRET} Quartermain and I live somewhere by the sea, is that far"

FAULTS = [
    {"action": "respond", "status": 400, "body": {"error": {"type": "invalid_request_error", "message": SECRET}}},
    {"action": "respond", "status": 500, "body": SECRET},
    {"action": "respond", "status": 200, "body": f"<html>{SECRET}</html>"},
    {"action": "drop"},
]


async def think(llm: Llm) -> str:
    """One turn; what its decision log holds."""
    state = await build_graph().ainvoke(turn(text(WORDS)), context=llm.context())
    return str(state["proposal"]["decision"])


@pytest.mark.parametrize("order", FAULTS, ids=["400", "500", "html", "drop"])
async def test_no_words_in_logs_metrics_or_decision_when_http_fails(
    llm: Llm, log_lines: LogLines, order: dict[str, object]
) -> None:
    llm.fault(**order)  # type: ignore[arg-type]
    decision = await think(llm)
    assert SECRET not in decision
    assert SECRET not in log_lines.text
    assert "llm.unanswered" in log_lines.text
    assert SECRET.encode() not in generate_latest(REGISTRY)


@pytest.mark.parametrize("kind", ["malform", "misfit", "refuse", "truncate", "cut"])
async def test_no_words_in_logs_metrics_or_decision_when_answers_are_bad(
    llm: Llm, log_lines: LogLines, kind: str
) -> None:
    llm.script.answers["router"] = Answer(text=f'{{"language": "{SECRET}"')
    llm.twin.quirks.append(Quirk(kind=kind, times=None))  # type: ignore[arg-type]
    decision = await think(llm)
    assert SECRET not in decision
    assert SECRET not in log_lines.text
    assert SECRET.encode() not in generate_latest(REGISTRY)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.mark.parametrize("failing", [False, True])
async def test_spans_carry_usage_and_no_words(llm: Llm, spans: InMemorySpanExporter, failing: bool) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    if failing:
        llm.fault("/v1/messages", **FAULTS[0])  # type: ignore[arg-type]
    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider, include_content=False))
    try:
        await think(llm)
    finally:
        Agent.instrument_all(instrument=False)
        provider.shutdown()
    finished = spans.get_finished_spans()
    written = "".join(span.to_json() for span in finished)
    assert any("gen_ai.usage.input_tokens" in (span.attributes or {}) for span in finished)
    assert SECRET not in written
    assert "Quartermain" not in written


async def test_vendors_get_no_ids_of_the_candidate(llm: Llm) -> None:
    the_turn = turn(text(WORDS))
    await build_graph().ainvoke(the_turn, context=llm.context())
    sent = str([seen.body for seen in llm.twin.requests])
    assert the_turn["turn_id"] not in sent
    assert the_turn["inbound"][0]["message_id"] not in sent
    assert the_turn["conversation"]["candidate_id"] not in sent
