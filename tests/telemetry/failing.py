"""`python -m tests.telemetry.failing serve`: the service, failing at the places that FAIL names, quoting what it got.

`door`: the webhook door's parser, when it is told to break. `node`: the conversation node, likewise. `start`: building
the graph, before the server is up.
"""

import functools
import os
from typing import Any

from app import wiring
from app.agents import graph
from app.channels import whatsapp_inbound
from app.cli import main


def parse(body: bytes) -> Any:
    if b"break the door" in body:
        raise LookupError(body.decode())
    return real_parse(body)


@functools.wraps(graph._phrase)
async def phrase(state: Any, *args: Any, **more: Any) -> Any:
    if "break the node" in str(state):
        raise RuntimeError(str(state))
    return await real_phrase(state, *args, **more)


def build(*_: Any) -> Any:
    raise ArithmeticError("cannot start")


if __name__ == "__main__":
    places = os.environ.get("FAIL", "").split(",")
    real_parse, real_phrase = whatsapp_inbound.parse, graph._phrase
    if "door" in places:
        whatsapp_inbound.parse = parse
    if "node" in places:
        graph._phrase = phrase
    if "start" in places:
        setattr(wiring, "build_graph", build)  # noqa: B010 a function may not be assigned to
    main()
