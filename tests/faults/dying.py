"""`python -m tests.faults.dying worker`: the service, killed by SIGKILL right after the step that DIE_AFTER names.

The steps are those between which a message could be lost or answered twice.
"""

import functools
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from app.agents import graph
from app.channels.chatwoot import Chatwoot
from app.channels.whatsapp import WhatsApp
from app.cli import main
from app.database.conversations import Conversations
from app.database.outbox import Outbox
from app.engine.thinking import GraphThinker
from app.engine.wakeups import Wakeups
from app.mailbox.mailbox import Mailbox

METHODS: dict[str, tuple[type, str]] = {
    "taken": (Mailbox, "take"),
    "shown": (Conversations, "show_arrivals"),
    "opened": (Conversations, "open_turn"),
    "thought": (GraphThinker, "propose"),  # every node's checkpoint is written, nothing is committed
    "committed": (Conversations, "commit_turn"),
    "begun": (Mailbox, "begin"),
    "accepted": (WhatsApp, "send"),
    "settled": (Outbox, "settle"),
    "trimmed": (Mailbox, "trim"),
    "mirror_asked": (Wakeups, "deliver"),
    "mirrored": (Chatwoot, "say"),
}
# Steps of turns that do more than answer a candidate.
ACTS: dict[str, tuple[type, str]] = {"rearmed": (Outbox, "rearm")}
NODES = {"router": "_route", "extraction": "_extract", "policy": "_decide", "conversation": "_phrase", "crm": "_report"}


# Of the web process: the webhook's events are stored, nobody has been woken, 200 has not been answered.
STORED = "stored"


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(step)
    async def run(*args: Any, **kwargs: Any) -> Any:
        result = await step(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    return run


def dying_before(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """For nodes: when the next one starts, the checkpoint of the one before is written."""

    @functools.wraps(step)
    async def run(*args: Any, **kwargs: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)
        return await step(*args, **kwargs)

    return run


if __name__ == "__main__":
    point = os.environ["DIE_AFTER"]
    if point == STORED:
        setattr(Wakeups, "soon", die)  # noqa: B010 a method may not be assigned to
    elif point in METHODS | ACTS:
        owner, name = (METHODS | ACTS)[point]
        setattr(owner, name, dying(getattr(owner, name)))
    else:
        name = NODES[point.removeprefix("before_")]
        setattr(graph, name, dying_before(getattr(graph, name)))
    main()
