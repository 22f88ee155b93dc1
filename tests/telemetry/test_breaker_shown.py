"""The breaker before a model vendor is shown as it stands, and none is shown where there is none."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.agents.models.breaker import FAILURES
from app.local.postgres import PostgresServer
from tests.fixtures.models import Llm, running_llm
from tests.fixtures.stack import Stack, running_stack, until_true
from tests.telemetry.watching import client_of, component, figure


@pytest.fixture
async def thinking(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Stack, Llm]]:
    async with running_llm() as llm:
        keys = {
            "ANTHROPIC_API_KEY": "k-a",
            "ANTHROPIC_BASE_URL": llm.url,
            "OPENAI_API_KEY": "k-o",
            "OPENAI_BASE_URL": f"{llm.url}/v1",
        }
        async with running_stack(postgres, tmp_path_factory.mktemp("breaker"), more=keys) as stack:
            await stack.serve()
            yield stack, llm


async def breaker(client: httpx.AsyncClient, vendor: str) -> str:
    return str((await component(client, vendor))["detail"].get("breaker"))


async def test_health_and_metrics_show_the_breaker_open_when_a_vendor_fails(thinking: tuple[Stack, Llm]) -> None:
    stack, llm = thinking
    phone = await stack.candidate()
    async with client_of(stack.processes[0]) as client:

        async def looked_at() -> bool:
            return "detail" in await component(client, "openai") and "detail" in await component(client, "chatwoot")

        await until_true(looked_at, what="the first look at every vendor")
        assert [await breaker(client, vendor) for vendor in ("anthropic", "openai")] == ["closed", "closed"]
        for vendor in ("360dialog", "chatwoot"):
            assert "breaker" not in (await component(client, vendor))["detail"]
        await phone.exchange("hello, I would like to work with you")
        for option in ("Start", "Yes, I agree"):
            before = len(await phone.replies())
            await phone.tap(option)
            await phone.until_said(before + 1)
        llm.fault("/v1/messages", action="respond", status=503)
        for number in range(FAILURES):
            await phone.exchange(f"my passport says nothing about {number}")
            if await breaker(client, "anthropic") == "open":
                break
        shown = await component(client, "anthropic")
        assert shown["detail"]["breaker"] == "open"
        assert shown["status"] == "warn"
        assert await breaker(client, "openai") == "closed"

        async def counted() -> bool:
            return await figure(client, 'vendor_breaker_state{vendor="anthropic"}') == 2

        await until_true(counted, what="the gauge", seconds=5)
        assert await figure(client, 'vendor_breaker_state{vendor="openai"}') == 0
        assert 'vendor_breaker_state{vendor="openai"}' in (await client.get("/metrics")).text
