"""Scripted models over both vendors' real clients and protocols: good ones, and every way to misbehave.

Two long tests, because several would play everything once more on each of pytest's workers.
"""

from typing import Any

import pytest

from app.local.llm_script import Asked
from app.recruiting.lexicon import LANGUAGES
from evals.dialogues import Dialogue, load
from evals.misbehaviour import VENDORS, Casting, load_misbehaviours, misbehaving, well_behaved
from evals.page import page
from evals.run import evaluate, perform
from evals.scripted import ScriptedModel
from evals.summary import EvalReport, Played, by_misbehaviour
from evals.tiers import context_of
from tests.fixtures.models import Llm, plan

F1 = 0.97  # of all fields while models misbehave, asked or volunteered; seen: 1.0
AGENTS = ("router", "extraction", "conversation", "crm")
PROSE = ("roundabout", "nickname", "unheard wish")
PERSONAS = (*PROSE, "talkative", "cv", "switch")  # whom models are asked about; all of them by the command line


def cast() -> list[Casting]:
    """Each of the personas in each language, at one vendor in turn."""
    chosen = [dialogue for dialogue in load() if dialogue.persona in PERSONAS]
    chosen.sort(key=lambda dialogue: dialogue.id)
    return [well_behaved([dialogue], (VENDORS[at % 2],))[0] for at, dialogue in enumerate(chosen)]


def complaints(report: EvalReport) -> dict[str, list[str]]:
    return {f"{one.run.dialogue.id} {one.misbehaviour}": one.complaints for one in report.played if not one.perfect}


def readers(played: list[Played]) -> set[str]:
    return {turn.decision["tiers"]["extraction"] for one in played for turn in one.run.turns}


def logged(report: EvalReport, agent: str) -> list[dict[str, Any]]:
    decisions = [turn.decision for one in report.played for turn in one.run.turns if turn.decision]
    return [decision["router"] if agent == "router" else decision["agents"][agent] for decision in decisions]


def outcomes(report: EvalReport, agent: str) -> set[str]:
    """How calls ended, "ok" or why they did not."""
    return {call.partition(":")[2] for entry in logged(report, agent) for call in entry.get("calls", [])}


@pytest.mark.timeout(300)
async def test_good_models_of_both_vendors_understand_at_once_what_rules_ask_again() -> None:
    good = await perform(cast(), plan())
    assert complaints(good) == {}
    for code in LANGUAGES:
        own = [one for one in good.played if one.run.dialogue.id.startswith(f"{code}-")]
        assert {"claude", "gpt"} <= readers(own), code
    assert good.cost_usd > 0
    assert {outcome for agent in AGENTS for outcome in outcomes(good, agent)} == {"ok"}

    prose = [dialogue for dialogue in load() if dialogue.persona in PROSE]
    guided = await evaluate("guided", context_of("guided"), prose)
    by_rules = {one.run.dialogue.id: one for one in guided.played}
    by_models = {one.run.dialogue.id: one for one in good.played if one.run.dialogue.persona in PROSE}
    assert len(by_models) == len(PROSE) * len(LANGUAGES)
    longer = {name: one.run.messages for name, one in by_models.items()}
    assert all(messages < by_rules[name].run.messages for name, messages in longer.items()), longer
    assert sum(one.marks.asked_again for one in by_models.values()) == 0
    assert guided.asked_again > len(LANGUAGES)
    assert good.first_total.f1 >= F1 > guided.first_total.f1, "rules store prose as it stands, and are put right"


@pytest.mark.timeout(300)
async def test_whatever_models_do_nothing_forbidden_comes_of_it() -> None:
    wrong = await perform(misbehaving(load(), load_misbehaviours(), whole=False), plan())
    assert wrong.forbidden == []
    assert wrong.guard_hits == []
    assert wrong.evidence_rate == 1.0
    assert wrong.contradicted == []
    assert [one.run.broken for one in wrong.played if one.run.broken] == []
    parts = by_misbehaviour(wrong)
    floors = {name: (part.asked_total.f1, part.every_total.f1) for name, part in parts.items()}
    assert min(min(pair) for pair in floors.values()) >= F1, floors
    check_reach(parts)
    check_arrival(parts)
    wrong.misbehaved = wrong
    assert "Misbehaviour" in page(wrong)
    assert any("misbehave" in line for line in wrong.lines())


def check_reach(parts: dict[str, EvalReport]) -> None:
    """Every misbehaviour at each vendor, what is said in each language."""
    spoken = {one.id for one in load_misbehaviours() if one.says}
    assert len(spoken) >= 7
    languages = {name: {one.run.dialogue.id[:2] for one in part.played} for name, part in parts.items()}
    assert all(languages[name] == set(LANGUAGES) for name in spoken)
    assert set.union(*(found for name, found in languages.items() if name not in spoken)) == set(LANGUAGES)
    assert all({one.vendor for one in part.played} == set(VENDORS) for part in parts.values())


def check_arrival(parts: dict[str, EvalReport]) -> None:
    """It did happen: vendors were replaced, invented facts fell, sentences were asked for again."""
    for name in ("overloaded", "refuses", "truncated", "broken JSON", "calls a tool", "empty"):
        by_vendor = {one.vendor: readers([one]) for one in parts[name].played}
        assert by_vendor == {"anthropic": {"guided", "gpt"}, "openai": {"guided"}}, name
    assert sum(entry.get("unsupported", 0) for entry in logged(parts["invents facts"], "extraction")) > 0
    assert sum(entry.get("unproven", 0) for entry in logged(parts["hears things"], "router")) > 0
    for name in ("asks for age", "promises", "changes language", "leaks"):
        assert any(entry.get("broken") for entry in logged(parts[name], "conversation")), name


def test_an_account_that_nobody_plays_is_an_error_not_an_answer() -> None:
    model = ScriptedModel(well_behaved(load()[:1]))
    with pytest.raises(KeyError):
        model(Asked(vendor="openai", model="gpt", system="", text="", account="stranger"))


async def test_a_model_tier_is_measured_with_its_cost_and_without_the_other_vendor(llm: Llm) -> None:
    """A model that answers plainly and reads nothing: what counts here is that nothing is invented."""
    few: list[Dialogue] = [one for one in load() if one.id in {"en-plain", "en-stop", "en-human", "en-injector"}]
    report = await evaluate("claude", context_of("claude", llm.vendors, plan()), few)
    assert llm.calls("anthropic") > 0
    assert llm.calls("openai") == 0, "the other vendor stays out of this tier's numbers"
    assert report.cost_usd > 0
    assert complaints(report) == {}
    assert report.turns_by_tier.get("claude", 0) > 0, report.turns_by_tier


async def test_a_silent_vendor_is_seen_in_who_read_the_turns(llm: Llm) -> None:
    llm.fault(action="respond", status=500)
    plain = [dialogue for dialogue in load() if dialogue.id == "en-plain"]
    report = await evaluate("gpt", context_of("gpt", llm.vendors, plan()), plain)
    assert set(report.turns_by_tier) == {"guided"}
    assert report.cost_usd == 0
    assert report.asked_total.f1 == 1.0
