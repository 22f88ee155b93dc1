"""What both twins need of time and of waiting: a clock that tests may move, and a bell that wakes watchers."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable


class TwinClock:
    """Unix seconds. `advance` moves this twin's time only (service windows, expiries), never a real sleep."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.offset = 0.0

    def now(self) -> float:
        return self._now() + self.offset

    def advance(self, seconds: float) -> None:
        self.offset += seconds


class Bell:
    """Wakes those who wait for the next change of a key; each key has its own waiters, so that 500 phones do not
    wake each other."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def ring(self, key: str) -> None:
        for waiter in self._waiting.pop(key, set()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, key: str, timeout: float) -> bool:  # noqa: ASYNC109 - a long poll's own limit, not a cancel scope
        """True when the key rang within `timeout` seconds."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[key].add(waiter)
        try:
            await asyncio.wait_for(waiter, timeout)
        except TimeoutError:
            return False
        finally:
            if key in self._waiting:
                self._waiting[key].discard(waiter)
        return True
