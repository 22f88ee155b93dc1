"""A circuit breaker per vendor: after failures in a row its calls are not tried for a while, then one trial decides.

The states are pybreaker's (the breaker library with the most recent releases). Added here: a clock of our choice; one
trial at a time, since the library lets every waiting call through while it is half open; and calls that end without an
answer or a failure, which it would take for successes. State is per process: each learns of an outage by five calls.
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
    def rested(self) -> bool:
        """Open for long enough to try again."""
        return self._clock() - self._opened >= REST_SECONDS

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
        self._storage = _Storage(clock)
        self._circuit = pybreaker.CircuitBreaker(
            fail_max=FAILURES,
            reset_timeout=REST_SECONDS,
            exclude=[lambda error: not counts(error)],
            listeners=[_Watcher(vendor)],
            state_storage=self._storage,
            name=vendor,
            throw_new_error_on_trip=False,
        )
        BREAKER_STATE(vendor).set(_GAUGE[pybreaker.STATE_CLOSED])

    @property
    def state(self) -> str:
        """`closed`, `half-open` (rested: the next call is a trial) or `open`. Looking moves the metric with it."""
        if self._circuit.current_state == pybreaker.STATE_OPEN and self._storage.rested:
            self._circuit.half_open()
        return self._circuit.current_state

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """Around one call. Raises CircuitOpen without letting the block run; the block's own errors pass through."""
        trial = self.state != pybreaker.STATE_CLOSED
        if self.state == pybreaker.STATE_OPEN or (trial and self._trying):
            raise CircuitOpen(self.vendor)
        self._trying = self._trying or trial
        try:
            yield
        except Exception as error:
            self._judge(error, trial=trial)
            raise
        else:
            self._judge(None, trial=trial)
        # A cancelled call has shown nothing of the vendor: the next one is the trial.
        finally:
            if trial:
                self._trying = False

    def _judge(self, error: Exception | None, *, trial: bool) -> None:
        """Tell the circuit how a call ended. One that began before the circuit opened ends too late to count."""
        if not trial and self._circuit.current_state != pybreaker.STATE_CLOSED:
            return

        if error is None:
            self._circuit.call(lambda: None)
            return

        def failed() -> None:
            raise error

        with contextlib.suppress(type(error)):
            self._circuit.call(failed)
