"""`python -m tests.faults.poisoned worker`: the service, whose conversation node fails for every candidate."""

import functools
from typing import Any

from langgraph.runtime import Runtime

from app.agents import graph
from app.agents.roles import AgentContext
from app.agents.state import GraphState
from app.cli import main
from app.recruiting.lexicon import LANGUAGES

phrase = graph._phrase


@functools.wraps(phrase)
async def poisoned(state: GraphState, runtime: Runtime[AgentContext]) -> Any:
    if state["turn_id"] in LANGUAGES:  # the turn that warms up the process
        return await phrase(state, runtime)
    raise RuntimeError("poisoned")


if __name__ == "__main__":
    graph._phrase = poisoned
    main()
