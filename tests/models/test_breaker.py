"""The breaker's promises that no single turn shows: one trial at a time, and whose failures count."""

import asyncio
import contextlib

import pytest

from app.agents.models.breaker import FAILURES, REST_SECONDS, Breaker, CircuitOpen
from app.telemetry.metrics import BREAKER_STATE
from tests.fixtures.models import HandClock


class Down(Exception):
    """The vendor failed."""


class Ours(Exception):
    """Not the vendor's fault."""


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def breaker(clock: HandClock) -> Breaker:
    return Breaker("anthropic", lambda error: isinstance(error, Down), clock)


def fail(breaker: Breaker, error: Exception, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)), breaker.calling():
            raise error


def opened(breaker: Breaker) -> None:
    fail(breaker, Down(), FAILURES)
    assert breaker.state == "open"


def test_a_success_between_failures_starts_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, Down(), FAILURES - 1)
    with breaker.calling():
        pass
    fail(breaker, Down(), FAILURES - 1)
    assert breaker.state == "closed"


def test_errors_that_are_not_the_vendors_do_not_count(breaker: Breaker) -> None:
    fail(breaker, Ours(), FAILURES * 2)
    assert breaker.state == "closed"


def test_an_open_breaker_lets_nothing_through_until_it_has_rested(breaker: Breaker, clock: HandClock) -> None:
    opened(breaker)
    clock.now += REST_SECONDS - 0.1
    with pytest.raises(CircuitOpen), breaker.calling():
        raise AssertionError("the block must not run")
    clock.now += 0.2
    with breaker.calling():
        pass
    assert breaker.state == "closed"


async def test_while_one_call_tries_the_others_stay_out(breaker: Breaker, clock: HandClock) -> None:
    opened(breaker)
    clock.now += REST_SECONDS + 0.1
    answered = asyncio.Event()

    async def call() -> str:
        try:
            with breaker.calling():
                await answered.wait()
        except CircuitOpen:
            return "spared"
        return "tried"

    calls = [asyncio.create_task(call()) for _ in range(10)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    answered.set()
    assert sorted(await asyncio.gather(*calls)) == ["spared"] * 9 + ["tried"]
    assert breaker.state == "closed"


def test_a_failed_trial_opens_it_again_for_the_whole_rest(breaker: Breaker, clock: HandClock) -> None:
    opened(breaker)
    clock.now += REST_SECONDS + 0.1
    fail(breaker, Down())
    clock.now += REST_SECONDS - 0.1
    with pytest.raises(CircuitOpen), breaker.calling():
        pass


def test_its_state_is_a_metric(breaker: Breaker, clock: HandClock) -> None:
    gauge = BREAKER_STATE("anthropic")
    assert gauge._value.get() == 0
    opened(breaker)
    assert gauge._value.get() == 2
    clock.now += REST_SECONDS + 0.1
    with breaker.calling():
        assert gauge._value.get() == 1
    assert gauge._value.get() == 0


async def cancelled_in(breaker: Breaker) -> None:
    """A call that is cut off while the vendor has not answered."""
    begun = asyncio.Event()

    async def call() -> None:
        with breaker.calling():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_cancelled_trial_proves_nothing_and_the_next_call_is_the_trial(
    breaker: Breaker, clock: HandClock
) -> None:
    opened(breaker)
    clock.now += REST_SECONDS + 0.1
    await cancelled_in(breaker)
    assert breaker.state == "half-open"
    fail(breaker, Down())
    assert breaker.state == "open"


async def test_a_cancelled_call_does_not_start_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, Down(), FAILURES - 1)
    await cancelled_in(breaker)
    fail(breaker, Down())
    assert breaker.state == "open"


async def test_a_call_from_before_the_outage_says_nothing_about_the_trial(breaker: Breaker, clock: HandClock) -> None:
    early = breaker.calling()
    early.__enter__()
    opened(breaker)
    clock.now += REST_SECONDS + 0.1
    with contextlib.suppress(Down):
        early.__exit__(Down, Down(), None)
    assert breaker.state == "half-open"
    with breaker.calling():
        pass
    assert breaker.state == "closed"


def test_when_the_rest_is_over_the_metric_says_so_at_the_next_look_without_any_call(
    breaker: Breaker, clock: HandClock
) -> None:
    opened(breaker)
    assert BREAKER_STATE("anthropic")._value.get() == 2
    clock.now += REST_SECONDS + 0.1
    assert breaker.state == "half-open"
    assert BREAKER_STATE("anthropic")._value.get() == 1
