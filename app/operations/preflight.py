"""Every check before a start: what is needed must be there, what is merely useful is mentioned."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.api.health_prober import Probe, ProbeResult, Status

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 4.0


class Verdict(StrEnum):
    """What a finding means for the start."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `said` says what to do unless all is well."""

    name: str
    verdict: Verdict
    said: str = ""
    seconds: float = 0.0
    tries: int = 1


async def look(probes: Sequence[Probe], *, deadline_s: float) -> list[Finding]:
    """Look at everything at once. Critical parts are asked again, with growing pauses, until `deadline_s` is over:
    on a fresh deployment Redis may simply start later than we do."""
    return list(await asyncio.gather(*(_look(probe, deadline_s) for probe in probes)))


async def _look(probe: Probe, deadline_s: float) -> Finding:
    began, tries, pause = time.monotonic(), 0, _FIRST_PAUSE_S
    while True:
        tries += 1
        result = await _once(probe)
        spent = time.monotonic() - began
        if result.status is not Status.FAIL or not probe.critical or spent + pause > deadline_s:
            return Finding(probe.name, _verdict(probe, result), result.output, round(spent, 2), tries)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)


async def _once(probe: Probe) -> ProbeResult:
    try:
        async with asyncio.timeout(probe.timeout_s):
            return await probe.check()
    except TimeoutError:
        return ProbeResult(Status.FAIL, f"no answer within {probe.timeout_s:g} s: {probe.advice}")
    except Exception as error:  # noqa: BLE001 whatever a dependency raises is its state; shown by type
        return ProbeResult(Status.FAIL, f"{type(error).__name__}: {probe.advice}")


def _verdict(probe: Probe, result: ProbeResult) -> Verdict:
    if result.status is Status.PASS:
        return Verdict.OK
    return Verdict.FAILED if probe.critical and result.status is Status.FAIL else Verdict.WARNING
