"""What is away comes back: nothing accepted is lost, nothing is done twice."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from app.channels.whatsapp_inbound import address_of
from app.database.outbox import Channel, State
from app.local.postgres import PostgresServer
from app.mailbox.keys import DUE
from tests.fixtures.stack import NUMBER_ID, Stack, running_stack, until_true
from tests.journeys.test_many_at_once import body_of, post, text

pytestmark = pytest.mark.xdist_group("outages")
OUTAGE_SECONDS = 30


@pytest.fixture
async def fragile(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Stack, PostgresServer]]:
    """A stack with a Postgres of its own, to be stopped."""
    server = PostgresServer(tmp_path_factory.mktemp("fragile-postgres") / "data", durable=False)
    await server.start()
    async with running_stack(server, tmp_path_factory.mktemp("fragile")) as stack:
        await stack.serve()
        yield stack, server
    await server.stop()


async def test_without_redis_the_door_says_503_and_the_vendors_redelivery_is_answered(
    fragile: tuple[Stack, PostgresServer],
) -> None:
    stack, _ = fragile
    phone = await stack.candidate()
    await phone.exchange("Hello, I am looking for work")
    stranger = await stack.candidate()
    await stack.redis.stop()
    both = body_of([text(phone.number, "not stored")], [text(stranger.number, "nor this")])
    assert await post(stack.processes[0].url, both) == 503
    await phone.say("I can drive a truck")  # the twin keeps it and delivers again, as 360Dialog does
    await stack.redis.start()
    async with Redis.from_url(stack.redis.url) as redis:
        left = [key async for key in redis.scan_iter(match=f"*{address_of(NUMBER_ID, stranger.number)}*")]
        assert left == []  # nothing of a refused webhook is half stored
        assert await redis.zscore(DUE, address_of(NUMBER_ID, stranger.number)) is None
    await phone.until_said(2, seconds=40)
    said = [line.text for line in (await phone.view()).transcript if line.author == "candidate"]
    assert said == ["Hello, I am looking for work", "I can drive a truck"]


async def test_while_postgres_is_away_for_half_a_minute_webhooks_are_accepted_and_answered_later(
    fragile: tuple[Stack, PostgresServer],
) -> None:
    stack, server = fragile
    known, new = await stack.candidate(), await stack.candidate()
    await known.exchange("Hello, I am looking for work")
    await server.stop()
    back = time.monotonic() + OUTAGE_SECONDS
    url = stack.processes[0].url
    await new.say("Hello")
    words: list[str] = []
    while time.monotonic() < back:
        words.append(f"I can drive a truck of {len(words)} tons.")
        assert await post(url, body_of([text(known.number, words[-1])])) == 200
        await asyncio.sleep(2)  # how often somebody writes: the outage is as long as it is

    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{url}/health/readiness")).status_code == 503
    await server.start()
    await known.until_said(2, seconds=40)
    await new.until_said(1, seconds=40)
    assert (await new.view()).turn_no == 1
    view = await known.view()
    assert [line.text for line in view.transcript if line.author == "candidate"][1:] == words
    assert view.turn_no == 2  # all that waited is one burst
    assert len(await known.replies()) == 2


@pytest.mark.parametrize("action", ["accept_then_hang", "accept_then_drop"])
async def test_an_accepted_send_without_an_answer_is_settled_by_its_status(desk: Stack, action: str) -> None:
    phone = await desk.candidate()
    fault = {"on": "POST /messages", "match": phone.number, "action": action}
    await desk.whatsapp_http.post("/_twin/faults", json={**fault, "match": f'"to":"+{phone.number}"'})
    await phone.say("Hello, I am looking for work")
    await phone.until_said(1)

    async def settled() -> bool:
        rows = [row for row in (await phone.view()).outbox if row.channel is Channel.WHATSAPP]
        return [row.state in (State.SENT, State.DELIVERED, State.READ) for row in rows] == [True]

    await until_true(settled, what="the status to settle the send", seconds=20)
    assert len(await phone.replies()) == 1


@pytest.mark.parametrize("action", ["hang", "drop"])
async def test_a_send_that_never_arrived_is_made_once_more(desk: Stack, action: str) -> None:
    phone = await desk.candidate()
    fault = {"on": "POST /messages", "match": f'"to":"+{phone.number}"', "action": action}
    await desk.whatsapp_http.post("/_twin/faults", json=fault)
    await phone.say("Hello, I am looking for work")
    await phone.until_said(1, seconds=30)
    await asyncio.gather(phone.exchange("and again"))
    assert len(await phone.replies()) == 2


async def test_refusals_and_throttles_of_the_vendor_are_retried_in_order(desk: Stack) -> None:
    phone = await desk.candidate()
    match = f'"to":"+{phone.number}"'
    faults = [
        {"on": "POST /messages", "match": match, "action": "respond", "status": 500, "code": 131000},
        {"on": "POST /messages", "match": match, "action": "respond", "status": 503, "code": 131016},
    ]
    await desk.whatsapp_http.post("/_twin/faults", json=faults)
    await phone.say("Hello, I am looking for work")
    await phone.until_said(1, seconds=30)
    row = next(row for row in (await phone.view()).outbox if row.channel is Channel.WHATSAPP)
    assert row.attempts == 3


async def test_a_worker_that_dies_while_redis_is_away_leaves_its_turn_to_the_next(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("twice")
    gate = directory / "gate"
    async with running_stack(postgres, directory, WORKER_MODE="off") as stack:
        await stack.serve()
        worker = await stack.work("tests.faults.gated", GATE=str(gate))
        phone = await stack.candidate()
        await phone.say("Hello, I am looking for work")

        async def thinking() -> bool:
            return gate.with_suffix(".waiting").exists()

        await until_true(thinking, what="the graph to reach the gate")
        await stack.redis.stop()
        await worker.kill()
        await stack.redis.start()
        await stack.work()
        await phone.until_said(1, seconds=40)
        await phone.exchange("and I can start on Monday.")
        assert len(await phone.replies()) == 2
        view = await phone.view()
        assert [line.author for line in view.transcript] == ["candidate", "assistant"] * 2
        assert view.turn_no == 2
