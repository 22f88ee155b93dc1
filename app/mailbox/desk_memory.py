"""What a mailbox remembers of its conversation in Chatwoot: what we wrote there, what its webhooks showed."""

import secrets
import time
from typing import Any, cast

from redis.asyncio import Redis

from app.mailbox.keys import keys

DOUBTED, GONE = "doubted", "gone"  # of Chatwoot itself
ACTS_SECONDS = 86400
IDLE_SECONDS = 30 * 86400


class DeskMemory:
    """Lost with Redis at no cost but a write too many: the record and Chatwoot itself are the truth."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def note_status(self, address: str, status: str, *, assignee: str | None = None) -> None:
        """We are about to set this status in Chatwoot: its echo tells nothing new. `assignee` None leaves it alone.

        From now on a `pending` of an earlier time is what stood there before, not a recruiter who gives back.
        """
        state = keys(address, "h")[0]
        known: dict[str | bytes, str | bytes] = {"desk_status": status, "desk_own_at": f"{time.time():.6f}"}
        if assignee is not None:
            known["desk_assignee"] = assignee
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(state, mapping=cast(Any, known))
        pipe.expire(state, IDLE_SECONDS, nx=True)
        await pipe.execute()

    async def note_label_gone(self, address: str) -> None:
        """We are about to take the label off that gives a conversation back: its echo tells nothing new."""
        gone: dict[str | bytes, str | bytes] = {"desk_label": "", "desk_label_at": f"{time.time():.6f}"}
        await self._redis.hset(keys(address, "h")[0], mapping=cast(Any, gone))

    async def doubt(self) -> None:
        """Chatwoot did not take what we wrote: somebody has to look whether it is there at all."""
        desk = keys("desk", "desk")[0]
        pipe = self._redis.pipeline(transaction=True)
        pipe.hsetnx(desk, "away", DOUBTED)
        pipe.expire(desk, IDLE_SECONDS)
        await pipe.execute()

    async def away(self) -> str:
        """DOUBTED, GONE, or empty."""
        return await self.written("desk", "away")

    async def note_away(self, state: str) -> None:
        """What a look has shown; empty = it is there."""
        if state:
            await self.note_written("desk", "away", state)
        else:
            await self._redis.hdel(keys("desk", "desk")[0], "away")

    async def written(self, address: str, what: str) -> str:
        """What was last written to Chatwoot under this name, empty if nothing is known."""
        found = cast(bytes | None, await self._redis.hget(keys(address, "desk")[0], what))
        return (found or b"").decode()

    async def note_written(self, address: str, what: str, value: str) -> None:
        """Remember what Chatwoot has, so that only differences are written."""
        desk = keys(address, "desk")[0]
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(desk, what, value)
        pipe.expire(desk, IDLE_SECONDS)
        await pipe.execute()

    async def decided(self, address: str, key: str) -> str:
        """What was decided about this act; empty if nothing was, or a day has passed."""
        found = cast(bytes | None, await self._redis.hget(keys(address, "acts")[0], key))
        return (found or b"").decode()

    async def decide(self, address: str, key: str, decision: str) -> str:
        """Remember what is about to be done, so that whoever does it again after a crash does the same. Returns the
        first decision."""
        acts = keys(address, "acts")[0]
        pipe = self._redis.pipeline(transaction=True)
        pipe.hsetnx(acts, key, decision)
        pipe.expire(acts, ACTS_SECONDS)
        pipe.hget(acts, key)
        *_, first = await pipe.execute()
        return cast(bytes, first).decode()

    async def pace(self, address: str, *, most: int, seconds: int) -> float:
        """Count one write; returns seconds to wait, uncounted, when `most` were made in the last `seconds`.

        What recruiters write counts along (store.lua)."""
        writes, name, now = f"{keys(address, 'desk')[0]}:pace", secrets.token_hex(8), time.time()
        pipe = self._redis.pipeline(transaction=True)
        pipe.zremrangebyscore(writes, 0, now - seconds)
        pipe.zadd(writes, {name: now})
        pipe.zcard(writes)
        pipe.zrange(writes, 0, 0, withscores=True)
        pipe.expire(writes, seconds)
        _, _, count, oldest, _ = await pipe.execute()
        if count <= most:
            return 0.0
        await self._redis.zrem(writes, name)
        return max(1.0, float(oldest[0][1]) + seconds - now)
