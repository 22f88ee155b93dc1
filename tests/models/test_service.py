"""The whole service thinking with models over HTTP: a phone writes, Claude words the answer; then both vendors die."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.local.postgres import PostgresServer
from tests.fixtures.models import Llm
from tests.fixtures.stack import OPS_TOKEN, Stack, running_stack
from tests.models.test_turns import reading, worded


@pytest.fixture
async def thinking_desk(
    llm: Llm, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A service whose keys are set and lead to the twin."""
    keys = {
        "ANTHROPIC_API_KEY": "k-a",
        "ANTHROPIC_BASE_URL": llm.url,
        "OPENAI_API_KEY": "k-o",
        "OPENAI_BASE_URL": f"{llm.url}/v1",
    }
    async with running_stack(postgres, tmp_path_factory.mktemp("thinking"), more=keys) as stack:
        await stack.serve()
        yield stack


async def metrics_of(stack: Stack) -> str:
    headers = {"Authorization": f"Bearer {OPS_TOKEN}"}
    async with httpx.AsyncClient(base_url=stack.processes[0].url, trust_env=False, headers=headers) as client:
        return (await client.get("/metrics")).text


async def test_models_answer_a_phone_and_their_end_goes_unnoticed_but_in_the_log(
    llm: Llm, thinking_desk: Stack
) -> None:
    llm.script.answers |= {"extraction": reading, "conversation": worded}
    phone = await thinking_desk.candidate()
    await phone.exchange("hello, I would like to work with you")
    assert llm.calls() == 0, "nobody's words go to a vendor before they have read the notice"
    for option in ("Start", "Yes, I agree"):
        before = len(await phone.replies())
        await phone.tap(option)
        await phone.until_said(before + 1)
    asked = await phone.exchange("on the passport it says Ola Brandt, but who reads that")
    assert asked["text"]
    view = await phone.view()
    assert {fact.field: fact.quote for fact in view.facts}["name"] == "Ola Brandt"
    thought = view.turns[-1].decision
    assert (thought["tier"], thought["tiers"]["extraction"]) == ("claude", "claude")
    assert thought["model"] == "claude-sonnet-5-5"
    assert thought["cost_usd"] > 0
    assert thought["agents"]["conversation"]["calls"] == ["claude-sonnet-5-5:ok"]

    metrics = await metrics_of(thinking_desk)
    assert 'llm_tokens_total{kind="output",model="claude-sonnet-5-5",provider="anthropic"}' in metrics
    assert 'vendor_breaker_state{vendor="anthropic"} 0.0' in metrics

    llm.fault(action="respond", status=529)
    await phone.exchange("I would love to patch people up in some ward, if that is a thing")
    without = (await phone.view()).turns[-1].decision
    assert without["tier"] == "guided"
    assert without["agents"]["extraction"]["fell_back"] == "server_error"
    assert "Brandt" not in thinking_desk.logs()
    assert "passport" not in thinking_desk.logs()
