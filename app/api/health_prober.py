"""The background prober: each dependency is looked at on its own clock, so that reading health costs nothing.

A thousand probes of `/health/readiness` cause no call to anything; an unauthenticated caller can amplify nothing.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.api.health_system import SystemFigures
from app.telemetry.logs import get_logger
from app.telemetry.metrics import COMPONENT, LOOP_LAG

log = get_logger()

# A failing component is looked at more often, so that its recovery shows soon: a sixth of its interval, at least this.
RECHECK_S = 2.0
_LAG_EVERY_S = 1.0
_WORTH = {"pass": 1.0, "warn": 0.5, "fail": 0.0}


class Status(StrEnum):
    """Values of `application/health+json` (draft-inadarei-api-health-check-06)."""

    PASS = "pass"  # noqa: S105 a verdict, no password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a check found. `output` is a sentence of ours that says what to do, never a library's error text."""

    status: Status
    output: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """One component. Failure of a `critical` one closes readiness; of any other it is a warning.

    `advice` is what an operator reads when the check raises or takes longer than `timeout_s`.
    `live` adds what this process knows without asking, so that it shows at once; it costs nothing and cannot wait.
    """

    name: str
    check: Callable[[], Awaitable[ProbeResult]]
    critical: bool = False
    timeout_s: float = 2.0
    every_s: float = 5.0
    advice: str = ""
    live: Callable[[ProbeResult], ProbeResult] = lambda result: result


@dataclass(frozen=True, slots=True)
class Seen:
    """The last look at a component; `at` is monotonic seconds, `last_success` Unix seconds (0 = never)."""

    result: ProbeResult
    latency_ms: float
    at: float
    last_success: float


class Prober:
    """Runs every probe at once after `start()`, then each on its own jittered interval."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self.probes = tuple(probes)
        self.system = SystemFigures()
        self.began = time.monotonic()
        self.loop_lag_s = 0.0
        self.loop_seen = time.monotonic()
        self._seen: dict[str, Seen] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._first_round = asyncio.Event()
        self._again = asyncio.Event()
        # During the start-up components are expected to be missing; its own steps say which it waits for.
        self._talks = False
        self._told: dict[str, Status] = {}

    def start(self) -> None:
        """Begin; call inside the running loop, after the fork."""
        self.began = self.loop_seen = time.monotonic()
        self._tasks = [asyncio.create_task(self._watch(probe), name=f"probe {probe.name}") for probe in self.probes]
        self._tasks.append(asyncio.create_task(self._measure_lag(), name="probe loop lag"))
        if not self.probes:
            self._first_round.set()

    def started(self) -> None:
        """The start-up is complete: look at everything again now, and from now on say what changes."""
        self._talks = True
        self._again.set()
        self._again = asyncio.Event()

    async def stop(self) -> None:
        """Stop and wait for the checks under way to end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def settled(self, timeout_s: float) -> bool:
        """Wait until every component was looked at once, at most `timeout_s`; all callers share the same round."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._first_round.wait(), timeout_s)
        return self._first_round.is_set()

    def seen(self, name: str) -> Seen | None:
        """The last look at a component."""
        return self._seen.get(name)

    def result(self, probe: Probe) -> ProbeResult:
        """What holds now: a component not looked at for three intervals counts as failed."""
        seen = self._seen.get(probe.name)
        if seen is None:
            return ProbeResult(Status.FAIL, "not checked yet")
        age = time.monotonic() - seen.at
        if age > 3 * probe.every_s + probe.timeout_s:
            return ProbeResult(Status.FAIL, f"last checked {age:.0f} s ago; the process may be overloaded")
        return probe.live(seen.result)

    def readiness(self) -> tuple[Status, dict[str, ProbeResult]]:
        """Overall status and every component that is not well. Only critical components can make it fail."""
        unwell: dict[str, ProbeResult] = {}
        overall = Status.PASS
        for probe in self.probes:
            result = self.result(probe)
            if result.status is Status.PASS:
                continue
            unwell[probe.name] = result
            if probe.critical and result.status is Status.FAIL:
                overall = Status.FAIL
            elif overall is Status.PASS:
                overall = Status.WARN
        return overall, unwell

    async def _watch(self, probe: Probe) -> None:
        while True:
            result = await self._look(probe)
            if len(self._seen) == len(self.probes):
                self._first_round.set()
            pause = probe.every_s
            if result.status is Status.FAIL:
                pause = min(pause, max(RECHECK_S, pause / 6))
            # Jitter: processes and replicas that start together must not look together for ever.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), pause * random.uniform(0.8, 1.2))  # noqa: S311 no secret

    async def _look(self, probe: Probe) -> ProbeResult:
        before = self._seen.get(probe.name)
        began = time.monotonic()
        try:
            async with asyncio.timeout(probe.timeout_s):
                result = await probe.check()
        except TimeoutError:
            result = ProbeResult(Status.FAIL, _sentence(f"no answer within {probe.timeout_s:g} s", probe.advice))
        except Exception as error:  # noqa: BLE001 a run loop: whatever a dependency raises is its state, shown by type
            result = ProbeResult(Status.FAIL, _sentence(type(error).__name__, probe.advice))
        ended = time.monotonic()
        last_success = time.time() if result.status is not Status.FAIL else (before.last_success if before else 0.0)
        self._seen[probe.name] = Seen(result, round((ended - began) * 1000, 2), ended, last_success)
        shown = probe.live(result)
        COMPONENT(probe.name).set(_WORTH[shown.status])
        if self._talks and self._told.get(probe.name, Status.PASS) is not shown.status:
            _tell(probe, shown)
            self._told[probe.name] = shown.status
        return result

    async def _measure_lag(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(_LAG_EVERY_S)
            self.loop_seen = time.monotonic()
            self.loop_lag_s = max(0.0, self.loop_seen - began - _LAG_EVERY_S)
            LOOP_LAG.set(self.loop_lag_s)
            self.system.read()


def _sentence(what: str, advice: str) -> str:
    return f"{what}: {advice}" if advice else what


def _tell(probe: Probe, result: ProbeResult) -> None:
    """One line per change of state."""
    if result.status is Status.PASS:
        log.info("health.recovered", component=probe.name)
        return
    write = log.error if probe.critical and result.status is Status.FAIL else log.warning
    write("health.impaired", component=probe.name, status=result.status.value, advice=result.output)
