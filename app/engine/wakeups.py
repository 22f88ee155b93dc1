"""Wake-ups: one docket task per mailbox and epoch, because a fixed key would drop what arrives while it runs."""

import asyncio
import secrets
import time
from datetime import UTC, datetime, timedelta

from docket import Docket
from redis.exceptions import RedisError

from app.telemetry.logs import get_logger

log = get_logger()
# Most wake-ups of one pipelined write.
BATCH = 500


def at(seconds: float) -> datetime | None:
    """`seconds` from now as docket wants it; None = at once."""
    return datetime.now(UTC) + timedelta(seconds=seconds) if seconds > 0 else None


class Wakeups:
    """Adds docket tasks by name. What cannot be added now is found by the sweep: the mailbox stays due."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._pending: dict[str, tuple[str, tuple[str | int, ...]]] = {}  # by key: the task's name and arguments
        self._writer: asyncio.Task[None] | None = None

    def soon(self, address: str, epoch: int) -> None:
        """Wake a mailbox without waiting; wake-ups asked for meanwhile share one write."""
        self._add(f"wake:{address}:{epoch}", "wake", address, epoch, 0)

    def arrived(self, address: str) -> None:
        """Show recruiters what lies in a mailbox, without waiting. Each arrival has a task of its own: one that is
        under way may have looked before."""
        self._add(f"show:{address}:{secrets.token_hex(6)}", "show", address)

    def _add(self, key: str, task: str, *arguments: str | int) -> None:
        self._pending[key] = (task, arguments)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def drain(self) -> None:
        """Wait until everything asked for has been written."""
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        try:
            while self._pending:
                batch = [self._pending.popitem() for _ in range(min(BATCH, len(self._pending)))]
                calls = [self._docket.call(task, key=key)(*arguments) for key, (task, arguments) in batch]
                await self._docket.add_many(calls)
        except (RedisError, OSError) as error:
            log.warning("wakeup.postponed", error_type=type(error).__name__)
        finally:
            self._writer = None

    async def wake(self, address: str, epoch: int, *, step: str, seconds: float = 0.0) -> None:
        """Wake a mailbox in `seconds`; `step` tells this wake-up from others of the same epoch."""
        await self._docket.add("wake", when=at(seconds), key=f"wake:{address}:{epoch}:{step}")(address, epoch, 1)

    async def hand_back(self, address: str, reason: str, *, until: float) -> None:
        """Give a conversation back to the assistant at `until` (Unix seconds)."""
        when = at(until - time.time())
        await self._docket.add("hand_back", when=when, key=f"hand_back:{address}:{until:.0f}")(address, reason, until)

    async def deliver(
        self, conversation_id: str, address: str, channel: str, *, key: str, seconds: float = 0.0
    ) -> None:
        """Work on a lane of the outbox in `seconds`."""
        task = self._docket.add("deliver", when=at(seconds), key=f"deliver:{conversation_id}:{channel}:{key}")
        await task(conversation_id, address, channel)
