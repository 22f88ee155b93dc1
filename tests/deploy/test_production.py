"""The whole service in production mode: four preloaded workers over real servers, through its own start script."""

import asyncio
import os
import signal
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest

from app.local.postgres import PostgresServer
from app.serving import graceful_budget
from tests.fixtures.stack import OPS_TOKEN, Stack, running_stack, until_true

ROOT = Path(__file__).parents[2]
AUTH = {"authorization": f"Bearer {OPS_TOKEN}"}
# All variables that a deployment has; the models' vendors are a closed port, so turns are guided.
PRODUCTION = {
    "ENVIRONMENT": "production",
    "WEB_CONCURRENCY": "4",
    "ANTHROPIC_API_KEY": "sk-ant-of-tests",
    "OPENAI_API_KEY": "sk-of-tests",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "GIT_COMMIT_SHA": "abc1234",
    "DRAIN_SECONDS": "8",
}


class Deployment:
    """`./start.sh` under way; `events` are its log lines."""

    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.url = url
        self.lines: list[str] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode())

    @property
    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.lines if line.startswith("{")]

    async def ended(self, seconds: float = 40) -> int:
        code = await asyncio.wait_for(self.process.wait(), seconds)
        await self._reader
        return code

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    async def ready(self) -> bool:
        try:
            async with httpx.AsyncClient(base_url=self.url) as client:
                return (await client.get("/health/readiness")).status_code == 200
        except httpx.TransportError:
            return False


@asynccontextmanager
async def deployed(stack: Stack, **environ: str) -> AsyncIterator[Deployment]:
    """The production path of start.sh on the stack's port."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "start.sh"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **stack.environ, "PORT": str(stack.ports[0]), **environ},
        stdout=PIPE,
        stderr=STDOUT,
    )
    deployment = Deployment(process, f"http://127.0.0.1:{stack.ports[0]}")
    try:
        yield deployment
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await deployment.ended()


@pytest.fixture(scope="module")
async def stack(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(postgres, tmp_path_factory.mktemp("production"), more=PRODUCTION) as made:
        yield made


async def detailed(client: httpx.AsyncClient) -> Mapping[str, Any]:
    found: dict[str, Any] = (await client.get("/health/detailed", headers=AUTH)).json()
    return found


async def test_it_starts_answers_survives_a_killed_worker_and_drains(stack: Stack) -> None:
    async with deployed(stack) as desk, httpx.AsyncClient(base_url=desk.url) as client:
        await until_true(desk.ready, what="readiness", seconds=60)
        assert (await client.get("/health")).json()["version"] == "abc1234"

        async def seen_by_all() -> bool:  # each of the four workers looks for itself
            states = [(await detailed(client))["components"] for _ in range(8)]
            failed = {name for seen in states for name, component in seen.items() if component["status"] == "fail"}
            return failed <= {"anthropic", "openai"}

        await until_true(seen_by_all, what="every component to have been seen", seconds=30)
        anna = await stack.candidate()
        await anna.exchange("Hello")
        assert len(desk.workers()) == 4
        victim = desk.workers()[0].pid
        os.kill(victim, signal.SIGKILL)

        async def replaced() -> bool:
            pids = {worker.pid for worker in desk.workers()}
            return victim not in pids and len(pids) == 4

        await until_true(replaced, what="a new worker", seconds=20)

        async def all_started() -> bool:  # told to stop while it boots, a worker is ended by the parent's patience only
            return len([event for event in desk.events if event["message"] == "startup.completed"]) == 5

        await until_true(all_started, what="the new worker to have started", seconds=20)
        bob = await stack.candidate("Bob")
        await bob.exchange("Hello")
        metrics = await client.get("/metrics", headers=AUTH)
        assert 'app_info{commit="abc1234",environment="production"' in metrics.text
        assert (await client.get("/metrics")).status_code == 401
        desk.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert await desk.ended() == 0
        assert time.monotonic() - began < graceful_budget(8)
    unreadable = [line for line in desk.lines if not line.startswith("{")]
    assert unreadable == []
    assert not [event for event in desk.events if event["message"] == "log.unnamed_event"]


async def test_sigterm_under_load_loses_no_turn(stack: Stack) -> None:
    """What was accepted before the end is answered by the next deployment."""
    people = [await stack.candidate(f"Person {number}") for number in range(12)]
    async with deployed(stack) as desk:
        await until_true(desk.ready, what="readiness", seconds=60)
        await asyncio.gather(*(person.say("Hello") for person in people))
        desk.process.send_signal(signal.SIGTERM)
        assert await desk.ended() == 0
    async with deployed(stack) as desk:
        await until_true(desk.ready, what="readiness", seconds=60)
        for person in people:
            await person.until_said(1, seconds=30)
        replies = [await person.replies() for person in people]
    assert [len(each) for each in replies] == [len(replies[0])] * len(people)


@pytest.mark.parametrize("part", ["redis", "record"])
async def test_a_lost_server_closes_readiness_and_its_return_opens_it(
    part: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    if part == "record":
        server = PostgresServer(tmp_path / "postgres", durable=False)
        await server.start()
        postgres = server
    async with running_stack(postgres, tmp_path, more=PRODUCTION | {"WEB_CONCURRENCY": "2"}) as stack:
        broken = stack.redis if part == "redis" else postgres
        async with deployed(stack) as desk, httpx.AsyncClient(base_url=desk.url) as client:
            await until_true(desk.ready, what="readiness", seconds=60)
            workers = {worker.pid for worker in desk.workers()}
            await broken.stop()

            async def closed() -> bool:
                answer = await client.get("/health/readiness")
                name = "redis" if part == "redis" else "supabase"
                return answer.status_code == 503 and name in answer.json()["checks"]

            await until_true(closed, what="503", seconds=15)
            assert (await client.get("/health/liveness")).status_code == 200
            await broken.start()
            await until_true(desk.ready, what="readiness again", seconds=15)
            assert {worker.pid for worker in desk.workers()} == workers
    if part == "record":
        await postgres.stop()


async def test_without_a_variable_nothing_starts_and_its_name_is_said(stack: Stack) -> None:
    environ = {name: value for name, value in stack.environ.items() if name != "CHATWOOT_API_TOKEN"}
    process = await asyncio.create_subprocess_exec(
        *("bash", "start.sh"), cwd=ROOT, env={"PATH": os.environ["PATH"], **environ}, stdout=PIPE, stderr=STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert b"CHATWOOT_API_TOKEN" in out
