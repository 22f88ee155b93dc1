"""Duplicates, batches and fragments: one turn, one reply, in order."""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.channels.whatsapp_inbound import address_of
from app.local.postgres import PostgresServer
from tests.fixtures.stack import NUMBER_ID, Stack, running_stack, until_true
from tests.fixtures.twins import D360_SECRET


def body_of(*entries: list[dict[str, Any]]) -> bytes:
    changes = [
        {"field": "messages", "value": {"metadata": {"phone_number_id": NUMBER_ID}, "messages": messages}}
        for messages in entries
    ]
    return json.dumps({"entry": [{"id": "1", "changes": [change]} for change in changes]}).encode()


def text(sender: str, body: str, message_id: str = "") -> dict[str, Any]:
    wamid = message_id or f"wamid.{uuid.uuid4().hex}"
    return {"id": wamid, "from": sender, "timestamp": str(int(time.time())), "type": "text", "text": {"body": body}}


def signed(body: bytes) -> dict[str, str]:
    return {"x-360dialog-signature": hmac.new(D360_SECRET.encode(), body, hashlib.sha256).hexdigest()}


async def post(url: str, body: bytes) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.post(f"{url}/webhooks/360dialog", content=body, headers=signed(body))).status_code


@pytest.fixture
async def pair(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Two web processes that both work, over one Redis and one database."""
    async with running_stack(postgres, tmp_path_factory.mktemp("pair"), webs=2) as stack:
        await asyncio.gather(stack.serve(0), stack.serve(1))
        yield stack


async def test_the_same_webhook_five_times_to_two_processes_is_one_turn_and_one_reply(pair: Stack) -> None:
    phone = await pair.candidate()
    await phone.exchange("Good morning")
    body = body_of([text(phone.number, "Hello, I am looking for work")])
    urls = [process.url for process in pair.processes]
    statuses = await asyncio.gather(*[post(urls[number % 2], body) for number in range(5)])
    assert statuses == [200] * 5
    await phone.until_said(2)
    assert await post(urls[0], body) == 200  # and once more, later
    await phone.exchange("hello again")
    view = await phone.view()
    assert [line.author for line in view.transcript] == ["candidate", "assistant"] * 3
    assert view.turn_no == 3


async def test_every_message_of_a_batch_is_handled_in_order(desk: Stack) -> None:
    phones = [await desk.candidate() for _ in range(3)]
    await asyncio.gather(*[phone.exchange("Good morning") for phone in phones])
    words = [f"part {number}" for number in range(4)]
    entries = [[text(phone.number, word) for word in words] for phone in phones]
    assert await post(desk.processes[0].url, body_of(*entries)) == 200
    for phone in phones:
        await phone.until_said(2)
        view = await phone.view()
        assert [line.text for line in view.transcript if line.author == "candidate"] == ["Good morning", *words]
        assert view.turn_no == 2


async def test_five_fragments_within_three_seconds_get_one_reply_and_typing_at_once(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    usual = {"SETTLE_SHORT_SECONDS": "1.2", "SETTLE_LONG_SECONDS": "6", "SETTLE_CAP_SECONDS": "20"}
    async with running_stack(postgres, tmp_path_factory.mktemp("pace"), more=usual) as stack:
        await stack.serve()
        phone = await stack.candidate()
        began = time.monotonic()
        fragments = ["hi", "i am looking", "for work", "as a driver", "in Utrecht"]
        await phone.say(fragments[0])

        async def typing() -> bool:
            return bool((await phone.screen())["typing"])

        await until_true(typing, what="typing to show", seconds=1.0)
        for number, fragment in enumerate(fragments[1:], 1):
            await asyncio.sleep(max(0.0, began + number * 0.6 - time.monotonic()))
            await phone.say(fragment)
        await phone.until_said(1, seconds=20)
        view = await phone.view()
        assert [line.author for line in view.transcript] == ["candidate"] * 5 + ["assistant"]
        assert view.turn_no == 1
        assert view.turns[0].decision["coalesced"] == 5


async def test_a_malformed_neighbour_is_kept_for_people_to_look_at(desk: Stack) -> None:
    phone = await desk.candidate()
    await phone.exchange("Good morning")
    raw = json.loads(body_of([text(phone.number, "I am fine")]))
    raw["entry"][0]["changes"][0]["value"]["messages"].insert(0, {"id": 12, "odd": True})
    assert await post(desk.processes[0].url, json.dumps(raw).encode()) == 200
    await phone.until_said(2)

    async def quarantined() -> bool:
        rows = await desk.record.pool.client.table("quarantine").select("body").execute()
        return any('"odd"' in str(row["body"]) for row in rows.data if isinstance(row, dict))

    await until_true(quarantined, what="the malformed item in quarantine")


async def test_many_candidates_at_once_are_each_answered_in_order(desk: Stack) -> None:
    phones = [await desk.candidate() for _ in range(60)]
    await asyncio.gather(*[phone.say("Hello, I am looking for work") for phone in phones])
    await asyncio.gather(*[phone.until_said(1, seconds=60) for phone in phones])
    for phone in phones:
        view = await desk.record.conversations.view(address=address_of(NUMBER_ID, phone.number))
        assert view is not None
        assert view.turn_no == 1
        assert len(view.transcript) == 2
