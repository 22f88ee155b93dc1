"""What calls cost, and what happens when there is nothing left to spend."""

import uuid
from decimal import Decimal

import pytest
from genai_prices import calc_price
from genai_prices.types import Usage
from redis.asyncio import Redis

from app.agents.models.budget import Budget, Limits, ProcessSpending, RedisSpending, Spending
from app.agents.models.prices import Tokens, load_prices
from app.agents.models.tier import Clocks
from app.agents.roles import AgentContext
from app.agents.state import Extracted, Routing, TurnInput
from app.agents.transcription import MODEL as TRANSCRIPTION
from app.settings import Settings
from tests.fixtures.models import HandClock, Llm, plan, text, turn

PER = 1_000_000
WORDS = "I would like to hear more about this first"


@pytest.fixture(params=["redis", "process"])
def spending(request: pytest.FixtureRequest, redis: Redis) -> Spending:
    return RedisSpending(redis) if request.param == "redis" else ProcessSpending()


@pytest.fixture
def hour() -> HandClock:
    """An hour of its own for each test, so that tests share no counters."""
    return HandClock(now=float(uuid.uuid4().int % 10**9) * 3600)


@pytest.mark.parametrize("model", sorted(load_prices().models))
def test_the_table_agrees_with_the_kept_library_of_prices(model: str) -> None:
    usage = Usage(input_tokens=100_000, cache_read_tokens=40_000, cache_write_tokens=20_000, output_tokens=10_000)
    tokens = Tokens(input=100_000, cache_read=40_000, cache_write=20_000, output=10_000)
    if not model.startswith("claude"):  # writes cost nothing extra, or are not counted, there
        usage = Usage(input_tokens=100_000, cache_read_tokens=40_000, output_tokens=10_000)
        tokens = Tokens(input=100_000, cache_read=40_000, output=10_000)
    if model.startswith("text-embedding"):
        usage, tokens = Usage(input_tokens=100_000), Tokens(input=100_000)
    vendor = "anthropic" if model.startswith("claude") else "openai"
    theirs = calc_price(usage, model, provider_id=vendor).total_price
    assert load_prices().cost(model, tokens) == theirs


def test_the_price_of_hearing_agrees_with_the_kept_library() -> None:
    theirs = calc_price(Usage(audio_seconds=3600), TRANSCRIPTION, provider_id="openai").total_price
    assert load_prices().cost_of_audio(TRANSCRIPTION, 3600.0) == theirs


def test_every_model_that_is_configured_by_default_has_a_price() -> None:
    defaults = Settings()
    models = {
        defaults.router_model,
        defaults.extraction_model,
        defaults.conversation_model,
        defaults.crm_model,
        defaults.fallback_model,
    }
    assert all(load_prices().known(model) for model in models)


def test_a_dated_id_costs_what_its_model_costs_and_an_unknown_model_the_most() -> None:
    prices = load_prices()
    tokens = Tokens(input=PER, output=PER)
    assert prices.cost("claude-haiku-5-5-20260901", tokens) == prices.cost("claude-haiku-5-5", tokens)
    dearest = max(prices.cost(model, tokens) for model in prices.models)
    assert prices.cost("nobody-knows-1", tokens) == dearest


async def test_a_candidates_day_is_counted_for_that_candidate_and_ends(spending: Spending, hour: HandClock) -> None:
    budget = Budget(spending, Limits(candidate_daily_usd=0.01, service_hourly_usd=100.0), hour)
    anna, bea = uuid.uuid4().hex, uuid.uuid4().hex
    await budget.book(anna, Decimal("0.006"))
    assert await budget.allows(anna)
    await budget.book(anna, Decimal("0.006"))
    assert not await budget.allows(anna)
    assert await budget.allows(bea)
    hour.now += 86_400
    assert await budget.allows(anna)


async def test_the_services_hour_is_counted_over_all_candidates_and_ends(spending: Spending, hour: HandClock) -> None:
    budget = Budget(spending, Limits(candidate_daily_usd=100.0, service_hourly_usd=0.01), hour)
    await budget.book(uuid.uuid4().hex, Decimal("0.006"))
    await budget.book("", Decimal("0.006"))
    assert not await budget.allows(uuid.uuid4().hex)
    assert not await budget.allows("")
    hour.now += 3600
    assert await budget.allows("")


async def test_the_smallest_cost_is_not_rounded_away(spending: Spending, hour: HandClock) -> None:
    budget = Budget(spending, Limits(candidate_daily_usd=0.000_002, service_hourly_usd=1.0), hour)
    who = uuid.uuid4().hex
    await budget.book(who, Decimal("0.0000001"))
    await budget.book(who, Decimal("0.0000001"))
    assert not await budget.allows(who)


async def test_every_counter_in_redis_expires(redis: Redis, hour: HandClock) -> None:
    who = uuid.uuid4().hex
    budget = Budget(RedisSpending(redis), Limits(candidate_daily_usd=1.0, service_hourly_usd=1.0), hour)
    await budget.book(who, Decimal("0.001"))
    keys = [key async for key in redis.scan_iter(match="spend:*")]
    assert any(who.encode() in key for key in keys)
    for key in keys:
        assert 0 < await redis.ttl(key) <= 2 * 86_400


async def test_amounts_that_cannot_be_read_count_as_spent(hour: HandClock) -> None:
    async with Redis.from_url("redis://127.0.0.1:1") as nobody:
        budget = Budget(RedisSpending(nobody), Limits(candidate_daily_usd=1.0, service_hourly_usd=1.0), hour)
        assert not await budget.allows("someone")
        await budget.book("someone", Decimal("0.5"))  # logged, not raised


async def _answer(agent: str, context: AgentContext, the_turn: TurnInput) -> Routing | Extracted:
    return await (context.router.route(the_turn) if agent == "router" else context.extraction.extract(the_turn))


@pytest.mark.parametrize("agent", ["router", "extraction"])
async def test_over_budget_the_guided_agent_answers_and_no_vendor_is_asked(
    llm: Llm, agent: str, spending: Spending, hour: HandClock
) -> None:
    limits = Limits(candidate_daily_usd=0.000_001, service_hourly_usd=1.0)
    context = llm.context(plan(limits=limits), spending=spending, clocks=Clocks(unix=hour))
    the_turn = turn(text(WORDS))
    first, second = await _answer(agent, context, the_turn), await _answer(agent, context, the_turn)
    assert (first["tier"], second["tier"]) == ("claude", "guided")
    assert second["decision"]["fell_back"] == "budget"
    assert llm.calls() == 1
