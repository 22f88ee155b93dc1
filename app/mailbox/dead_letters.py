"""Events that failed every try: kept, listed, apologised for, and put back when an operator says so."""

from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from app.mailbox.keys import DUE, keys, script

DEAD = "mb:dead"
# Mailboxes whose candidate has not been told yet; written in the step that parks.
UNANSWERED = "mb:unanswered"


@dataclass(frozen=True)
class DeadLetter:
    """Parked events of one mailbox: how many, and since when (Unix seconds)."""

    address: str
    at: float
    count: int


class DeadLetters:
    """Parked events of all mailboxes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._rearm = redis.register_script(script("rearm"))

    async def listed(self, limit: int) -> list[DeadLetter]:
        """Oldest first."""
        return await self._counted(DEAD, limit)

    async def unanswered(self, limit: int) -> list[DeadLetter]:
        """Those whose candidate has not heard of it, oldest first."""
        return await self._counted(UNANSWERED, limit)

    async def unanswered_of(self, address: str) -> DeadLetter | None:
        """The letter of one mailbox, if its candidate has not heard of it."""
        at = await self._redis.zscore(UNANSWERED, address)
        count = await self._redis.llen(keys(address, "dead")[0])
        return DeadLetter(address, at, count) if at is not None and count else None

    async def _counted(self, name: str, limit: int) -> list[DeadLetter]:
        found = cast(list[tuple[bytes, float]], await self._redis.zrange(name, 0, limit - 1, withscores=True))
        pipe = self._redis.pipeline(transaction=False)
        for address, _ in found:
            pipe.llen(keys(address.decode(), "dead")[0])
        counts = await pipe.execute() if found else []
        return [
            DeadLetter(address.decode(), at, count) for (address, at), count in zip(found, counts, strict=True) if count
        ]

    async def answered(self, address: str) -> None:
        """The candidate has been told, or nobody can be."""
        await self._redis.zrem(UNANSWERED, address)

    async def rearm(self, address: str) -> tuple[int, int]:
        """Put parked events back. Returns (how many, epoch to wake)."""
        count, epoch = await self._rearm(keys=[*keys(address, "q", "h", "dead"), DUE], args=[address])
        await self.forget(address)
        return int(count), int(epoch)

    async def forget(self, address: str) -> None:
        """Nothing is parked for this mailbox any more."""
        await self._redis.zrem(DEAD, address)
        await self._redis.zrem(UNANSWERED, address)
