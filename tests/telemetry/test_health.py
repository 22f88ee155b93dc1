"""The seven endpoints say the truth about the process, at no cost to what it depends on."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from starlette.types import Receive, Scope, Send

from app.api.health import HEALTH_PATHS, BuildInfo, HealthDoor
from app.api.health_prober import Probe, Prober, ProbeResult, Status
from app.api.health_probes import (
    checkpoint_probe,
    figures_probe,
    record_probe,
    redis_probe,
    vendor_probe,
)
from app.api.ops_token import OpsGate
from app.api.startup import Startup
from app.draining import Draining
from app.local.redis import find_redis
from app.telemetry.metrics import MAILBOX_DUE
from tests.fixtures.telemetry import LogLines, serve

BUILD = BuildInfo(commit="abc1234", environment="production", replica="r-1", region="europe-west4", deployment="d-1")
TOKEN = "ops-token-of-the-test"
AUTH = {"authorization": f"Bearer {TOKEN}"}


async def product(scope: Scope, receive: Receive, send: Send) -> None:
    """The rest of the service."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"product"})


class Dependency:
    """Something that can be taken away, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.delay = 0.0

    async def check(self) -> ProbeResult:
        self.asked += 1
        await asyncio.sleep(self.delay)
        if self.error:
            raise self.error
        return ProbeResult(Status.PASS)


class House:
    """A door with two dependencies behind it."""

    def __init__(self, *, token: str = TOKEN, strict: bool = True) -> None:
        self.datastore, self.vendor = Dependency(), Dependency()
        probes = [
            Probe("redis", self.datastore.check, critical=True, timeout_s=0.2, every_s=0.2, advice="see REDIS_URL"),
            Probe("anthropic", self.vendor.check, timeout_s=0.2, every_s=0.2, advice="status.anthropic.com"),
        ]
        self.prober = Prober(probes)
        self.startup = Startup([])
        self.draining = Draining()
        self.door = HealthDoor(
            product,
            prober=self.prober,
            startup=self.startup,
            gate=OpsGate(token, strict=strict),
            build=BUILD,
            draining=self.draining,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[httpx.AsyncClient]:
        self.prober.start()
        try:
            async with serve(self.door) as url, httpx.AsyncClient(base_url=url) as client:
                yield client
        finally:
            await self.prober.stop()


async def until(read: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """Poll until `read()` is true; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not await read():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.02)


async def test_the_fast_paths_answer_with_identity_and_uptime() -> None:
    async with House().open() as client:
        basic = await client.get("/health")
        assert basic.headers["content-type"] == "application/health+json"
        assert (basic.json()["status"], basic.json()["version"]) == ("pass", "abc1234")
        assert basic.json()["uptime_seconds"] >= 0
        railway = (await client.get("/health/railway")).json()
        assert (railway["replica"], railway["region"], railway["deployment"]) == ("r-1", "europe-west4", "d-1")
        assert (await client.get("/health/liveness")).json()["status"] == "pass"
        assert (await client.get("/anything")).text == "product"


async def test_head_has_no_body_and_other_methods_are_refused() -> None:
    async with House().open() as client:
        head = await client.head("/health")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 0
        for path in HEALTH_PATHS:
            refused = await client.post(path)
            assert (refused.status_code, refused.headers["content-type"]) == (405, "application/problem+json")


async def test_a_thousand_probes_cause_no_call_to_any_dependency() -> None:
    house = House()
    async with house.open() as client:
        await client.get("/health/readiness")
        asked, began = house.datastore.asked, time.monotonic()
        for _ in range(1000):
            assert (await client.get("/health/readiness")).status_code == 200
        rounds = (time.monotonic() - began) / (0.2 * 0.8) + 2
    assert house.datastore.asked - asked <= rounds


async def test_a_lost_datastore_closes_readiness_by_name_and_opens_it_again(log_lines: LogLines) -> None:
    house = House()
    async with house.open() as client:
        house.prober.started()
        assert (await client.get("/health/readiness")).status_code == 200
        house.datastore.error = RedisAway("redis://default:secret@host:6379 is away")

        async def closed() -> bool:
            return (await client.get("/health/readiness")).status_code == 503

        await until(closed)
        answer = await client.get("/health/readiness")
        assert answer.json()["checks"]["redis"] == {"status": "fail", "output": "ConnectionError: see REDIS_URL"}
        assert (await client.get("/health/liveness")).status_code == 200
        house.datastore.error = None

        async def ready() -> bool:
            return (await client.get("/health/readiness")).status_code == 200

        await until(ready)
    assert log_lines.named("health.impaired")
    assert log_lines.named("health.recovered")
    assert "secret" not in log_lines.text + answer.text


async def test_the_end_of_the_start_up_is_looked_at_without_waiting(log_lines: LogLines) -> None:
    house = House()
    house.datastore.error = RedisAway()
    slow = replace(house.prober.probes[0], every_s=60.0)
    house.prober = Prober([slow])
    house.prober.start()
    assert await house.prober.settled(2)
    assert not log_lines.named("health.impaired")  # expected while starting
    house.datastore.error = None
    house.prober.started()
    deadline = time.monotonic() + 2
    while house.prober.readiness()[0] is not Status.PASS:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await house.prober.stop()


async def test_vendor_trouble_is_a_warning() -> None:
    house = House()
    house.vendor.error = TimeoutError()
    async with house.open() as client:
        await house.prober.settled(2)
        answer = await client.get("/health/readiness")
        assert (answer.status_code, answer.json()["status"]) == (200, "warn")


async def test_a_hanging_dependency_costs_its_own_timeout_only() -> None:
    house = House()
    house.datastore.delay = 60
    async with house.open() as client:
        began = time.monotonic()
        answer = await client.get("/health/readiness")
        assert answer.status_code == 503
        assert answer.json()["checks"]["redis"]["output"] == "no answer within 0.2 s: see REDIS_URL"
        assert time.monotonic() - began < 1


async def test_draining_is_said_at_once() -> None:
    house = House()
    async with house.open() as client:
        assert (await client.get("/health/readiness")).status_code == 200
        house.draining.begin()
        answer = await client.get("/health/readiness")
        assert (answer.status_code, answer.headers["connection"]) == (503, "close")
        assert "draining" in answer.json()["checks"]


async def test_a_stale_cache_counts_as_failure() -> None:
    house = House()
    async with house.open() as client:
        assert (await client.get("/health/readiness")).status_code == 200
        await house.prober.stop()

        async def closed() -> bool:
            return (await client.get("/health/readiness")).status_code == 503

        await until(closed)
        assert "last checked" in (await client.get("/health/readiness")).json()["checks"]["redis"]["output"]


async def test_startup_shows_each_step_and_is_503_until_done(log_lines: LogLines) -> None:
    house = House()
    release, tries = asyncio.Event(), 0

    async def flaky() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConnectionError

    house.startup = Startup([("settings", release.wait), ("redis", flaky)])
    house.door = HealthDoor(
        product,
        prober=house.prober,
        startup=house.startup,
        gate=OpsGate(TOKEN, strict=True),
        build=BUILD,
        draining=house.draining,
    )
    async with house.open() as client:
        run = asyncio.create_task(house.startup.run())
        first = await client.get("/health/startup")
        assert first.status_code == 503
        assert [step["step"] for step in first.json()["steps"]] == ["settings", "redis"]
        assert (await client.get("/health/readiness")).json()["checks"]["startup"][
            "output"
        ] == "waiting for step settings"
        release.set()
        await run
        done = await client.get("/health/startup")
        assert done.status_code == 200
        assert [(step["state"], step["attempts"]) for step in done.json()["steps"]] == [("done", 1), ("done", 2)]
        assert (await client.get("/health/readiness")).status_code == 200


@pytest.mark.parametrize("path", ["/health/detailed", "/metrics"])
async def test_operational_figures_need_the_token(path: str) -> None:
    async with House().open() as client:
        missing = await client.get(path)
        assert (missing.status_code, missing.headers["www-authenticate"]) == (401, "Bearer")
        assert (await client.get(path, headers={"authorization": "Bearer wrong"})).status_code == 401
        assert (await client.get(path, headers=AUTH)).status_code == 200
    async with House(token="").open() as client:
        closed = await client.get(path, headers=AUTH)
        assert (closed.status_code, closed.json()["type"].rsplit(":", 1)[1]) == (403, "operations-closed")
        assert "OPS_TOKEN" in closed.json()["detail"]
    async with House(token="", strict=False).open() as client:
        assert (await client.get(path)).status_code == 200


async def test_detailed_tells_every_component_and_the_machine() -> None:
    async with House().open() as client:
        answer = (await client.get("/health/detailed", headers=AUTH)).json()
    assert set(answer["components"]) == {"redis", "anthropic"}
    redis = answer["components"]["redis"]
    assert redis["status"] == "pass"
    assert redis["latency_ms"] >= 0
    assert redis["last_success"].endswith("Z")
    assert answer["system"]["memory"]["rss_mb"] > 10
    assert answer["system"]["files"]["open"] > 0
    assert answer["railway"]["replica"] == "r-1"
    assert answer["version"] == "abc1234"


async def test_redis_with_modules_and_aof_is_well(redis: Redis) -> None:
    result = await redis_probe(redis).check()
    assert result.detail["json_and_search"] is True
    assert result.status in (Status.PASS, Status.WARN)
    assert (result.status is Status.WARN) == (result.detail["persistence"] == "none")


async def test_redis_without_json_and_search_says_how_to_mend_it(tmp_path: Path) -> None:
    async with redis_started_with(tmp_path, modules=False) as redis:
        result = await redis_probe(redis).check()
    assert result.status is Status.FAIL
    assert "redis:8" in result.output
    assert "docker-entrypoint.sh" in result.output


async def test_redis_that_forgets_or_evicts_is_a_warning(tmp_path: Path) -> None:
    async with redis_started_with(tmp_path, "--appendonly", "no") as redis:
        assert "--appendonly yes" in (await redis_probe(redis).check()).output
        await redis.config_set("appendonly", "yes")
        assert (await redis_probe(redis).check()).status is Status.PASS
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        result = await redis_probe(redis).check()
    assert (result.status, "noeviction" in result.output) == (Status.WARN, True)


async def test_the_record_must_not_be_older_than_the_build() -> None:
    async def version() -> str:
        return "20261101120000"

    assert (await record_probe(version, "20261101120000").check()).status is Status.PASS
    assert (await record_probe(version, "20261001000000").check()).status is Status.PASS
    late = await record_probe(version, "20261201000000").check()
    assert late.status is Status.FAIL
    assert "python -m app migrate" in late.output


async def test_a_vendor_is_asked_cheaply_and_its_refusal_names_the_variable() -> None:
    answers = {"/ok": 200, "/refused": 401, "/down": 503}

    async def vendor(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": answers[scope["path"]], "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with serve(vendor) as url, httpx.AsyncClient(base_url=url) as client:
        found = {
            path: await vendor_probe("360dialog", client, path, key_variable="DIALOG360_API_KEY").check()
            for path in answers
        }
        opened = vendor_probe("anthropic", client, "/ok", key_variable="X", breaker=lambda: "open")
        shown = opened.live(await opened.check())
        assert (shown.status, dict(shown.detail)) == (Status.WARN, {"breaker": "open", "http_status": 200})
    assert (found["/ok"].status, dict(found["/ok"].detail)) == (Status.PASS, {"http_status": 200})
    assert (found["/refused"].status, "DIALOG360_API_KEY" in found["/refused"].output) == (Status.FAIL, True)
    assert found["/down"].status is Status.FAIL
    async with httpx.AsyncClient(base_url=url) as client:
        gone = await vendor_probe("360dialog", client, "/ok", key_variable="X").check()
    assert (gone.status, "cannot be reached" in gone.output) == (Status.FAIL, True)


async def test_figures_warn_above_their_limit_and_feed_the_gauges() -> None:
    async def read() -> dict[str, float]:
        return {"conversations_due": 7, "oldest_age_seconds": 120.0}

    probe = figures_probe(
        "mailbox",
        read,
        limits={"oldest_age_seconds": 60},
        advice="start more workers",
        gauges={"conversations_due": MAILBOX_DUE},
    )
    result = await probe.check()
    assert result.status is Status.WARN
    assert "oldest_age_seconds above the limit: start more workers" in result.output
    assert MAILBOX_DUE._value.get() == 7


async def test_a_failing_checkpoint_round_trip_closes_readiness() -> None:
    async def broken() -> None:
        raise RuntimeError("state of a candidate")

    prober = Prober([checkpoint_probe(broken)])
    prober.start()
    await prober.settled(5)
    await prober.stop()
    status, unwell = prober.readiness()
    assert status is Status.FAIL
    assert "state of a candidate" not in unwell["langgraph"].output


@asynccontextmanager
async def redis_started_with(home: Path, *options: str, modules: bool = True) -> AsyncIterator[Redis]:
    """A server of its own with these options; without modules it is what a bare `redis-server` start leaves."""
    programs, socket = find_redis(), home / "redis.sock"
    loaded = [word for module in programs.modules for word in ("--loadmodule", str(module))] if modules else []
    server = await asyncio.create_subprocess_exec(
        *(str(programs.server), "--port", "0", "--unixsocket", str(socket), "--dir", str(home), "--save", ""),
        *(*options, *loaded),
        stdout=asyncio.subprocess.DEVNULL,
    )
    redis = Redis(unix_socket_path=str(socket))
    try:

        async def answers() -> bool:
            with contextlib.suppress(RedisAway):
                return bool(await redis.ping())
            return False

        await until(answers, seconds=20)
        yield redis
    finally:
        await redis.aclose()
        server.kill()  # while the first AOF is written Redis refuses SIGTERM
        await server.wait()
