"""What may be spent on models: per candidate and day, and per service and hour. Over it, the guided tier answers.

Amounts are counted after each call, so calls under way at once may overshoot by their own cost; a call costs cents.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.telemetry.logs import get_logger

log = get_logger()
DAY, HOUR = 86_400, 3_600
_MICRO = 1_000_000  # amounts are counted in whole millionths of a dollar


class Spending(Protocol):
    """Counts amounts under keys that vanish by themselves."""

    async def spent(self, *keys: str) -> list[int]:
        """Millionths of a dollar under each key."""

    async def add(self, amount: int, expiries: dict[str, int]) -> None:
        """Add millionths to each key; the value is the key's life in seconds."""


class RedisSpending:
    """Counted in Redis, for all processes and replicas. Each key is in a slot of its own; nothing needs two at once."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def spent(self, *keys: str) -> list[int]:
        """One round trip. Raises RedisError."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.get(key)
            return [int(value or 0) for value in await pipe.execute()]

    async def add(self, amount: int, expiries: dict[str, int]) -> None:
        """One round trip. Raises RedisError."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for key, seconds in expiries.items():
                pipe.incrby(key, amount)
                pipe.expire(key, seconds)
            await pipe.execute()


class ProcessSpending:
    """Counted in this process alone: evaluations and replays, which have no Redis and end with their process."""

    def __init__(self) -> None:
        self._amounts: dict[str, int] = {}

    async def spent(self, *keys: str) -> list[int]:
        return [self._amounts.get(key, 0) for key in keys]

    async def add(self, amount: int, expiries: dict[str, int]) -> None:
        for key in expiries:
            self._amounts[key] = self._amounts.get(key, 0) + amount


@dataclass(frozen=True, kw_only=True)
class Limits:
    """US dollars."""

    candidate_daily_usd: float
    service_hourly_usd: float


class Budget:
    """`clock` gives Unix seconds; days and hours are UTC."""

    def __init__(self, spending: Spending, limits: Limits, clock: Callable[[], float] = time.time) -> None:
        self._spending = spending
        self._clock = clock
        self._candidate = int(limits.candidate_daily_usd * _MICRO)
        self._service = int(limits.service_hourly_usd * _MICRO)

    def _keys(self, candidate: str) -> dict[str, int]:
        """Keys with their lives in seconds; a candidate without an id counts for the service alone."""
        now = int(self._clock())
        keys = {f"spend:hour:{now // HOUR}": 2 * HOUR}
        if candidate:
            keys[f"spend:day:{now // DAY}:{{{candidate}}}"] = 2 * DAY
        return keys

    async def allows(self, candidate: str) -> bool:
        """Whether a model may be asked now. Amounts that cannot be read count as spent: cost must not run unseen."""
        try:
            spent = await self._spending.spent(*self._keys(candidate))
        except RedisError as error:
            log.warning("budget.unreadable", error_type=type(error).__name__)
            return False
        return all(amount < limit for amount, limit in zip(spent, (self._service, self._candidate), strict=False))

    async def book(self, candidate: str, cost: Decimal) -> None:
        """Count what was spent. A failure to count is logged; the answer is not withheld for it."""
        amount = math.ceil(cost * _MICRO)
        if amount <= 0:
            return
        try:
            await self._spending.add(amount, self._keys(candidate))
        except RedisError as error:
            log.warning("budget.unbooked", error_type=type(error).__name__, amount_usd=float(cost))
