"""Runs a turn and dies like `kill -9` in the conversation node. Arguments: Redis URL, thread id."""

import asyncio
import os
import sys
from dataclasses import replace

from langchain_core.runnables import RunnableConfig

from app.agents.checkpointer import open_checkpointer
from app.agents.graph import build_graph
from app.agents.guided.tier import guided_context
from app.agents.state import Phrased, TurnInput
from app.recruiting.intake import Decision
from tests.fixtures.agents import COMPANY, Talk

KEY = bytes(range(32))


class Deadly:
    """A conversation agent whose process ends."""

    async def phrase(self, turn: TurnInput, language: str, decision: Decision) -> Phrased:  # noqa: ARG002
        """Never returns."""
        os._exit(9)


async def main() -> None:
    """One turn on the given thread."""
    context = replace(guided_context(COMPANY), conversation=Deadly())
    config: RunnableConfig = {"configurable": {"thread_id": sys.argv[2]}}
    async with open_checkpointer(sys.argv[1], KEY) as saver:
        await saver.asetup()
        graph = build_graph(saver)
        turn = Talk(graph=graph, context=context).turn("Hello there")
        await graph.ainvoke(turn, config, context=context, durability="sync")


if __name__ == "__main__":
    asyncio.run(main())
