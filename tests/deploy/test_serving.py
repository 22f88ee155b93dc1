"""The production server keeps its promises when processes die, fail to start or are asked to go."""

import asyncio
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serving import (
    LINGER_SECONDS,
    PARENT_BYTES,
    SERVING_BYTES,
    WORKING_BYTES,
    graceful_budget,
    workers_that_fit,
)

ROOT = Path(__file__).parents[2]
MIB = 2**20


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(read: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Poll until `read()` is true; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not await read():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.05)


class Replica:
    """The server under test with its log lines."""

    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.url = url
        self.lines: list[dict[str, object]] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(orjson.loads(line))

    async def ended(self) -> int:
        code = await self.process.wait()
        await self._reader
        return code

    async def pids(self, client: httpx.AsyncClient, tries: int = 60) -> set[int]:
        found = set()
        for _ in range(tries):
            answer = await client.get("/work", params={"seconds": 0.01}, headers={"connection": "close"})
            found.add(int(answer.json()["pid"]))
        return found


@asynccontextmanager
async def running(*, workers: int, **environment: str) -> AsyncIterator[Replica]:
    """Gunicorn with the repository's configuration over the small application."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gunicorn", "tests.deploy.small_app:create_app()"),
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PORT": str(port),
            "WEB_CONCURRENCY": str(workers),
            "DRAIN_SECONDS": "3",
            **environment,
        },
        stdout=PIPE,
    )
    replica = Replica(process, f"http://127.0.0.1:{port}")
    try:
        yield replica
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(replica.ended(), 30)


async def answers(client: httpx.AsyncClient) -> bool:
    """Whether the server is up."""
    try:
        return (await client.get("/health/readiness")).status_code == 200
    except httpx.TransportError:
        return False


async def metric(client: httpx.AsyncClient, name: str) -> float:
    """One sample without labels."""
    text = (await client.get("/metrics")).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


async def test_a_killed_worker_is_replaced_and_inflates_no_metric() -> None:
    async with running(workers=4) as replica, httpx.AsyncClient(base_url=replica.url) as client:
        await until(lambda: answers(client), 30)

        async def four() -> bool:
            return len(await replica.pids(client)) == 4 and await metric(client, "turns_in_flight") == 4

        await until(four, 20)
        victim = next(iter(await replica.pids(client)))
        counted = await metric(client, "opt_outs_total")
        os.kill(victim, signal.SIGKILL)

        async def replaced() -> bool:
            try:
                pids = await replica.pids(client)
            except httpx.TransportError:  # a request that the killed worker had taken
                return False
            return victim not in pids and len(pids) == 4

        await until(replaced, 20)
        # /metrics answers from a cache of one second per process.
        await until(lambda: _equals(client, "turns_in_flight", 4), 5)
        await until(lambda: _above(client, "opt_outs_total", counted), 5)
        assert await metric(client, "worker_processes") <= 4


async def _equals(client: httpx.AsyncClient, name: str, value: float) -> bool:
    return await metric(client, name) == value


async def _above(client: httpx.AsyncClient, name: str, value: float) -> bool:
    return await metric(client, name) > value


async def test_a_failed_start_exits_non_zero() -> None:
    async with running(workers=2, SMALL_APP_FAILS="1") as replica:
        assert await asyncio.wait_for(replica.ended(), 30) != 0
    assert any(line.get("exception_type") == "RuntimeError" for line in replica.lines)


async def test_faulty_settings_are_all_named_and_nothing_starts() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gunicorn", "tests.deploy.small_app:create_app()"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": "not a port", "WEB_CONCURRENCY": "0", "LOG_LEVEL": "loud"},
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode != 0
    told = (out + err).decode()
    for name in ("PORT", "WEB_CONCURRENCY", "LOG_LEVEL"):
        assert name in told
    assert "not a port" not in told


async def test_sigterm_under_load_fails_no_request_and_ends_within_the_budget() -> None:
    answered, failed = 0, 0

    async def client_of_a_balancer(url: str) -> None:
        """Sends until the answers ask it to go elsewhere, as an edge does."""
        nonlocal answered, failed
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            while True:
                try:
                    answer = await client.get("/work", params={"seconds": 0.2})
                except httpx.TransportError:
                    failed += 1
                    return
                answered += answer.status_code == 200
                failed += answer.status_code != 200
                if answer.headers.get("connection") == "close":
                    return

    async with running(workers=2) as replica:
        async with httpx.AsyncClient(base_url=replica.url) as client:
            await until(lambda: answers(client), 30)
        load = [asyncio.create_task(client_of_a_balancer(replica.url)) for _ in range(40)]
        await asyncio.sleep(0)
        await until(lambda: _true(answered > 100), 20)
        replica.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        await asyncio.gather(*load)
        assert await replica.ended() == 0
        assert LINGER_SECONDS <= time.monotonic() - began < graceful_budget(3)
    assert failed == 0


async def _true(value: bool) -> bool:
    return value


async def test_both_address_families_reach_the_server() -> None:
    async with running(workers=1) as replica:
        port = httpx.URL(replica.url).port
        async with httpx.AsyncClient(base_url=replica.url) as client:
            await until(lambda: answers(client), 30)
        if socket.has_ipv6:
            async with httpx.AsyncClient(base_url=f"http://[::1]:{port}") as client:
                assert await answers(client)


@given(st.integers(1, 64), st.integers(64, 65536), st.booleans())
def test_workers_never_outgrow_the_memory_limit(wanted: int, limit_mib: int, works: bool) -> None:
    fitting = workers_that_fit(wanted, limit_mib * MIB, works=works)
    each = WORKING_BYTES if works else SERVING_BYTES
    assert 1 <= fitting <= wanted
    assert fitting == 1 or PARENT_BYTES + fitting * each <= limit_mib * MIB


def test_a_small_container_holds_fewer_and_none_is_lowered_without_a_limit() -> None:
    assert workers_that_fit(4, 512 * MIB, works=False) == 4
    assert workers_that_fit(4, 512 * MIB, works=True) == 3
    assert workers_that_fit(4, 256 * MIB, works=True) == 1
    assert workers_that_fit(8, None, works=True) == 8


@pytest.mark.parametrize("name", ["worker_class", "logger_class", "wsgi_app"])
def test_what_the_configuration_names_exists(name: str) -> None:
    configuration = (ROOT / "gunicorn.conf.py").read_text()
    target = next(line.split('"')[1] for line in configuration.splitlines() if line.startswith(f"{name} ="))
    module, attribute = target.replace("()", "").replace(":", ".").rsplit(".", 1)
    path = ROOT / (module.replace(".", "/") + ".py")
    assert f" {attribute}(" in path.read_text()
