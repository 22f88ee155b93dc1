"""Play every dialogue with one tier and measure."""

import asyncio
import time
from pathlib import Path

from app.agents.graph import build_graph
from app.agents.models.providers import Vendors
from app.agents.models.tier import Plan
from app.agents.roles import AgentContext
from evals.dataset import play_all
from evals.dialogues import Dialogue, load
from evals.measures import mark
from evals.misbehaviour import Casting, load_misbehaviours, misbehaving, well_behaved
from evals.page import page
from evals.runner import play
from evals.scripted import stage
from evals.summary import EvalReport, Played, summed
from evals.tiers import COMPANY, GUIDED, SCRIPTED, EvalError, context_of

AT_ONCE = 8  # dialogues under way while models or their misbehaviour are waited for


async def evaluate(tier: str, context: AgentContext, dialogues: list[Dialogue] | None = None) -> EvalReport:
    """Play the dialogues (all of them unless given) with these agents."""
    graph, company = build_graph(), context.phrasebook.company

    async def one(dialogue: Dialogue) -> Played:
        run = await play(graph, context, dialogue)
        return Played(run=run, marks=mark(run, company, with_models=tier != GUIDED))

    began = time.perf_counter()
    dialogues = load() if dialogues is None else dialogues
    played = await play_all(tier, dialogues, one, 1 if tier == GUIDED else AT_ONCE)
    return summed(tier, played, time.perf_counter() - began)


async def perform(castings: list[Casting], plan: Plan) -> EvalReport:
    """Play with scripted models. Good ones only compute and are played in turn, others let wait."""
    graph = build_graph()

    began = time.perf_counter()
    waits = any(casting.misbehaviour for casting in castings)
    async with stage(castings, plan) as opened:

        async def one(casting: Casting) -> Played:
            wrong = casting.misbehaviour
            run = await play(graph, opened.context(casting), casting.dialogue)
            marks = mark(run, COMPANY, with_models=wrong is None)
            return Played(run=run, marks=marks, vendor=casting.vendor, misbehaviour=wrong.id if wrong else "")

        played = await play_all(SCRIPTED, castings, one, AT_ONCE if waits else 1)
    return summed(SCRIPTED, played, time.perf_counter() - began)


async def evaluate_scripted(plan: Plan, dialogues: list[Dialogue] | None = None) -> EvalReport:
    """Every dialogue with a good model of each vendor, and every misbehaviour in every language at each vendor."""
    dialogues = load() if dialogues is None else dialogues
    report = await perform(well_behaved(dialogues), plan)
    report.misbehaved = await perform(misbehaving(dialogues, load_misbehaviours(), whole=True), plan)
    return report


async def _evaluated(tier: str, vendors: Vendors | None, plan: Plan | None, only: str) -> EvalReport:
    dialogues = [dialogue for dialogue in load() if only in dialogue.id]
    if not dialogues:
        raise EvalError(f"no dialogue's id holds {only!r}")
    if tier == SCRIPTED:
        if plan is None:
            raise EvalError(f"tier {tier!r} needs the deployment's plan of models")
        return await evaluate_scripted(plan, dialogues)
    try:
        return await evaluate(tier, context_of(tier, vendors, plan), dialogues)
    finally:
        if vendors is not None:
            await vendors.aclose()


def run_evals(
    tier: str,
    report_path: Path | None,
    *,
    vendors: Vendors | None = None,
    plan: Plan | None = None,
    only: str = "",
) -> EvalReport:
    """Play all dialogues, or those whose id holds `only`; write the HTML report where asked.

    Closes the vendors' clients.
    `vendors` and `plan` are the deployment's: every tier of models needs them, `scripted` the plan alone.
    Raises EvalError, DialogueError, LocalServerError, OSError.
    """
    report = asyncio.run(_evaluated(tier, vendors, plan, only))
    if report_path is not None:
        report_path.write_text(page(report), encoding="utf-8")
    return report
