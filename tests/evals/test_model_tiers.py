"""The same dialogues through the model tiers, over the vendors' real wire protocols against a local server."""

from evals.dialogues import load
from evals.run import evaluate
from evals.tiers import context_of
from tests.fixtures.models import Llm, plan

FEW = {"en-plain", "en-stop", "en-human", "en-injector"}


async def test_a_model_tier_is_measured_with_its_cost_and_without_forbidden_facts(llm: Llm) -> None:
    """The scripted model answers plainly and reads nothing, so what counts here is that nothing is invented."""
    dialogues = [dialogue for dialogue in load() if dialogue.id in FEW]
    report = await evaluate("claude", context_of("claude", llm.vendors, plan()), dialogues)
    assert llm.calls("anthropic") > 0
    assert llm.calls("openai") == 0, "the other vendor stays out of this tier's numbers"
    assert report.cost_usd > 0
    assert report.evidence_rate == 1.0
    assert report.forbidden == []
    assert report.guard_hits == []
    assert report.turns_by_tier.get("claude", 0) > 0, report.turns_by_tier


async def test_a_silent_vendor_is_seen_in_who_read_the_turns(llm: Llm) -> None:
    llm.fault(action="respond", status=500)
    dialogues = [dialogue for dialogue in load() if dialogue.id == "en-plain"]
    report = await evaluate("gpt", context_of("gpt", llm.vendors, plan()), dialogues)
    assert set(report.turns_by_tier) == {"guided"}
    assert report.cost_usd == 0
    assert report.asked_total.f1 == 1.0
