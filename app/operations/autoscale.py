"""How many replicas there should be. Railway scales a replica's size by itself, never their number.

Fast up, slow down: one busy reading pair adds replicas at once, ten quiet minutes take one away. Without fresh
figures nothing changes.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.operations.railway_api import Load, RailwayApi, RailwayError
from app.telemetry.logs import get_logger

log = get_logger()

# A reading older than this says nothing about now; Railway's own are up to two minutes late.
FRESH_SECONDS = 240.0
BUSY_READINGS = 2
QUIET_SECONDS = 600.0
# A new replica needs a minute to take load; a removed one shows in the figures after two.
UP_COOLDOWN_SECONDS = 120.0
DOWN_COOLDOWN_SECONDS = 300.0
# Readings that are asked for, and how long a change is remembered: those from before it count for nothing.
LOOKBACK_SECONDS = QUIET_SECONDS + 120.0
# Shares of the threshold.
QUIET_CPU = 0.75
QUIET_MEMORY = 0.9


@dataclass(frozen=True)
class Limits:
    """`cpu` and `memory` are the shares (0-1) of a replica's limit that should not be exceeded."""

    least: int = 1
    most: int = 3
    cpu: float = 0.8
    memory: float = 0.8


@dataclass(frozen=True)
class Decision:
    """The number of replicas there should be, and why."""

    replicas: int
    reason: str


def pressure(load: Load, limits: Limits) -> float:
    """Above 1.0: a threshold is exceeded; 0.5: half of it is used."""
    return max(load.cpu / limits.cpu, load.memory / limits.memory)


def decide(loads: Sequence[Load], replicas: int, limits: Limits, *, now: float, changed_at: float) -> Decision:
    """What to do with readings (oldest first) at `now`, the number having last been changed at `changed_at`."""
    if not limits.least <= replicas <= limits.most:
        return Decision(min(max(replicas, limits.least), limits.most), "outside_bounds")
    # Readings from before a change describe another number of replicas.
    recent = [load for load in loads if load.at > changed_at]
    if not recent or now - recent[-1].at > FRESH_SECONDS:
        return Decision(replicas, "no_fresh_figures")
    wish = _wish(recent, replicas, limits, now)
    cooldown = UP_COOLDOWN_SECONDS if wish.replicas > replicas else DOWN_COOLDOWN_SECONDS
    if wish.replicas != replicas and now - changed_at < cooldown:
        return Decision(replicas, "cooling_down")
    return wish


def _wish(recent: Sequence[Load], replicas: int, limits: Limits, now: float) -> Decision:
    """What the readings ask for, whenever the number was last changed."""
    busy = [pressure(load, limits) for load in recent[-BUSY_READINGS:]]
    if len(busy) == BUSY_READINGS and min(busy) > 1.0:
        wanted = max(math.ceil(replicas * sum(busy) / len(busy)), replicas + 1)
        return Decision(min(wanted, limits.most), "busy" if replicas < limits.most else "at_most")
    lately = [load for load in recent if now - load.at <= QUIET_SECONDS]
    covered = now - recent[0].at >= QUIET_SECONDS and len(lately) >= QUIET_SECONDS / 60 / 2
    if replicas > limits.least and covered and all(_quiet(load, replicas, limits) for load in lately):
        return Decision(replicas - 1, "quiet")
    return Decision(replicas, "steady")


def _quiet(load: Load, replicas: int, limits: Limits) -> bool:
    """Whether one fewer would stay clearly below the thresholds, or the number would swing.

    Work moves to the replicas that stay; memory mostly does not, it is what an idle replica holds anyway.
    """
    projected = load.cpu / limits.cpu * replicas / (replicas - 1)
    return projected < QUIET_CPU and load.memory / limits.memory < QUIET_MEMORY


class LastChange:
    """When the number of a service's replicas was last changed.

    Kept in Redis, so that a process started anew, by a deployment or once a minute, keeps the cool-down; without Redis
    only as long as this object lives.
    """

    def __init__(self, redis: Redis | None, service_id: str) -> None:
        self._redis = redis
        self._key = f"autoscale:{service_id}:changed_at"
        self._here = 0.0

    async def read(self) -> float:
        """Unix seconds, 0.0 when it is too long ago to matter. Raises RedisError."""
        found = await self._redis.get(self._key) if self._redis is not None else None
        try:
            return max(self._here, float(found or 0.0))
        except ValueError:  # not ours; the next change writes over it
            return self._here

    async def write(self, now: float) -> None:
        """Raises RedisError."""
        if self._redis is not None:
            await self._redis.set(self._key, repr(now), ex=int(LOOKBACK_SECONDS))
        self._here = now


class Autoscaler:
    """Asks once per interval; changes something only with `apply`."""

    def __init__(self, api: RailwayApi, limits: Limits, last_change: LastChange, *, apply: bool) -> None:
        self._api = api
        self._limits = limits
        self._last_change = last_change
        self._apply = apply

    async def step(self, now: float) -> Decision:
        """One look and at most one change. Raises RailwayError, and RedisError: without the cool-down's beginning
        nothing may change."""
        changed_at = await self._last_change.read()
        replicas = await self._api.replicas()
        loads = await self._api.loads(now - LOOKBACK_SECONDS)
        decision = decide(loads, replicas, self._limits, now=now, changed_at=changed_at)
        latest = loads[-1] if loads else None
        if decision.replicas != replicas and self._apply:
            # First, because a change whose answer is lost may have happened all the same.
            await self._last_change.write(now)
            await self._api.scale(decision.replicas)
        log.info(
            "autoscale.decided",
            previous=str(replicas),
            replicas_count=decision.replicas,
            reason=decision.reason,
            applied=self._apply and decision.replicas != replicas,
            cpu_percent_count=round(latest.cpu * 100) if latest else None,
            memory_percent_count=round(latest.memory * 100) if latest else None,
        )
        return decision

    async def run(self, interval_seconds: float) -> None:
        """Until cancelled; a cycle in which Railway or Redis does not answer is skipped."""
        while True:
            try:
                await self.step(time.time())
            except (RailwayError, RedisError) as error:
                log.warning("autoscale.skipped", exc_info=error)
            await asyncio.sleep(interval_seconds)
