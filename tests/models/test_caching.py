"""The stable beginning of every prompt is cached by the vendor, measured on the usage it reports."""

import asyncio

import pytest

from app.agents.models.prices import load_prices
from app.agents.state import Json
from app.local.llm_script import Answer
from app.recruiting.intake import Decision, Intake, Line, Question
from tests.fixtures.models import Llm, text, turn

WORDS = (
    "I am looking for something in a warehouse",
    "my brother works with you and he said it is good",
    "Ik woon nu in Tilburg met mijn broer",
)

# Not crm: its prompt is shorter than what vendors cache, and it is asked once per conversation.
AGENTS = ("router", "extraction", "conversation")
ASKING = Decision(question=Question(line=Line(key="ask_city")), intake=Intake())


async def _ask(llm: Llm, agent: str, rounds: int) -> list[Json]:
    context = llm.context()
    llm.script.says("conversation", {"pieces": [{"n": 1, "text": "In which town do you live?", "facts": []}]})
    decisions: list[Json] = []
    for number in range(rounds):
        the_turn = turn(text(f"{WORDS[number % 3]} {number}"))
        if agent == "router":
            decisions.append((await context.router.route(the_turn))["decision"])
        elif agent == "extraction":
            decisions.append((await context.extraction.extract(the_turn))["decision"])
        else:
            decisions.append((await context.conversation.phrase(the_turn, "en", ASKING))["decision"])
    return decisions


def hit_share(decisions: list[Json]) -> float:
    """Share of input tokens that came from the cache."""
    return float(sum(d["cache_read_tokens"] for d in decisions) / sum(d["input_tokens"] for d in decisions))


@pytest.mark.parametrize("agent", AGENTS)
async def test_nine_tenths_of_the_input_come_from_the_cache_of_claude(llm: Llm, agent: str) -> None:
    decisions = await _ask(llm, agent, 20)
    assert decisions[0]["cache_write_tokens"] > 0
    assert all(d["cache_read_tokens"] > 0 and d["cache_write_tokens"] == 0 for d in decisions[1:])
    assert hit_share(decisions[1:]) >= 0.9


@pytest.mark.parametrize("agent", AGENTS)
async def test_the_cache_of_gpt_is_hit_too(llm: Llm, agent: str) -> None:
    llm.fault("/v1/messages", action="respond", status=500)
    decisions = await _ask(llm, agent, 10)
    assert hit_share(decisions[1:]) >= 0.8


async def test_the_cache_is_renewed_by_use_and_gone_after_five_idle_minutes(llm: Llm) -> None:
    context = llm.context()
    for wait, cached in ((0, False), (290, True), (290, True), (301, False)):
        llm.twin.clock.advance(wait)
        decision = (await context.router.route(turn(text(WORDS[0]))))["decision"]
        assert (decision["cache_read_tokens"] > 0) is cached


async def test_a_cached_call_costs_a_fraction_and_the_log_says_so(llm: Llm) -> None:
    first, second = await _ask(llm, "router", 2)
    assert second["cost_usd"] < first["cost_usd"] / 4
    tokens = load_prices().models["claude-haiku-5-5"]
    fresh = second["input_tokens"] - second["cache_read_tokens"]
    expected = (fresh * tokens.input + second["cache_read_tokens"] * tokens.cache_read) / 1_000_000
    expected += second["output_tokens"] * tokens.output / 1_000_000
    assert second["cost_usd"] == pytest.approx(float(expected))


async def test_nothing_of_a_turn_stands_before_the_mark(llm: Llm) -> None:
    context = llm.context()
    await asyncio.gather(*(context.router.route(turn(text(words))) for words in WORDS))
    systems = {str(seen.body["system"]) for seen in llm.twin.asked("anthropic")}
    assert len(systems) == 1
    assert "cache_control" in systems.pop()


async def test_gpt_is_told_to_store_nothing_and_to_share_a_cache_by_prompt(llm: Llm) -> None:
    llm.fault("/v1/messages", action="respond", status=500)
    llm.script.answers["router"] = Answer(text="not json")
    await llm.context().router.route(turn(text(WORDS[0])))
    body = llm.twin.asked("openai")[0].body
    assert body["store"] is False
    assert body["prompt_cache_key"].startswith("router-")
