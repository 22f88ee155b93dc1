"""`python -m tests.faults.gated worker`: the service, whose conversation node waits at a gate.

It says that it waits by making the file `<GATE>.waiting`, and goes on when the file `<GATE>.open` is there.
"""

import asyncio
import functools
import os
from pathlib import Path
from typing import Any

from app.agents import graph
from app.cli import main

GATE = Path(os.environ["GATE"])
phrase = graph._phrase


@functools.wraps(phrase)  # langgraph reads the node's signature
async def gated(*args: Any, **kwargs: Any) -> Any:
    GATE.with_suffix(".waiting").touch()
    while not GATE.with_suffix(".open").exists():
        await asyncio.sleep(0.01)
    return await phrase(*args, **kwargs)


if __name__ == "__main__":
    graph._phrase = gated
    main()
