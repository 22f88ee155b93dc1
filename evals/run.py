"""Play every dialogue with one tier and measure."""

import asyncio
import time
from pathlib import Path

from app.agents.graph import build_graph
from app.agents.guided.tier import guided_context
from app.agents.roles import AgentContext
from app.recruiting.phrases import Company
from evals.dialogues import Dialogue, load
from evals.measures import mark
from evals.page import page
from evals.runner import play
from evals.summary import EvalReport, Played, summed

COMPANY = Company(
    name="Werkpunt", privacy_url="https://werkpunt.example/privacy", alternative="https://werkpunt.example/apply"
)
GUIDED = "guided"
AT_ONCE = 8  # dialogues under way with models; the guided tier has nothing to wait for


class EvalError(ValueError):
    """The evaluation cannot be run as asked."""


async def evaluate(
    tier: str, context: AgentContext | None = None, dialogues: list[Dialogue] | None = None
) -> EvalReport:
    """Play the dialogues. `context` holds the agents of every tier but the guided one; raises EvalError without it."""
    if context is None:
        if tier != GUIDED:
            raise EvalError(f"tier {tier!r} needs a context of its agents; set its API key, or use --tier {GUIDED}")
        context = guided_context(COMPANY)
    graph, gate = build_graph(), asyncio.Semaphore(1 if tier == GUIDED else AT_ONCE)
    company = context.phrasebook.company

    async def one(dialogue: Dialogue) -> Played:
        async with gate:
            run = await play(graph, context, dialogue)
        return Played(run=run, marks=mark(run, company))

    began = time.perf_counter()
    played = await asyncio.gather(*(one(dialogue) for dialogue in dialogues or load()))
    return summed(tier, list(played), time.perf_counter() - began)


def run_evals(tier: str, report_path: Path | None, context: AgentContext | None = None) -> EvalReport:
    """Play all dialogues, write the HTML report where asked. Raises EvalError, DialogueError, OSError."""
    report = asyncio.run(evaluate(tier, context))
    if report_path is not None:
        report_path.write_text(page(report), encoding="utf-8")
    return report
