"""`python -m tests.faults.poisoned worker`: the service, whose conversation node always fails."""

import functools
from typing import Any

from app.agents import graph
from app.cli import main

phrase = graph._phrase


@functools.wraps(phrase)
async def poisoned(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("poisoned")


if __name__ == "__main__":
    graph._phrase = poisoned
    main()
