"""What the process does before it may take traffic, step by step, as `/health/startup` shows it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.telemetry.logs import get_logger
from app.telemetry.sentry import capture

log = get_logger()


class StepState(StrEnum):
    """A step that fails is tried again: a dependency may simply be slower than we are."""

    PENDING = "pending"
    RUNNING = "running"
    RETRYING = "retrying"
    DONE = "done"


@dataclass
class Step:
    """One step of the start-up; `error` is the type of the last failure."""

    name: str
    work: Callable[[], Awaitable[object]]
    state: StepState = StepState.PENDING
    attempts: int = 0
    seconds: float = 0.0
    error: str = ""


class Startup:
    """Steps in order, each repeated with growing pauses until it succeeds.

    They run beside the server, not before it: a failing lifespan would end every worker for good when Redis is away
    for a moment, and `/health/startup` could not say which step it waits for.
    """

    def __init__(self, steps: Sequence[tuple[str, Callable[[], Awaitable[object]]]], *, longest_pause: float = 5.0):
        self.steps = [Step(name, work) for name, work in steps]
        self._longest_pause = longest_pause
        self._began = time.monotonic()
        self.seconds = 0.0

    @property
    def done(self) -> bool:
        """Whether every step has succeeded once."""
        return all(step.state is StepState.DONE for step in self.steps)

    async def run(self) -> None:
        """Run all steps; returns when the last has succeeded. Cancel to give up."""
        self._began = time.monotonic()
        for step in self.steps:
            await self._run(step)
        self.seconds = time.monotonic() - self._began
        log.info("startup.completed", duration_seconds=round(self.seconds, 3))

    async def _run(self, step: Step) -> None:
        began = time.monotonic()
        pause = 0.2
        step.state = StepState.RUNNING
        while True:
            step.attempts += 1
            try:
                await step.work()
            except Exception as error:  # a run loop: the step is repeated and its failure shown
                known, step.state, step.error = step.error, StepState.RETRYING, type(error).__name__
                step.seconds = time.monotonic() - began
                log.warning("startup.step_failed", step=step.name, attempt=step.attempts, exc_info=error)
                if known != step.error:
                    capture(error)  # each kind once: a server that is away for an hour is one report, not a thousand
                await asyncio.sleep(pause)
                pause = min(pause * 2, self._longest_pause)
                continue
            step.state, step.error = StepState.DONE, ""
            step.seconds = time.monotonic() - began
            return
