"""Runs one turn with models and waits to be killed, or dies by itself the moment a step of the graph is stored.

Arguments: Redis URL, URL of the model twin, thread, words, and the step (0: none; 1: router and extraction; 4: crm).
"""

import asyncio
import os
import signal
import sys
from typing import Any

from langchain_core.runnables import RunnableConfig

from app.agents.checkpointer import HardenedRedisSaver, open_checkpointer
from app.agents.graph import build_graph
from app.agents.models.budget import ProcessSpending
from app.agents.models.tier import model_context
from tests.fixtures.models import COMPANY, plan, text, turn, vendors_at


def dies_after(saver: HardenedRedisSaver, step: int) -> None:
    """Let the process be killed as soon as this step's checkpoint lies in Redis."""
    store = saver.aput

    async def aput(config: Any, checkpoint: Any, metadata: Any, versions: Any) -> RunnableConfig:
        stored = await store(config, checkpoint, metadata, versions)
        if metadata["step"] == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return stored

    saver.aput = aput  # type: ignore[method-assign, assignment]


async def main() -> None:
    """One turn on the given thread."""
    redis_url, twin_url, thread, words, step = sys.argv[1:]
    context = model_context(COMPANY, vendors_at(twin_url), plan(seconds=60.0, turn_seconds=60.0), ProcessSpending())
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    async with open_checkpointer(redis_url, None) as saver:
        await saver.asetup()
        if int(step):
            dies_after(saver, int(step))
        await build_graph(saver).ainvoke(turn(text(words)), config, context=context, durability="sync")


if __name__ == "__main__":
    asyncio.run(main())
