"""A circuit breaker per vendor: after failures in a row its calls are not tried for a while, then one trial decides.

The states are pybreaker's (the breaker library with the most recent releases; it has no asyncio of its own, but its
`calling` block may hold awaits). Added here: a clock of our choice, and one trial at a time, since the library lets
every waiting call through while it is half open. State is per process: each learns of an outage by five calls.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pybreaker

from app.telemetry.logs import get_logger
from app.telemetry.metrics import BREAKER_STATE

FAILURES = 5  # in a row
REST_SECONDS = 30.0
_GAUGE = {pybreaker.STATE_CLOSED: 0, pybreaker.STATE_HALF_OPEN: 1, pybreaker.STATE_OPEN: 2}

log = get_logger()


class CircuitOpen(Exception):
    """The vendor is not asked for the moment."""


class _Storage(pybreaker.CircuitMemoryStorage):
    """Keeps the moment of opening on our clock, which no change of the wall clock moves."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(pybreaker.STATE_CLOSED)
        self._clock = clock
        self._opened = 0.0

    @property
    def opened_at(self) -> datetime | None:
        return datetime.now(UTC) - timedelta(seconds=self._clock() - self._opened)

    @opened_at.setter
    def opened_at(self, _: datetime) -> None:
        self._opened = self._clock()


class _Watcher(pybreaker.CircuitBreakerListener):
    def __init__(self, vendor: str) -> None:
        self._vendor = vendor

    def state_change(self, _cb: object, _old: object, new: pybreaker.CircuitBreakerState) -> None:
        BREAKER_STATE(self._vendor).set(_GAUGE[new.name])
        log.warning("breaker.changed", vendor=self._vendor, to_state=new.name)


class Breaker:
    """`counts` says whether an error is the vendor's failure; others (a refused text, a cancelled turn) are not."""

    def __init__(
        self, vendor: str, counts: Callable[[BaseException], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.vendor = vendor
        self._trying = False
        self._circuit = pybreaker.CircuitBreaker(
            fail_max=FAILURES,
            reset_timeout=REST_SECONDS,
            exclude=[lambda error: not counts(error)],
            listeners=[_Watcher(vendor)],
            state_storage=_Storage(clock),
            name=vendor,
            throw_new_error_on_trip=False,
        )
        BREAKER_STATE(vendor).set(_GAUGE[pybreaker.STATE_CLOSED])

    @property
    def state(self) -> str:
        """`closed`, `half-open` or `open`."""
        return self._circuit.current_state

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """Around one call. Raises CircuitOpen without letting the block run; the block's own errors pass through."""
        trial = self.state != pybreaker.STATE_CLOSED
        if trial and self._trying:
            raise CircuitOpen(self.vendor)
        self._trying = self._trying or trial
        entered = False
        try:
            with self._circuit.calling():
                entered = True
                yield
        except pybreaker.CircuitBreakerError:
            if entered:
                raise
            raise CircuitOpen(self.vendor) from None
        finally:
            if trial:
                self._trying = False
