"""Play every dialogue with one tier and measure."""

import asyncio
import time
from pathlib import Path

from app.agents.graph import build_graph
from app.agents.models.providers import Vendors
from app.agents.models.tier import Plan
from app.agents.roles import AgentContext
from evals.dialogues import Dialogue, load
from evals.measures import mark
from evals.page import page
from evals.runner import play
from evals.summary import EvalReport, Played, summed
from evals.tiers import GUIDED, context_of

AT_ONCE = 8  # dialogues under way with models; the guided tier has nothing to wait for


async def evaluate(tier: str, context: AgentContext, dialogues: list[Dialogue] | None = None) -> EvalReport:
    """Play the dialogues (all of them unless given) with these agents."""
    graph, gate = build_graph(), asyncio.Semaphore(1 if tier == GUIDED else AT_ONCE)
    company = context.phrasebook.company

    async def one(dialogue: Dialogue) -> Played:
        async with gate:
            run = await play(graph, context, dialogue)
        return Played(run=run, marks=mark(run, company))

    began = time.perf_counter()
    played = await asyncio.gather(*(one(dialogue) for dialogue in dialogues or load()))
    return summed(tier, list(played), time.perf_counter() - began)


async def _evaluated(tier: str, vendors: Vendors | None, plan: Plan | None) -> EvalReport:
    try:
        return await evaluate(tier, context_of(tier, vendors, plan))
    finally:
        if vendors is not None:
            await vendors.aclose()


def run_evals(
    tier: str, report_path: Path | None, *, vendors: Vendors | None = None, plan: Plan | None = None
) -> EvalReport:
    """Play all dialogues and write the HTML report where asked; closes the vendors' clients.

    `vendors` and `plan` are the deployment's (every tier but the guided one needs them).
    Raises EvalError, DialogueError, OSError.
    """
    report = asyncio.run(_evaluated(tier, vendors, plan))
    if report_path is not None:
        report_path.write_text(page(report), encoding="utf-8")
    return report
