"""Requests in words that no list foresees, through the whole service with a real embedding model over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from openai import AsyncOpenAI

from app.agents.embeddings import Embedder
from app.agents.graph import build_graph
from app.agents.guided.paraphrases import embedding_receipt
from app.agents.guided.tier import guided_context
from app.agents.models.budget import Budget, Limits, ProcessSpending
from app.local.embeddings_server import MODEL, create_embeddings_server
from app.local.postgres import PostgresServer
from tests.fixtures.models import COMPANY, HandClock, Llm, plan, text, turn
from tests.fixtures.stack import Phone, Stack, running_stack
from tests.fixtures.twins import serve

MEANT = "could your manager maybe reach out to me"


async def agreed(stack: Stack, name: str = "Anna") -> Phone:
    """A candidate who was greeted and consented; the assistant waits for their name."""
    phone = await stack.candidate(name)
    await phone.exchange("hello")
    for option in ("Start", "Yes, I agree"):
        before = len(await phone.replies())
        await phone.tap(option)
        await phone.until_said(before + 1)
    return phone


@pytest.fixture
async def near_desk(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A service without any model vendor whose embeddings come from the house's server."""
    async with serve(create_embeddings_server()) as url:
        more = {"EMBEDDINGS_BASE_URL": f"{url}/v1", "EMBEDDINGS_MODEL": MODEL}
        async with running_stack(postgres, tmp_path_factory.mktemp("near"), more=more) as stack:
            await stack.serve()
            yield stack


async def test_a_wish_for_a_person_in_unforeseen_words_reaches_a_person(near_desk: Stack) -> None:
    phone = await agreed(near_desk)
    answer = await phone.exchange(MEANT)
    assert "A colleague will answer you here" in answer["text"]
    view = await phone.view()
    assert (view.owner, view.owner_reason) == ("human", "human")
    assert view.turns[-1].decision["tier"] == "guided"


async def test_without_the_server_of_embeddings_the_intake_goes_on_at_once(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    more = {"EMBEDDINGS_BASE_URL": "http://127.0.0.1:9/v1", "EMBEDDINGS_MODEL": MODEL}  # discard: nobody listens
    async with running_stack(postgres, tmp_path_factory.mktemp("far"), more=more) as stack:
        await stack.serve()
        phone = await agreed(stack)
        assert (await phone.exchange(MEANT))["text"]
        assert (await phone.view()).owner == "assistant"
        assert "router.embeddings_unavailable" in stack.logs()


def client_of(llm: Llm, key: str = "k-o") -> AsyncOpenAI:
    return AsyncOpenAI(api_key=key, base_url=f"{llm.url}/v1", max_retries=0)


async def refused(embedder: Embedder, texts: Sequence[str]) -> type[Exception]:
    with pytest.raises((ConnectionError, TimeoutError)) as caught:
        await embedder(texts, embedding_receipt())
    return type(caught.value)


async def test_a_slow_server_costs_one_wait_and_then_none_until_it_has_rested(llm: Llm) -> None:
    clock = HandClock()
    llm.fault("/v1/embeddings", action="delay", seconds=0.5, times=1)
    async with client_of(llm) as client:
        embedder = Embedder(client, MODEL, seconds=0.1, clock=clock)
        assert await refused(embedder, ["where are you"]) is TimeoutError
        asked = len(llm.twin.requests)
        assert await refused(embedder, ["where are you"]) is ConnectionError
        assert len(llm.twin.requests) == asked, "nobody is asked while it rests"
        clock.now += 6
        patient = Embedder(client, MODEL, seconds=10)
        assert len((await patient(["where are you"], embedding_receipt()))[0]) == 384
        await embedder.aclose()


async def test_a_batch_that_took_too_long_is_there_for_the_next_who_asks(llm: Llm) -> None:
    llm.fault("/v1/embeddings", action="delay", seconds=0.5, times=1)
    texts = ["one sentence", "another sentence"]
    clock = HandClock()
    async with client_of(llm) as client:
        embedder = Embedder(client, MODEL, seconds=0.1, clock=clock)
        assert await refused(embedder, texts) is TimeoutError
        async with asyncio.timeout(10):
            while True:
                clock.now += 6
                try:
                    vectors = await embedder(texts, embedding_receipt())
                    break
                except (ConnectionError, TimeoutError):
                    continue
        assert [len(vector) for vector in vectors] == [384, 384]
        assert len([seen for seen in llm.twin.requests if seen.body.get("input") == texts]) == 1
        await embedder.aclose()


async def test_a_vendor_that_refuses_is_no_error_of_the_turn(llm: Llm) -> None:
    llm.fault("/v1/embeddings", action="respond", status=429)
    async with client_of(llm) as client:
        assert await refused(Embedder(client, MODEL), ["where are you"]) is ConnectionError


async def test_what_was_asked_is_paid_by_the_candidate_and_over_budget_nobody_is_asked(llm: Llm) -> None:
    limits = Limits(candidate_daily_usd=0.000_001, service_hourly_usd=1.0)
    budget = Budget(ProcessSpending(), limits, lambda: 1_800_000_000.0)
    async with client_of(llm) as client:
        embedder = Embedder(client, "text-embedding-3-small", budget=budget)
        bill = embedding_receipt("anna")
        await embedder(["where are you, and who are you"], bill)
        log = bill.log()
        assert log["calls"] == ["text-embedding-3-small:ok"]
        assert 0 < log["cost_usd"] == pytest.approx(log["input_tokens"] * 0.02 / 1_000_000)
        asked = len(llm.twin.requests)
        with pytest.raises(ConnectionError):
            await embedder(["where are you"], embedding_receipt("anna"))
        assert len(llm.twin.requests) == asked
        assert await embedder(["where are you"], embedding_receipt("bea"))


async def test_a_server_of_our_own_costs_nothing(llm: Llm) -> None:
    async with client_of(llm) as client:
        bill = embedding_receipt("anna")
        await Embedder(client, MODEL, seconds=60)(["where are you"], bill)
    assert bill.log()["input_tokens"] > 0
    assert bill.cost == 0


async def test_nearness_of_meaning_stands_in_the_decision_log_of_the_turn(llm: Llm) -> None:
    async with client_of(llm) as client:
        embedder = Embedder(client, MODEL, budget=Budget(ProcessSpending(), plan().limits), seconds=60)
        guided = guided_context(COMPANY, embedder)
        state = await build_graph().ainvoke(turn(text(MEANT)), context=guided)
        await embedder.aclose()
    decision = state["proposal"]["decision"]
    assert decision["router"]["embedding"]["calls"] == [f"{MODEL}:ok"]
    assert decision["input_tokens"] == decision["router"]["embedding"]["input_tokens"] > 0
    assert decision["cost_usd"] > 0
