"""Runs one turn with models and waits to be killed. Arguments: Redis URL, URL of the model twin, thread, words."""

import asyncio
import sys

from langchain_core.runnables import RunnableConfig

from app.agents.checkpointer import open_checkpointer
from app.agents.graph import build_graph
from app.agents.models.budget import ProcessSpending
from app.agents.models.tier import model_context
from tests.fixtures.models import COMPANY, plan, text, turn, vendors_at


async def main() -> None:
    """One turn on the given thread."""
    redis_url, twin_url, thread, words = sys.argv[1:]
    context = model_context(COMPANY, vendors_at(twin_url), plan(seconds=60.0, turn_seconds=60.0), ProcessSpending())
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    async with open_checkpointer(redis_url, None) as saver:
        await saver.asetup()
        await build_graph(saver).ainvoke(turn(text(words)), config, context=context, durability="sync")


if __name__ == "__main__":
    asyncio.run(main())
