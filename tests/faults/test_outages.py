"""What is away comes back: nothing accepted is lost, nothing is done twice."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from app.database.outbox import Channel, State
from app.local.postgres import PostgresServer
from tests.fixtures.stack import Stack, running_stack, until_true
from tests.journeys.test_many_at_once import body_of, post, text

pytestmark = pytest.mark.xdist_group("outages")


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
    await stack.redis.stop()
    assert await post(stack.processes[0].url, body_of([text(phone.number, "not stored")])) == 503
    await phone.say("I can drive a truck")  # the twin keeps it and delivers again, as 360Dialog does
    await stack.redis.start()
    await phone.until_said(2, seconds=40)
    said = [line.text for line in (await phone.view()).transcript if line.author == "candidate"]
    assert said == ["Hello, I am looking for work", "I can drive a truck"]


async def test_without_postgres_webhooks_are_accepted_and_answered_later(
    fragile: tuple[Stack, PostgresServer],
) -> None:
    stack, server = fragile
    known = await stack.candidate()
    await known.exchange("Hello, I am looking for work")
    await server.stop()
    new = await stack.candidate()
    url = stack.processes[0].url
    await known.say("I can drive a truck")
    await new.say("Hello")
    assert await post(url, body_of([text(known.number, "and a forklift")])) == 200

    async def unready() -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{url}/health/readiness")).status_code == 503

    await until_true(unready, what="readiness to say that the record is away", seconds=20)
    await server.start()
    await known.until_said(2, seconds=40)
    await new.until_said(1, seconds=40)
    assert (await new.view()).turn_no == 1


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
