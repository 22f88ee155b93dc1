"""The number of replicas follows the load: fast up, slow down, never without fresh figures, never out of bounds."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.operations.autoscale import (
    DOWN_COOLDOWN_SECONDS,
    FRESH_SECONDS,
    LOOKBACK_SECONDS,
    QUIET_SECONDS,
    UP_COOLDOWN_SECONDS,
    Autoscaler,
    LastChange,
    Limits,
    decide,
)
from app.operations.railway_api import Load, RailwayApi, RailwayError, Target
from tests.deploy.test_preflight import run
from tests.fixtures.stack import until_true
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
    now: float = NOW
    fails: int = 0
    pages: list[str] = field(default_factory=list)  # said with status 200 before anything else
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        if self.pages:
            return Response(self.pages.pop(0), media_type="text/html")
        return await self._answer(request)

    async def _answer(self, request: Request) -> JSONResponse:
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
        stamps = [int(load.at) for load in steady(0, until=self.now - 60)]
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


def environ_of(url: str) -> dict[str, str]:
    """What the autoscale service has on Railway."""
    return {
        "RAILWAY_TOKEN": TOKEN,
        "RAILWAY_API_URL": url,
        "RAILWAY_ENVIRONMENT_ID": TARGET.environment_id,
        "AUTOSCALE_SERVICE_ID": TARGET.service_id,
    }


def scaler_of(client: httpx.AsyncClient, url: str, *, redis: Redis | None = None, apply: bool = True) -> Autoscaler:
    """A loop as a process makes it when it starts."""
    return Autoscaler(RailwayApi(client, url, TARGET), LIMITS, LastChange(redis, TARGET.service_id), apply=apply)


@pytest.fixture
async def kept(redis: Redis) -> AsyncIterator[Redis]:
    """A Redis that knows of no change."""
    yield redis
    await redis.delete("autoscale:svc-1:changed_at")


@pytest.fixture
async def railway() -> AsyncIterator[tuple[Railway, str]]:
    twin = Railway()
    async with serve(Starlette(routes=[Route("/graphql/v2", twin.answer, methods=["POST"])])) as url:
        yield twin, f"{url}/graphql/v2"


async def test_it_scales_up_and_down_through_the_api(railway: tuple[Railway, str], log_lines: LogLines) -> None:
    twin, url = railway
    async with httpx.AsyncClient(headers={"Project-Access-Token": TOKEN}) as client:
        scaler = scaler_of(client, url)
        twin.cpu = 0.95
        await scaler.step(NOW)
        assert twin.replicas == 2
        twin.cpu, twin.now = 0.05, NOW + 2 * QUIET_SECONDS
        await scaler.step(twin.now)
        assert twin.replicas == 1
    decided = log_lines.named("autoscale.decided")
    assert [event["reason"] for event in decided] == ["busy", "quiet"]


async def test_a_dry_run_changes_nothing(railway: tuple[Railway, str], kept: Redis) -> None:
    twin, url = railway
    twin.cpu = 0.95
    async with httpx.AsyncClient(headers={"Project-Access-Token": TOKEN}) as client:
        decision = await scaler_of(client, url, redis=kept, apply=False).step(NOW)
    assert (decision.replicas, twin.replicas) == (2, 1)
    assert not any("Update" in body["query"] for body in twin.asked)
    assert await kept.exists("autoscale:svc-1:changed_at") == 0


async def test_a_loop_that_is_started_again_keeps_the_cool_down(railway: tuple[Railway, str], kept: Redis) -> None:
    twin, url = railway
    twin.cpu = 0.95
    async with httpx.AsyncClient(headers={"Project-Access-Token": TOKEN}) as client:
        await scaler_of(client, url, redis=kept).step(NOW)
        assert twin.replicas == 2
        for later in (30, 60, 90):
            twin.now = NOW + later
            decision = await scaler_of(client, url, redis=kept).step(twin.now)
            assert (decision.replicas, twin.replicas) == (2, 2), later
        assert 0 < await kept.ttl("autoscale:svc-1:changed_at") <= LOOKBACK_SECONDS
        twin.now = NOW + UP_COOLDOWN_SECONDS + 120
        await scaler_of(client, url, redis=kept).step(twin.now)
        assert twin.replicas == 3


async def test_a_change_whose_answer_is_lost_starts_the_cool_down(railway: tuple[Railway, str], kept: Redis) -> None:
    twin, url = railway
    twin.cpu = 0.95
    async with httpx.AsyncClient(headers={"Project-Access-Token": TOKEN}) as client:

        async def lose_the_change(request: httpx.Request) -> None:
            if b"serviceInstanceUpdate" in request.content:
                twin.pages = ["<html>gateway</html>"]

        client.event_hooks["request"] = [lose_the_change]
        with pytest.raises(RailwayError):
            await scaler_of(client, url, redis=kept).step(NOW)
        client.event_hooks["request"] = []
        assert (await scaler_of(client, url, redis=kept).step(NOW + 1)).replicas == 1


PAGES = (
    "<html>Just a moment…</html>", "", "null", "[]", '"text"', '{"data": []}', '{"errors": "no"}', '{"errors": [null]}',
    '{"data": {"serviceInstance": []}}', '{"data": {"serviceInstance": {"numReplicas": "1"}}}',
)  # fmt: skip
FIGURES = (
    '{"data": {}}',
    '{"data": {"metrics": null}}',
    '{"data": {"metrics": [{"measurement": "CPU_USAGE", "values": [{"ts": "x", "value": 1}]}]}}',
    '{"data": {"metrics": [{"measurement": "CPU_USAGE", "values": [{"ts": 60, "value": NaN}]}]}}',
    '{"data": {"metrics": [{"measurement": "CPU_USAGE", "values": [{"ts": Infinity, "value": 1}]}]}}',
)


@pytest.mark.parametrize("page", PAGES + FIGURES)
async def test_an_answer_that_makes_no_sense_is_an_error_of_railway(railway: tuple[Railway, str], page: str) -> None:
    twin, url = railway
    twin.pages = [page]
    async with httpx.AsyncClient(headers={"Project-Access-Token": TOKEN}) as client:
        api = RailwayApi(client, url, TARGET)
        with pytest.raises(RailwayError):
            await (api.loads(NOW) if page in FIGURES else api.replicas())


async def test_the_loop_outlives_answers_that_make_no_sense(railway: tuple[Railway, str], log_lines: LogLines) -> None:
    twin, url = railway
    twin.replicas, twin.pages = 5, list(PAGES)
    async with httpx.AsyncClient(headers={"Project-Access-Token": TOKEN}) as client:
        running = asyncio.create_task(scaler_of(client, url).run(0.01))

        async def brought_back() -> bool:
            return running.done() or twin.replicas == 3

        await until_true(brought_back, what="the number within bounds")
        assert not running.done(), running.exception()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert len(log_lines.named("autoscale.skipped")) == len(PAGES)


async def test_without_its_redis_the_loop_changes_nothing_and_lives(railway: tuple[Railway, str]) -> None:
    twin, url = railway
    twin.replicas, twin.cpu, twin.now = 1, 0.95, time.time()
    code, said = await run({**environ_of(url), "REDIS_URL": "redis://127.0.0.1:9"}, "autoscale", "--once", "--apply")
    assert (code, twin.replicas) == (1, 1)
    assert "autoscale: Redis at REDIS_URL does not answer" in said
    assert "Traceback" not in said


async def test_the_command_started_once_a_minute_keeps_the_cool_down(
    railway: tuple[Railway, str], kept: Redis, redis_url: str
) -> None:
    twin, url = railway
    twin.cpu, twin.now = 0.95, time.time()
    for _ in range(2):
        code, said = await run({**environ_of(url), "REDIS_URL": redis_url}, "autoscale", "--once", "--apply")
        assert (code, twin.replicas) == (0, 2), said
    assert await kept.exists("autoscale:svc-1:changed_at") == 1


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
    environ = environ_of(url)
    code, said = await run(environ, "autoscale", "--once")
    assert (code, twin.replicas) == (0, 5), said
    assert '"reason":"outside_bounds"' in said
    code, said = await run(environ, "autoscale", "--once", "--apply")
    assert (code, twin.replicas) == (0, 3), said
    code, said = await run({}, "autoscale", "--once")
    assert code == 1
    assert "RAILWAY_TOKEN, RAILWAY_ENVIRONMENT_ID, AUTOSCALE_SERVICE_ID" in said
