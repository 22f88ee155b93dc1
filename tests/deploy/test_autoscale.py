"""The number of replicas follows the load: fast up, slow down, never without fresh figures, never out of bounds."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.operations.autoscale import (
    DOWN_COOLDOWN_SECONDS,
    FRESH_SECONDS,
    QUIET_SECONDS,
    UP_COOLDOWN_SECONDS,
    Autoscaler,
    Limits,
    decide,
)
from app.operations.railway_api import Load, RailwayApi, RailwayError, Target
from tests.deploy.test_preflight import run
from tests.fixtures.telemetry import LogLines, serve

NOW = 1_795_000_020.0
LIMITS = Limits()
TOKEN = "project-token-of-tests"
TARGET = Target("env-1", "svc-1")


def steady(cpu: float, memory: float = 0.3, *, minutes: int = 12, until: float = NOW - 60) -> list[Load]:
    """One reading a minute, all alike."""
    return [Load(until - 60 * back, cpu, memory) for back in reversed(range(minutes))]


def test_two_busy_readings_add_what_is_needed_at_once() -> None:
    assert decide(steady(0.9), 1, LIMITS, now=NOW, changed_at=0).replicas == 2
    assert decide(steady(2.0), 1, LIMITS, now=NOW, changed_at=0).replicas == 3
    assert decide(steady(0.2, memory=0.9), 1, LIMITS, now=NOW, changed_at=0).replicas == 2
    one_peak = [*steady(0.3)[:-1], Load(NOW - 60, 0.99, 0.3)]
    assert decide(one_peak, 1, LIMITS, now=NOW, changed_at=0).replicas == 1


def test_ten_quiet_minutes_take_one_away() -> None:
    assert decide(steady(0.1), 3, LIMITS, now=NOW, changed_at=0).replicas == 2
    assert decide(steady(0.1, minutes=5), 3, LIMITS, now=NOW, changed_at=0).replicas == 3
    one_peak = [Load(load.at, 0.7, 0.3) if load.at == NOW - 300 else load for load in steady(0.1)]
    assert decide(one_peak, 3, LIMITS, now=NOW, changed_at=0).replicas == 3
    # Two at 50 % would be one at 100 %.
    assert decide(steady(0.5), 2, LIMITS, now=NOW, changed_at=0).reason == "steady"


def test_without_fresh_figures_nothing_changes() -> None:
    assert decide([], 2, LIMITS, now=NOW, changed_at=0) == decide([], 2, LIMITS, now=NOW, changed_at=0)
    assert decide([], 2, LIMITS, now=NOW, changed_at=0).reason == "no_fresh_figures"
    old = steady(0.99, until=NOW - FRESH_SECONDS - 1)
    assert decide(old, 2, LIMITS, now=NOW, changed_at=0).replicas == 2


def test_a_number_set_by_hand_is_brought_back_within_bounds() -> None:
    assert decide([], 5, LIMITS, now=NOW, changed_at=0).replicas == 3
    assert decide([], 1, Limits(least=2, most=4), now=NOW, changed_at=0).replicas == 2


loads = st.lists(
    st.builds(Load, at=st.floats(NOW - 1200, NOW), cpu=st.floats(0, 2), memory=st.floats(0, 1.2)), max_size=25
).map(lambda found: sorted(found, key=lambda load: load.at))


@given(loads, st.integers(1, 3), st.floats(0, NOW))
def test_whatever_is_read_the_number_stays_within_bounds_and_falls_by_one(
    readings: list[Load], replicas: int, changed_at: float
) -> None:
    decision = decide(readings, replicas, LIMITS, now=NOW, changed_at=changed_at)
    assert 1 <= decision.replicas <= 3
    assert decision.replicas >= replicas - 1
    if decision.replicas > replicas:
        assert NOW - changed_at >= UP_COOLDOWN_SECONDS
    if decision.replicas < replicas:
        assert NOW - changed_at >= DOWN_COOLDOWN_SECONDS


@given(st.floats(0.0, 3.0), st.integers(0, 2000))
def test_a_constant_load_never_makes_the_number_swing(demand: float, start: int) -> None:
    """Simulated hours: the same work, spread over whatever replicas there are."""
    replicas, changed_at, history, changes = 1, 0.0, list[Load](), []
    for minute in range(180):
        now = NOW + start + 60 * minute
        history.append(Load(now, demand / replicas, 0.2))
        decision = decide(history[-15:], replicas, LIMITS, now=now, changed_at=changed_at)
        if decision.replicas != replicas:
            changes.append(decision.replicas - replicas)
            replicas, changed_at = decision.replicas, now
    assert not any(later < 0 < earlier for earlier, later in pairwise(changes))
    assert len(changes) <= 3


@dataclass
class Railway:
    """A twin of Railway's API: one service, whose figures the test sets."""

    replicas: int | None = 1
    cpu: float = 0.2
    fails: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: Request) -> JSONResponse:
        if request.headers.get("project-access-token") != TOKEN or "authorization" in request.headers:
            return JSONResponse({"errors": [{"message": "Not Authorized"}]}, status_code=401)
        if self.fails:
            self.fails -= 1
            return JSONResponse({}, status_code=502)
        body = await request.json()
        self.asked.append(body)
        variables = body["variables"]
        declared = set(re.findall(r"\$(\w+):", body["query"]))
        if set(variables) != declared or variables["serviceId"] != "svc-1" or variables["environmentId"] != "env-1":
            return JSONResponse({"errors": [{"message": "Problem processing request"}]})
        if "serviceInstanceUpdate" in body["query"]:
            self.replicas = variables["numReplicas"]
            return JSONResponse({"data": {"serviceInstanceUpdate": True}})
        if "metrics(" in body["query"]:
            return JSONResponse({"data": {"metrics": self._metrics()}})
        return JSONResponse({"data": {"serviceInstance": {"numReplicas": self.replicas}}})

    def _metrics(self) -> list[dict[str, Any]]:
        stamps = [int(load.at) for load in steady(0)]
        figures = {"CPU_USAGE": self.cpu * 2, "CPU_LIMIT": 2.0, "MEMORY_USAGE_GB": 0.2, "MEMORY_LIMIT_GB": 0.5}
        return [
            {
                "measurement": name,
                "tags": {"deploymentInstanceId": f"i-{replica}"},
                "values": [{"ts": stamp, "value": value} for stamp in stamps],
            }
            for replica in range(self.replicas or 1)
            for name, value in figures.items()
        ]


@pytest.fixture
async def railway() -> AsyncIterator[tuple[Railway, str]]:
    twin = Railway()
    async with serve(Starlette(routes=[Route("/graphql/v2", twin.answer, methods=["POST"])])) as url:
        yield twin, f"{url}/graphql/v2"


async def test_it_scales_up_and_down_through_the_api(railway: tuple[Railway, str], log_lines: LogLines) -> None:
    twin, url = railway
    async with httpx.AsyncClient(headers={"Project-Access-Token": TOKEN}) as client:
        scaler = Autoscaler(RailwayApi(client, url, TARGET), LIMITS, apply=True)
        twin.cpu = 0.95
        await scaler.step(NOW)
        assert twin.replicas == 2
        twin.cpu, scaler._changed_at = 0.05, NOW - 2 * QUIET_SECONDS
        await scaler.step(NOW)
        assert twin.replicas == 1
    decided = log_lines.named("autoscale.decided")
    assert [event["reason"] for event in decided] == ["busy", "quiet"]


async def test_a_dry_run_changes_nothing(railway: tuple[Railway, str], log_lines: LogLines) -> None:
    twin, url = railway
    twin.cpu = 0.95
    async with httpx.AsyncClient(headers={"Project-Access-Token": TOKEN}) as client:
        decision = await Autoscaler(RailwayApi(client, url, TARGET), LIMITS, apply=False).step(NOW)
    assert (decision.replicas, twin.replicas) == (2, 1)
    assert not any("Update" in body["query"] for body in twin.asked)


async def test_refusals_are_said_in_words(railway: tuple[Railway, str]) -> None:
    twin, url = railway
    async with httpx.AsyncClient(headers={"Project-Access-Token": "wrong"}) as client:
        with pytest.raises(RailwayError, match="project token"):
            await RailwayApi(client, url, TARGET).replicas()
    async with httpx.AsyncClient(headers={"Project-Access-Token": TOKEN}) as client:
        with pytest.raises(RailwayError, match="Problem processing"):
            await RailwayApi(client, url, Target("env-2", "svc-1")).replicas()
        twin.fails = 1
        with pytest.raises(RailwayError, match="502"):
            await RailwayApi(client, url, TARGET).replicas()
        twin.replicas = None
        with pytest.raises(RailwayError, match="railway scale"):
            await RailwayApi(client, url, TARGET).replicas()


async def test_the_command_looks_once_and_is_dry_by_default(railway: tuple[Railway, str]) -> None:
    twin, url = railway
    twin.replicas = 5
    environ = {
        "RAILWAY_TOKEN": TOKEN,
        "RAILWAY_API_URL": url,
        "RAILWAY_ENVIRONMENT_ID": "env-1",
        "AUTOSCALE_SERVICE_ID": "svc-1",
    }
    code, said = await run(environ, "autoscale", "--once")
    assert (code, twin.replicas) == (0, 5), said
    assert '"reason":"outside_bounds"' in said
    code, said = await run(environ, "autoscale", "--once", "--apply")
    assert (code, twin.replicas) == (0, 3), said
    code, said = await run({}, "autoscale", "--once")
    assert code == 1
    assert "RAILWAY_TOKEN, RAILWAY_ENVIRONMENT_ID, AUTOSCALE_SERVICE_ID" in said
