"""The production path under load: a worker killed, a deployment ended, and every message counted."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from app.local.postgres import PostgresServer
from app.serving import graceful_budget
from tests.deploy.test_production import PRODUCTION, Deployment, deployed
from tests.fixtures.stack import Phone, Stack, running_stack, until_true
from tests.journeys.test_many_at_once import body_of, signed, text

PEOPLE = 8


@pytest.fixture
async def stack(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    more = PRODUCTION | {"SETTLE_CAP_SECONDS": "5", "DRAIN_SECONDS": "8"}
    async with running_stack(postgres, tmp_path_factory.mktemp("load"), more=more) as made:
        yield made


@dataclass
class Vendor:
    """Posts one person's messages over a kept-alive connection, as 360Dialog does: again until it hears 200."""

    phone: Phone
    url: str
    accepted: list[str] = field(default_factory=list)
    broken: int = 0  # connections that ended without an answer
    refused: int = 0  # answers other than 200

    async def post(self, client: httpx.AsyncClient, words: str) -> bool:
        """Post one message; False when the server asked to go elsewhere with its answer."""
        body = body_of([text(self.phone.number, words)])
        while True:
            try:
                answer = await client.post("/webhooks/360dialog", content=body, headers=signed(body))
            except httpx.TransportError:
                self.broken += 1
                await asyncio.sleep(0.05)  # a vendor's pause before it tries again
                continue
            if answer.status_code == 200:
                self.accepted.append(words)
                return str(answer.headers.get("connection")) != "close"
            self.refused += 1

    async def write(self, count: int) -> None:
        """Post so many messages, or until the server says that it goes away."""
        async with httpx.AsyncClient(base_url=self.url, timeout=10) as client:
            for number in range(count):
                if not await self.post(client, f"message {number}."):
                    return

    async def all_is_in_order(self) -> bool:
        """Everything that was accepted stands in the record once, in order, with an answer behind it."""
        view = await self.phone.view()
        said = [line.text for line in view.transcript if line.author == "candidate"]
        assert said == ["Good morning.", *self.accepted][: len(said)]
        return len(said) == 1 + len(self.accepted) and view.transcript[-1].author != "candidate"


async def vendors(stack: Stack, desk: Deployment) -> list[Vendor]:
    await until_true(desk.ready, what="readiness", seconds=60)
    made = [Vendor(await stack.candidate(), desk.url) for _ in range(PEOPLE)]
    await asyncio.gather(*[each.phone.exchange("Good morning.") for each in made])
    return made


async def accepted_by_now(load: list[Vendor], count: int) -> None:
    async def enough() -> bool:
        return sum(len(each.accepted) for each in load) >= count

    await until_true(enough, what=f"{count} accepted messages", seconds=30)


async def nothing_is_lost(load: list[Vendor]) -> None:
    for each in load:
        await until_true(each.all_is_in_order, what="everything accepted to be answered", seconds=60)
        view = await each.phone.view()
        said = [line.text for line in view.transcript if line.author in ("assistant", "system")]
        assert [reply["text"] for reply in await each.phone.until_said(len(said))] == said


async def test_a_worker_killed_under_load_costs_no_more_than_the_connections_it_held(stack: Stack) -> None:
    async with deployed(stack) as desk:
        load = await vendors(stack, desk)
        writing = [asyncio.create_task(each.write(150)) for each in load]
        await accepted_by_now(load, 200)
        os.kill(desk.workers()[0].pid, signal.SIGKILL)
        await asyncio.gather(*writing)
        assert [len(each.accepted) for each in load] == [150] * PEOPLE
        assert [each.refused for each in load] == [0] * PEOPLE
        # One request of each connection that the dead process held; the others never notice.
        assert sum(each.broken for each in load) <= PEOPLE
        assert len(desk.workers()) == 4
        await nothing_is_lost(load)


async def test_sigterm_under_load_fails_no_request_and_loses_no_turn(stack: Stack) -> None:
    async with deployed(stack) as desk:
        load = await vendors(stack, desk)
        writing = [asyncio.create_task(each.write(100_000)) for each in load]
        await accepted_by_now(load, 200)
        desk.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        await asyncio.gather(*writing)
        assert await desk.ended() == 0
        assert time.monotonic() - began < graceful_budget(8)
        assert [(each.broken, each.refused) for each in load] == [(0, 0)] * PEOPLE
    async with deployed(stack) as desk:
        await until_true(desk.ready, what="the next deployment", seconds=60)
        await nothing_is_lost(load)
