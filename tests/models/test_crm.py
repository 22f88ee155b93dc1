"""The summary for recruiters: on a handoff and on a confirmed profile, short, plain, and never in danger's way."""

from typing import Any, cast

import pytest

from app.agents.state import CrmUpdate, TurnInput
from app.agents.turn_view import intake
from app.recruiting.intake import Decision, Handoff
from app.recruiting.profile import Fact
from tests.fixtures.models import Llm, text, turn

LINES = ["Looks for forklift work around Tilburg.", "Says six years on reach trucks.", "Asks for a person about pay."]


def handed(reason: str = "human") -> Decision:
    handoff = Handoff(reason=reason, urgency="now", text="The candidate asks for a person.")
    return Decision(intake=intake(turn()), handoff=handoff, remarks=[])


async def report(llm: Llm, decision: Decision, lines: Any = LINES) -> CrmUpdate:
    llm.script.says("crm", {"lines": lines})
    return await llm.context().crm.report(turn(text("what do you pay, let me talk to somebody")), "en", decision)


async def test_a_handoff_gets_a_summary_above_the_packet_of_the_rules(llm: Llm) -> None:
    crm = await report(llm, handed())
    note = crm["note"] or ""
    assert note.startswith("**Handoff: human** (now)")
    assert all(f"> {line}" in note for line in LINES)
    assert "**Language:** English" in note
    assert crm["tier"] == "claude"
    assert "handoff-human" in crm["labels"]


async def test_a_confirmed_profile_gets_a_summary_too(llm: Llm) -> None:
    fact = Fact(field="city", value={"city": "Tilburg"}, quote="Tilburg", message_id="wamid.1", confirmed=True)
    done = Decision(intake=intake(turn()), facts=[fact], profile=[fact])
    done.intake.stage = "done"
    assert LINES[0] in ((await report(llm, done))["note"] or "")


async def test_an_ordinary_turn_asks_no_model(llm: Llm) -> None:
    crm = await report(llm, Decision(intake=intake(turn()), remarks=["The candidate asks: what do you pay"]))
    assert crm["tier"] == "guided"
    assert llm.calls() == 0


@pytest.mark.parametrize("reason", ["danger", "minor", "delete"])
async def test_where_it_would_delay_or_gather_nothing_is_summed_up(llm: Llm, reason: str) -> None:
    crm = await report(llm, handed(reason))
    assert llm.calls() == 0
    assert "**Summary" not in (crm["note"] or "")


@pytest.mark.parametrize(
    "line",
    ["See [the form](https://evil.example)", "Visit www.evil.example", "![x](y)", "<img src=x>", "Thanks @admin"],
)
async def test_a_summary_that_could_do_something_when_shown_is_left_out(llm: Llm, line: str) -> None:
    crm = await report(llm, handed(), [LINES[0], line])
    assert "Summary" not in (crm["note"] or "")
    assert "**Handoff: human**" in (crm["note"] or "")


async def test_long_summaries_are_cut_and_markup_at_line_starts_goes(llm: Llm) -> None:
    crm = await report(llm, handed(), ["# Heading", "- " + "x" * 400, *LINES, "one too many"])
    note = crm["note"] or ""
    assert "> Heading" in note
    assert "one too many" not in note
    assert max(len(line) for line in note.splitlines()) < 250


async def test_when_both_vendors_fail_the_rules_packet_goes_out(llm: Llm) -> None:
    llm.fault(action="respond", status=500)
    crm = await report(llm, handed())
    assert crm["note"]
    assert crm["tier"] == "guided"
    assert crm["decision"]["fell_back"] == "server_error"


async def test_the_summary_knows_what_a_recruiter_told_the_candidate(llm: Llm) -> None:
    llm.script.says("crm", {"lines": LINES})
    led = {**turn(text("what do you pay, let me talk to somebody")), "notes": ["A recruiter said: “Tuesday at nine”"]}
    await llm.context().crm.report(cast(TurnInput, led), "en", handed())
    asked = str(llm.twin.asked()[0].body["messages"])
    assert "Tuesday at nine" in asked.partition("<recruiter>")[2].partition("</recruiter>")[0]
