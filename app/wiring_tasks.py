"""The task queue's connection and, where this process works, its worker: both are kept up until the process stops."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import timedelta

from docket import Docket, Worker
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSlow

from app.telemetry.logs import get_logger
from app.telemetry.metrics import WORKER_CRASHES
from app.telemetry.sentry import capture

log = get_logger()

UNAVAILABLE_PAUSE_SECONDS = 1.0
# After a crash: 1, 2, 4 … 30 seconds.
_PAUSES = ExponentialBackoff(cap=30.0, base=0.5)
# A worker that ran this long before it crashed was well: the pauses begin anew.
_WELL_SECONDS = 60.0


class WorkerEnded(Exception):
    """Docket's worker returned although nobody had asked it to."""


@dataclass(frozen=True)
class Crash:
    """The last crash of this process's worker; `at` is monotonic seconds, `count` all crashes so far."""

    count: int
    error_type: str
    at: float


@dataclass(frozen=True)
class WorkerPlan:
    """How much a worker does at once, and when another may take over what it has left lying."""

    concurrency: int
    redelivery_seconds: float


class Tasks:
    """`run` holds the connection, and works by `plan` if there is one; both end by `stop`."""

    def __init__(self, docket: Docket, plan: WorkerPlan | None) -> None:
        self._docket = docket
        self._plan = plan
        self._stopping = asyncio.Event()
        self._failures = 0
        self.opened = asyncio.Event()
        self.crash: Crash | None = None

    def stop(self) -> None:
        """Let the worker finish what it has begun, and end a pause at once."""
        self._stopping.set()

    async def run(self, name: str) -> None:
        """Until `stop`. Whatever ends the worker before is told, and the worker is begun anew."""
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                async with self._docket:
                    self.opened.set()
                    await self._work(name)
            except (RedisAway, RedisSlow, OSError) as error:
                log.warning("tasks.unavailable", error_type=type(error).__name__)
                await self._pause(UNAVAILABLE_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001 a run loop: a worker that is gone must come back, whatever ended it
                await self._pause(self._crashed(error, ran_seconds=time.monotonic() - began))
            finally:
                self.opened.clear()

    def _crashed(self, error: Exception, *, ran_seconds: float) -> float:
        """Make it seen; returns the pause before the next worker."""
        self._failures = self._failures + 1 if ran_seconds < _WELL_SECONDS else 1
        count = self.crash.count + 1 if self.crash else 1
        self.crash = Crash(count, type(_single(error)).__name__, time.monotonic())
        pause: float = _PAUSES.compute(self._failures)
        WORKER_CRASHES.inc()
        capture(error)
        log.error("tasks.crashed", crash_count=count, pause_seconds=pause, exc_info=error)
        return pause

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _work(self, name: str) -> None:
        if self._plan is None:
            await self._stopping.wait()
            return
        async with Worker(
            self._docket,
            name=name,
            concurrency=self._plan.concurrency,
            redelivery_timeout=timedelta(seconds=self._plan.redelivery_seconds),
            reconnection_delay=timedelta(seconds=1),
            minimum_check_interval=timedelta(milliseconds=50),
            scheduling_resolution=timedelta(milliseconds=50),
        ) as worker:
            running = asyncio.create_task(worker.run_forever())
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            running.cancel()  # docket finishes the tasks it has begun
            (end,) = await asyncio.gather(running, return_exceptions=True)
        if isinstance(end, Exception):
            raise end
        if not self._stopping.is_set():
            raise WorkerEnded


def _single(error: Exception) -> Exception:
    """What a group holds if it holds one error: docket's loop wraps what ended it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
