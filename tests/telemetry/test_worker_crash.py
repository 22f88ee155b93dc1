"""A worker that crashes is seen by everybody who should, comes back with growing pauses, and still stops at once."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.database.outbox import Channel, State
from app.local.children import start_child
from app.local.postgres import PostgresServer
from app.wiring import DOCKET_NAME
from tests.fixtures.stack import Process, Stack, running_stack, until_true
from tests.fixtures.twins import free_port
from tests.telemetry.watching import SentryServer, client_of, component, ending, figure, lines, sentry_server

pytestmark = pytest.mark.xdist_group("worker_crash")
ROOT = Path(__file__).parents[2]
# start.sh wants them; nobody listens there, so that turns are guided.
VENDORS = {
    "ANTHROPIC_API_KEY": "sk-ant-of-tests",
    "OPENAI_API_KEY": "sk-of-tests",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
}
STREAM = f"{DOCKET_NAME}:stream"


@pytest.fixture(scope="module")
async def crashing(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Stack, SentryServer]]:
    """A web process that runs no turns, and where every process reports."""
    async with (
        sentry_server() as sentry,
        running_stack(
            postgres, tmp_path_factory.mktemp("crashing"), SENTRY_DSN=sentry.dsn, WORKER_MODE="off", DRAIN_SECONDS="20"
        ) as stack,
    ):
        await stack.serve()
        yield stack, sentry


async def worker(stack: Stack, *command: str) -> Process:
    """A worker started as an operator starts it, with its health on a port of its own; returns once it is alive."""
    with free_port() as probe:
        port = probe.getsockname()[1]
    log = stack.directory / f"own-worker-{port}.log"
    environ = {**os.environ, **stack.environ, **VENDORS, "PORT": str(port)}
    with log.open("wb") as output:
        child = await start_child([*command, "worker"], log=output, environ=environ)
    process = Process(child, port, log)
    await stack.until_ready(process)
    return process


def by_module(stack: Stack) -> "asyncio.Future[Process]":
    return asyncio.ensure_future(worker(stack, str(ROOT / ".venv/bin/python"), "-m", "app"))


async def crashes(redis: Redis, process: Process, count: int) -> None:
    """Messages that no task of ours could have left, until the worker has crashed that often."""

    async def crashed() -> bool:
        if len(lines(process, "tasks.crashed")) >= count:
            return True
        await redis.xtrim(STREAM, maxlen=0)
        await redis.xadd(STREAM, {"nonsense": "1"})
        return False

    await until_true(crashed, what=f"crash {count}", seconds=30)
    await redis.xtrim(STREAM, maxlen=0)


async def test_a_crash_is_told_everywhere_and_the_worker_comes_back(crashing: tuple[Stack, SentryServer]) -> None:
    stack, sentry = crashing
    async with (
        ending(by_module(stack)) as process,
        client_of(process) as client,
        Redis.from_url(stack.redis.url) as redis,
    ):
        assert "crashes" not in (await component(client, "worker")).get("detail", {})
        assert await figure(client, "worker_crashes_total") == 0
        await crashes(redis, process, 2)
        first, second = lines(process, "tasks.crashed")[:2]
        assert (first["pause_seconds"], second["pause_seconds"]) == (1.0, 2.0)
        assert first["exception_frames"]
        shown = await component(client, "worker")
        assert (shown["status"], shown["detail"]["crashes"]) == ("warn", 2)
        assert shown["detail"]["last_crash"] == "KeyError"
        assert "tasks.crashed" in shown["output"]

        async def counted() -> bool:
            return await figure(client, "worker_crashes_total") == 2

        await until_true(counted, what="the metric", seconds=5)
        phone = await stack.candidate()
        await phone.exchange("Hello, I am looking for work")
    assert process.child.returncode == 0

    async def reported() -> bool:
        return len([event for event in sentry.events if "app.wiring_tasks" in str(event)]) >= 2

    await until_true(reported, what="two reports", seconds=5)


async def test_a_stop_ends_the_pause_after_a_crash(crashing: tuple[Stack, SentryServer]) -> None:
    stack, _ = crashing
    async with ending(by_module(stack)) as process, Redis.from_url(stack.redis.url) as redis:
        await crashes(redis, process, 4)
        began = time.monotonic()
        process.child.terminate()
        assert await asyncio.wait_for(process.child.wait(), 20) == 0
        assert time.monotonic() - began < 5  # the pause would have been 8 s
    assert lines(process, "tasks.crashed")[3]["pause_seconds"] == 8.0


@pytest.mark.parametrize("start", [(str(ROOT / "start.sh"),), (str(ROOT / ".venv/bin/python"), "-m", "app")])
async def test_a_worker_process_runs_turns_and_finishes_the_last_before_it_goes(
    crashing: tuple[Stack, SentryServer], start: tuple[str, ...]
) -> None:
    stack, _ = crashing
    async with ending(worker(stack, *start)) as process, client_of(process) as client:

        async def alive() -> bool:
            return bool((await component(client, "worker")).get("detail", {}).get("alive"))

        await until_true(alive, what="a worker that is alive", seconds=30)
        phone = await stack.candidate()
        await phone.exchange("Hello, I am looking for work")
        # The next turn is under way, held up at the vendor, when the process is asked to go.
        order = {"on": "POST /messages", "action": "delay", "seconds": 2, "match": '"to"'}
        assert (await stack.whatsapp_http.post("/_twin/faults", json=order)).is_success
        await phone.say("I am a driver")

        async def sending() -> bool:
            faults = (await stack.whatsapp_http.get("/_twin/faults")).json()
            return bool(faults[-1]["used"])

        await until_true(sending, what="a send under way")
        process.child.terminate()
        assert await asyncio.wait_for(process.child.wait(), 20) == 0
        assert len(await phone.replies()) == 2
    assert not lines_of(process, "drain.cut_off")
    told = [row.state for row in (await phone.view()).outbox if row.channel is Channel.WHATSAPP]
    assert len(told) == 2
    assert set(told) <= {State.SENT, State.DELIVERED, State.READ}


def lines_of(process: Process, message: str) -> list[str]:
    """start.sh's own lines are no JSON."""
    return [line for line in process.log.read_text().splitlines() if f'"message":"{message}"' in line]
