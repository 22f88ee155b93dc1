"""The mailbox of a conversation: what arrived, in order, and the lease of the one worker that may handle it.

Every step is one Lua script, so that a crash leaves either all of it or nothing. Keys of one conversation share a hash
tag: `mb:{address}:q` events, `:h` clocks and counters, `:seen` vendor ids, `:lock` lease, `:dead` parked events,
`:sending` outbox rows whose send has begun.
"""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.mailbox.dead_letters import DEAD, UNANSWERED, DeadLetters
from app.mailbox.desk_memory import IDLE_SECONDS, DeskMemory
from app.mailbox.keys import DUE, keys, script
from app.recruiting.events import CandidateSaid, Event

# 360Dialog redelivers for up to 7 days; an id is remembered a day longer.
SEEN_SECONDS = 8 * 86400
DEAD_SECONDS = 30 * 86400
SENDING_SECONDS = 86400
ERASING_SECONDS = 300
MOST_EVENTS = 200  # of one take: a longer queue is handled in several turns

_event = msgspec.json.Decoder(Event)


class LeaseLost(Exception):
    """Another worker holds the mailbox now; what was prepared under the old lease must not be used."""


@dataclass(frozen=True)
class Clock:
    """When the burst in a mailbox began and was last added to (Redis seconds), with the newest event."""

    first: float
    last: float
    not_before: float  # end of the delay after a failed try
    now: float
    count: int
    newest: Event


@dataclass
class Lease:
    """The right to handle a mailbox's events; `fence` grows with every lease ever given for this mailbox."""

    address: str
    token: str
    fence: int
    tries: int
    events: list[Event]
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    # A renewal and the giving back take turns: one that finds the lease given back must not call it lost.
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    given_back: bool = False


@dataclass(frozen=True)
class Begun:
    """May this row be sent? `held`: a person speaks. Neither: `sends` of it began before and may have arrived.

    `waited_seconds` counts from the first look at such a row; `statuses_wait`: reports lie unread that may settle it.
    """

    ok: bool = False
    held: bool = False
    waited_seconds: float = 0.0
    sends: int = 0
    statuses_wait: bool = False


@dataclass(frozen=True)
class Taken:
    """Outcome of a take: a lease, or why there is none."""

    lease: Lease | None = None
    busy_seconds: float = 0.0
    parked: int = 0


class Mailbox(DeskMemory):
    """`lease_seconds` must be shorter than the task engine's redelivery, so that a successor finds the lease free."""

    def __init__(
        self,
        redis: Redis,
        *,
        lease_seconds: float,
        max_tries: int = 5,
        outage_seconds: float = 5.0,
        failure_seconds: float = 30.0,
    ) -> None:
        """`outage_seconds` and `failure_seconds` cap the doubling delay before the next try."""
        super().__init__(redis)
        self.letters = DeadLetters(redis)
        self._lease_ms = int(lease_seconds * 1000)
        self._max_tries = max_tries
        self._outage_seconds = outage_seconds
        self._failure_seconds = failure_seconds
        self._take, self._trim, self._release, self._renew, self._extend, self._begin, self._hold = (
            redis.register_script(script(name))
            for name in ("take", "trim", "release", "renew", "extend", "begin", "hold")
        )

    async def clock(self, address: str) -> Clock | None:
        """State of the burst, or None when nothing waits. One round trip."""
        queue, state = keys(address, "q", "h")
        pipe = self._redis.pipeline(transaction=False)
        pipe.hmget(state, ["first", "last", "nb", "typing"])
        pipe.lrange(queue, -1, -1)
        pipe.llen(queue)
        pipe.time()
        (first, last, not_before, typing), newest, count, (seconds, micros) = await pipe.execute()
        if not newest:
            return None
        now = seconds + micros / 1e6
        event = _event.decode(newest[0])
        # A recruiter is typing: what they are about to say comes first. Their own acts wait for nothing.
        held_until = float(typing or 0) if isinstance(event, CandidateSaid) else 0.0
        return Clock(
            # Without stamps the burst was taken up before: it has settled.
            first=float(first or 0),
            last=float(last or first or 0),
            not_before=max(float(not_before or 0), held_until),
            now=now,
            count=count,
            newest=event,
        )

    async def waiting(self, address: str) -> list[Event]:
        """Events that no turn has finished with, without a lease; empty while the mailbox is being erased."""
        queue, erasing = keys(address, "q", "erasing")
        pipe = self._redis.pipeline(transaction=False)
        pipe.exists(erasing)
        pipe.lrange(queue, 0, MOST_EVENTS - 1)
        hidden, raw = await pipe.execute()
        return [] if hidden else [_event.decode(item) for item in raw]

    async def begin_erasing(self, address: str) -> None:
        """What lies here is shown to nobody any more; `end_erasing` ends that, as do some minutes."""
        await self._redis.set(keys(address, "erasing")[0], "1", ex=ERASING_SECONDS)

    async def end_erasing(self, address: str) -> None:
        """The person is forgotten; whoever writes now is a new one."""
        await self._redis.delete(keys(address, "erasing")[0])

    async def take(self, address: str) -> Taken:
        """Lease the mailbox and read its events, oldest first. Events that failed too often are parked."""
        token = secrets.token_hex(8)
        answer = await self._take(
            keys=[*keys(address, "q", "h", "lock", "dead"), DUE, DEAD, UNANSWERED],
            args=[token, self._lease_ms, self._max_tries, MOST_EVENTS, address, DEAD_SECONDS],
        )
        match answer:
            case [b"busy", left]:
                return Taken(busy_seconds=max(left, 0) / 1000)
            case [b"parked", count]:
                return Taken(parked=count)
            case [b"ok", fence, tries, raw]:
                return Taken(lease=Lease(address, token, fence, tries, [_event.decode(item) for item in raw]))
        return Taken()

    @contextlib.asynccontextmanager
    async def held(self, lease: Lease) -> AsyncIterator[Lease]:
        """Renew the lease while the body runs; a lost lease cancels the body and raises LeaseLost."""
        body = asyncio.current_task()
        assert body is not None  # noqa: S101 a coroutine always runs in a task
        heart = asyncio.create_task(self._beat(lease, body))
        try:
            yield lease
        except asyncio.CancelledError:
            if lease.lost.is_set() and body.uncancel() == 0:
                raise LeaseLost(lease.address) from None
            raise
        except BaseException:
            await self._swallow_cancel(lease, body)
            raise
        else:
            await self._swallow_cancel(lease, body)
        finally:
            heart.cancel()

    async def _swallow_cancel(self, lease: Lease, body: "asyncio.Task[object]") -> None:
        """Of a body that ended in the very step in which it was cancelled: nothing behind it may be hit."""
        if lease.lost.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            if body.uncancel() > 0:
                raise asyncio.CancelledError

    async def _beat(self, lease: Lease, body: "asyncio.Task[object]") -> None:
        renewed = time.monotonic()
        while time.monotonic() - renewed < self._lease_ms / 1000:
            await asyncio.sleep(self._lease_ms / 4000)
            # A lease cannot be told lost while Redis is away; it ends by its own clock.
            with contextlib.suppress(RedisError, OSError):
                async with lease.turn:
                    if lease.given_back:
                        return
                    if not await self._renew(keys=keys(lease.address, "lock"), args=[lease.token, self._lease_ms]):
                        break
                renewed = time.monotonic()
        lease.lost.set()
        body.cancel()

    async def newer(self, lease: Lease) -> list[Event]:
        """Events that arrived behind those of the lease. Raises LeaseLost."""
        answer = await self._extend(
            keys=keys(lease.address, "q", "lock"), args=[lease.token, len(lease.events), MOST_EVENTS]
        )
        if answer[0] == 0:
            raise LeaseLost(lease.address)
        return [_event.decode(item) for item in answer[1]]

    async def trim(self, lease: Lease, *, held: bool) -> int:
        """The lease's events are handled: remove them and give the lease back; `held` = a person speaks now.

        Returns the epoch to wake when more events wait, else 0. Raises LeaseLost.
        """
        async with lease.turn:
            answer = await self._trim(
                keys=[*keys(lease.address, "q", "h", "lock", "seen"), DUE],
                args=[lease.token, len(lease.events), lease.address, SEEN_SECONDS, IDLE_SECONDS, int(held)],
            )
            lease.given_back = answer[0] != 0
        if not lease.given_back:
            raise LeaseLost(lease.address)
        return int(answer[2]) if answer[1] else 0

    async def set_hold(self, lease: Lease, *, held: bool) -> None:
        """Ownership changed in this turn: let delivery see it before the first row is sent. Raises LeaseLost."""
        state = keys(lease.address, "q", "h", "lock")
        if not await self._hold(keys=state, args=[lease.token, len(lease.events), int(held)]):
            raise LeaseLost(lease.address)

    async def release(self, lease: Lease, *, counts: bool) -> tuple[int, float]:
        """Give the lease back unhandled, with a delay that doubles. `counts=False`: an outage's fault, not the events'.

        Returns (epoch to wake, delay in seconds); (0, 0.0) when the lease was already lost.
        """
        answer = await self._release(
            keys=keys(lease.address, "h", "lock"),
            args=[lease.token, int(not counts), self._outage_seconds if not counts else self._failure_seconds],
        )
        return (int(answer[1]), answer[2] / 1000) if answer[0] else (0, 0.0)

    async def begin(self, address: str, row_id: str, *, assistant: bool, again: bool = False) -> Begun:
        """Ask for the right to send an outbox row now: refused while a person speaks, or if a send has begun before.

        `again` starts a begun row anew. One round trip, made right before the vendor's call.
        """
        number_id = address.split(":")[1] if ":" in address else ""
        match await self._begin(
            keys=[*keys(address, "h", "sending"), DUE],
            args=[row_id, int(assistant), int(again), SENDING_SECONDS, f"statuses:{number_id}"],
        ):
            case [b"held"]:
                return Begun(held=True)
            case [b"begun", waited, sends, unread]:
                return Begun(waited_seconds=waited / 1000, sends=sends, statuses_wait=bool(unread))
        return Begun(ok=True)

    async def end(self, address: str, row_ids: list[str]) -> None:
        """The outcome of these rows is recorded."""
        fields = [name for row_id in row_ids for name in (row_id, f"{row_id}:asked")]
        await self._redis.hdel(keys(address, "sending")[0], *fields)

    async def is_held(self, address: str) -> bool:
        """True from the moment a recruiter's message is stored until the assistant is given the conversation back."""
        return bool(await self._redis.hexists(keys(address, "h")[0], "hold"))

    async def erase(self, address: str) -> None:
        """Forget a mailbox: events, clocks, parked events, marks."""
        await self._redis.delete(*keys(address, "q", "h", "seen", "dead", "sending", "desk", "acts"))
        await self._redis.zrem(DUE, address)
        await self.letters.forget(address)

    async def link(self, alias: str, address: str) -> None:
        """Events for `alias` go to `address` from now on (two identities turned out to be one person)."""
        await self._redis.set(f"mb:alias:{{{alias}}}", address, ex=IDLE_SECONDS)

    async def overdue(self, older_than: float, limit: int) -> list[tuple[str, int]]:
        """(address, epoch) of mailboxes that have waited longer than `older_than` seconds."""
        seconds, _ = await self._redis.time()
        found = await self._redis.zrange(DUE, -math.inf, seconds - older_than, byscore=True, offset=0, num=limit)
        addresses = [item.decode() for item in cast(list[bytes], found)]
        pipe = self._redis.pipeline(transaction=False)
        for address in addresses:
            pipe.hget(keys(address, "h")[0], "epoch")
        epochs = await pipe.execute() if addresses else []
        return [(address, int(epoch or 0) + 1) for address, epoch in zip(addresses, epochs, strict=True)]

    async def backlog(self) -> tuple[int, float]:
        """Mailboxes with waiting events, and the age of the oldest in seconds."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.zcard(DUE)
        pipe.zrange(DUE, 0, 0, withscores=True)
        pipe.time()
        count, oldest, (seconds, micros) = await pipe.execute()
        return count, max(0.0, seconds + micros / 1e6 - oldest[0][1]) if oldest else 0.0
