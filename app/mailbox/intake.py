"""Storing what webhooks bring: requests that arrive while one write is under way share the next one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from app.mailbox.keys import DUE, script
from app.mailbox.mailbox import SEEN_SECONDS

# Most events of one write: bounds the time that Redis spends in one script.
BATCH = 2000
# With this many requests waiting, a short wait lets more of them share one write: a write costs what ten requests do.
BUSY = 4
LINGER_SECONDS = 0.001
# A write that takes longer has failed for its requests; they are answered 503 and come again.
WRITE_SECONDS = 3.0

# Address, dedupe id, event as JSON (text: Redis' msgpack has no binary type), takes over from the assistant; for
# Chatwoot's events also what the mailbox is to remember of the desk (`state|…`, `typing|…`), for what recruiters have
# to see at once SHOWN.
Item = tuple[str, str, str, bool] | tuple[str, str, str, bool, str]

SHOWN = "shown|"


@dataclass(frozen=True)
class Stored:
    """What one request's events met: `fresh` were new, the others had been seen."""

    fresh: int
    repeated: int


class Intake:
    """Calls, without waiting, `wake(address, epoch)` for every mailbox that nobody wakes yet, and `arrived(address)`
    for every one in which there is something new to show."""

    def __init__(
        self, redis: Redis, wake: Callable[[str, int], None], arrived: Callable[[str], None] = lambda _address: None
    ) -> None:
        self._redis = redis
        self._wake = wake
        self._arrived = arrived
        self._text = script("store")
        self._script = redis.register_script(self._text)
        self._pending: list[tuple[list[Item], asyncio.Future[Stored]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[tuple[int, str, int]]).decode

    async def store(self, items: list[Item]) -> Stored:
        """Return when Redis has confirmed the write. Nothing is promised when it raises RedisError or OSError."""
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._pending.append((items, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await future

    async def _write_all(self) -> None:
        # One pass of the loop lets every request that is already readable join the first write.
        await asyncio.sleep(0)
        try:
            while self._pending:
                if len(self._pending) >= BUSY:
                    await asyncio.sleep(LINGER_SECONDS)
                batch: list[tuple[list[Item], asyncio.Future[Stored]]] = []
                size = 0
                while self._pending and (not batch or size + len(self._pending[0][0]) <= BATCH):
                    batch.append(self._pending.pop(0))
                    size += len(batch[-1][0])
                await self._write(batch)
        finally:
            self._writer = None

    async def _write(self, batch: list[tuple[list[Item], asyncio.Future[Stored]]]) -> None:
        blob = self._encode([item for items, _ in batch for item in items])
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                try:
                    raw = await self._redis.evalsha(self._script.sha, 1, DUE, blob, SEEN_SECONDS)
                except NoScriptError:  # Redis has restarted
                    raw = await self._redis.eval(self._text, 1, DUE, blob, SEEN_SECONDS)
        except Exception as error:  # noqa: BLE001 handed to every waiting request, which answers 503
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        outcomes = iter(self._decode(raw))
        for items, future in batch:
            fresh = 0
            shown: set[str] = set()
            for item in items:
                stored, address, epoch = next(outcomes)
                fresh += stored
                if epoch:
                    self._wake(address, epoch)
                if stored and item[4:] == (SHOWN,):
                    shown.add(address)
            for address in shown:
                self._arrived(address)
            if not future.done():
                future.set_result(Stored(fresh, len(items) - fresh))
