"""Every way a vendor can fail, over HTTP: bounded calls, the next vendor, and an answer in the same turn."""

import pytest

from app.agents.models.breaker import FAILURES, REST_SECONDS
from app.agents.models.deadlines import Deadlines
from app.agents.models.mind import NODE_SECONDS, AgentName, patience
from app.agents.models.providers import Vendors
from app.agents.models.tier import Clocks
from app.agents.roles import AgentContext
from app.local.llm_script import Answer, Quirk
from tests.fixtures.models import GPT, HandClock, Llm, plan, text, turn

HEARD = {
    "language": "en",
    "intents": [{"message": 1, "intent": "question", "quote": "how much do you pay", "field": None}],
    "urgency": None,
}
WORDS = "tell me how much do you pay before I say more"
UNUSABLE = ["refuse", "truncate", "malform", "misfit", "silent", "empty", "cut"]


async def routed(context: AgentContext, words: str = WORDS) -> dict:  # type: ignore[type-arg]
    return dict(await context.router.route(turn(text(words))))


@pytest.fixture
def answering(llm: Llm) -> Llm:
    llm.script.says("router", HEARD)
    return llm


async def test_claude_answers_when_all_is_well_and_gpt_is_not_asked(answering: Llm) -> None:
    routing = await routed(answering.context())
    assert routing["tier"] == "claude"
    assert [noticed["intent"] for noticed in routing["noticed"]] == ["question"]
    assert routing["decision"]["model"] == "claude-haiku-5-5"
    assert (answering.calls("anthropic"), answering.calls("openai")) == (1, 0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 529])
async def test_a_status_that_refuses_goes_to_gpt_after_one_call(answering: Llm, status: int) -> None:
    answering.fault("/v1/messages", action="respond", status=status, headers={"retry-after": "30"})
    routing = await routed(answering.context())
    assert routing["tier"] == "gpt"
    assert routing["decision"]["model"] == GPT
    assert routing["decision"]["calls"][0].startswith("claude-haiku-5-5:")
    assert answering.twin.faults.faults[0].used == 1
    assert answering.calls("openai") == 1


@pytest.mark.parametrize("action", ["drop", "accept_then_drop"])
async def test_a_broken_connection_goes_to_gpt(answering: Llm, action: str) -> None:
    answering.fault("/v1/messages", action=action)
    assert (await routed(answering.context()))["tier"] == "gpt"
    assert answering.twin.faults.faults[0].used == 1


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_an_unusable_answer_goes_to_gpt(answering: Llm, kind: str) -> None:
    answering.twin.quirks.append(Quirk(kind=kind, vendor="anthropic", times=None))  # type: ignore[arg-type]
    routing = await routed(answering.context())
    assert routing["tier"] == "gpt"
    assert (answering.calls("anthropic"), answering.calls("openai")) == (1, 1)


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_an_unusable_answer_of_both_leaves_the_guided_one(answering: Llm, kind: str) -> None:
    answering.twin.quirks.append(Quirk(kind=kind, times=None))  # type: ignore[arg-type]
    routing = await routed(answering.context())
    assert routing["tier"] == "guided"
    assert answering.calls("anthropic") == 1
    assert answering.calls("openai") <= 2  # the last in line may repeat a broken connection once


async def test_tool_calls_nobody_asked_for_are_no_answer(answering: Llm) -> None:
    answering.script.answers["router"] = Answer(value={"command": "rm"}, tool="run_shell")
    routing = await routed(answering.context())
    assert routing["tier"] == "guided"
    assert [call.split(":")[1] for call in routing["decision"]["calls"]] == ["malformed", "malformed"]


@pytest.mark.parametrize(
    ("kind", "outcome"), [("refuse", "refused"), ("truncate", "truncated"), ("silent", "malformed")]
)
async def test_what_a_failed_answer_cost_is_booked(answering: Llm, kind: str, outcome: str) -> None:
    answering.twin.quirks.append(Quirk(kind=kind, times=None))  # type: ignore[arg-type]
    decision = (await routed(answering.context()))["decision"]
    assert [call.split(":")[1] for call in decision["calls"]] == [outcome, outcome]
    assert decision["input_tokens"] > 1000
    assert decision["cost_usd"] > 0
    assert decision["fell_back"] == outcome


async def test_a_vendor_that_hangs_is_left_after_its_time(answering: Llm) -> None:
    answering.fault("/v1/messages", action="hang")
    routing = await routed(answering.context(plan(seconds=0.4)))
    assert routing["tier"] == "gpt"
    assert routing["decision"]["calls"][0] == "claude-haiku-5-5:timeout"


async def test_a_body_that_trickles_is_left_after_its_time_although_bytes_keep_coming(answering: Llm) -> None:
    answering.twin.quirks.append(Quirk(kind="trickle", vendor="anthropic", seconds=20.0, times=None))
    routing = await routed(answering.context(plan(seconds=0.5)))
    assert routing["tier"] == "gpt"
    assert routing["decision"]["latency_ms"] < 5000


async def test_both_hanging_leaves_the_guided_answer_within_the_turns_time(answering: Llm) -> None:
    answering.fault(action="hang")
    routing = await routed(answering.context(plan(seconds=30.0, turn_seconds=1.0)))
    assert routing["tier"] == "guided"
    assert routing["decision"]["fell_back"] == "timeout"
    assert routing["decision"]["latency_ms"] <= 1500


@pytest.mark.parametrize("agent", sorted(NODE_SECONDS))
def test_models_give_up_before_the_graph_cuts_their_node_off(agent: AgentName) -> None:
    clock = HandClock()
    the_turn = turn(text(WORDS))
    end = Deadlines(600.0, clock).end(the_turn, most=patience(agent))
    assert end - clock.now < NODE_SECONDS[agent]
    assert Deadlines(3.0, clock).end(the_turn, most=patience(agent)) - clock.now == 3.0


async def test_agents_of_one_turn_share_its_time(answering: Llm) -> None:
    clock = HandClock()
    context = answering.context(plan(turn_seconds=10.0), clocks=Clocks(monotonic=clock))
    the_turn = turn(text(WORDS))
    assert (await context.router.route(the_turn))["tier"] == "claude"
    clock.now += 9.9
    late = await context.router.route(the_turn)
    assert late["tier"] == "guided"
    assert answering.calls() == 1
    another = await context.router.route(turn(text(WORDS)))
    assert another["tier"] == "claude"


async def test_only_the_last_vendor_in_line_repeats_a_call_and_only_once(answering: Llm) -> None:
    alone = answering.vendors.__class__(claude=answering.vendors.claude)
    answering.fault("/v1/messages", action="respond", status=500)
    assert (await routed(answering.context(vendors=alone)))["tier"] == "guided"
    assert answering.twin.faults.faults[0].used == 2


async def test_gpt_alone_is_a_tier_of_its_own(answering: Llm) -> None:
    alone = answering.vendors.__class__(gpt=answering.vendors.gpt)
    assert (await routed(answering.context(vendors=alone)))["tier"] == "gpt"
    assert answering.calls("anthropic") == 0


async def test_without_keys_the_context_is_the_guided_one(answering: Llm) -> None:
    nobody = answering.vendors.__class__()
    assert (await routed(answering.context(vendors=nobody)))["tier"] == "guided"
    assert answering.calls() == 0


async def test_a_breaker_opens_after_failures_in_a_row_and_spares_the_vendor(answering: Llm) -> None:
    clock = HandClock()
    context = answering.context(clocks=Clocks(monotonic=clock))
    answering.fault("/v1/messages", action="respond", status=529)
    fault = answering.twin.faults.faults[0]
    for _ in range(FAILURES + 3):
        assert (await routed(context))["tier"] == "gpt"
    assert fault.used == FAILURES
    decision = (await routed(context))["decision"]
    assert decision["calls"][0] == "claude-haiku-5-5:circuit_open"


async def test_a_rested_breaker_lets_one_call_try_and_closes_when_it_succeeds(answering: Llm) -> None:
    clock = HandClock()
    context = answering.context(clocks=Clocks(monotonic=clock))
    answering.fault("/v1/messages", action="respond", status=500)
    for _ in range(FAILURES):
        await routed(context)
    clock.now += REST_SECONDS + 0.1
    assert (await routed(context))["tier"] == "gpt"  # the trial fails
    used = answering.twin.faults.faults[0].used
    assert used == FAILURES + 1
    assert (await routed(context))["tier"] == "gpt"
    assert answering.twin.faults.faults[0].used == used  # open again
    clock.now += REST_SECONDS + 0.1
    answering.twin.faults.clear()
    assert (await routed(context))["tier"] == "claude"
    assert (await routed(context))["tier"] == "claude"


def gpt_alone(llm: Llm) -> Vendors:
    """GPT as the last in line, with nobody before it who could answer instead."""
    return Vendors(gpt=llm.vendors.gpt)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 529])
async def test_a_status_of_gpt_leaves_the_guided_answer_after_at_most_one_repetition(
    answering: Llm, status: int
) -> None:
    answering.fault("/v1/responses", action="respond", status=status, headers={"retry-after": "0"})
    routing = await routed(answering.context(vendors=gpt_alone(answering)))
    assert routing["tier"] == "guided"
    outcome = routing["decision"]["fell_back"]
    assert outcome == ("throttled" if status == 429 else "server_error" if status >= 500 else outcome)
    assert answering.twin.faults.faults[0].used == (2 if status in {408, 409, 429} or status >= 500 else 1)


@pytest.mark.parametrize("action", ["drop", "accept_then_drop"])
async def test_a_broken_connection_to_gpt_leaves_the_guided_answer(answering: Llm, action: str) -> None:
    answering.fault("/v1/responses", action=action)
    routing = await routed(answering.context(vendors=gpt_alone(answering)))
    assert (routing["tier"], routing["decision"]["fell_back"]) == ("guided", "network")
    assert answering.twin.faults.faults[0].used == 2


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_an_unusable_answer_of_gpt_leaves_the_guided_answer_and_is_paid(answering: Llm, kind: str) -> None:
    answering.twin.quirks.append(Quirk(kind=kind, vendor="openai", times=None))  # type: ignore[arg-type]
    routing = await routed(answering.context(vendors=gpt_alone(answering)))
    assert routing["tier"] == "guided"
    assert routing["decision"]["calls"][-1].startswith(f"{GPT}:")
    assert answering.calls("openai") == (2 if kind == "cut" else 1)
    assert (routing["decision"]["cost_usd"] > 0) is (kind != "cut")


@pytest.mark.parametrize("how", ["hang", "trickle"])
async def test_gpt_that_hangs_or_trickles_is_left_after_its_time(answering: Llm, how: str) -> None:
    if how == "hang":
        answering.fault("/v1/responses", action="hang")
    else:
        answering.twin.quirks.append(Quirk(kind="trickle", vendor="openai", seconds=20.0, times=None))
    routing = await routed(answering.context(plan(seconds=0.5), vendors=gpt_alone(answering)))
    assert (routing["tier"], routing["decision"]["fell_back"]) == ("guided", "timeout")
    assert routing["decision"]["latency_ms"] < 5000


async def test_the_breaker_before_gpt_opens_too(answering: Llm) -> None:
    context = answering.context(clocks=Clocks(monotonic=HandClock()), vendors=gpt_alone(answering))
    answering.fault("/v1/responses", action="respond", status=400, headers={})
    for _ in range(FAILURES):
        await routed(context)
    assert (await routed(context))["decision"]["fell_back"] == "rejected", (
        "a refused request is not the vendor's failure"
    )
    answering.twin.faults.clear()
    answering.fault("/v1/responses", action="respond", status=500, headers={"retry-after": "0"})
    for _ in range(FAILURES):
        await routed(context)
    assert (await routed(context))["decision"]["calls"] == [f"{GPT}:circuit_open"]


async def test_refusals_and_misfits_do_not_open_the_breaker(answering: Llm) -> None:
    context = answering.context()
    answering.twin.quirks.append(Quirk(kind="refuse", vendor="anthropic", times=FAILURES + 2))
    for _ in range(FAILURES + 2):
        assert (await routed(context))["tier"] == "gpt"
    assert (await routed(context))["tier"] == "claude"
