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

from app.local.postgres import PostgresServer
from tests.fixtures.stack import NUMBER_ID, Phone, Stack, running_stack, until_true
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


async def fragments_said(phone: Phone, fragments: list[str], *, apart: float) -> None:
    """Type them one after the other, `apart` seconds from beginning to beginning."""
    began = time.monotonic()
    for number, fragment in enumerate(fragments):
        await asyncio.sleep(max(0.0, began + number * apart - time.monotonic()))
        await phone.say(fragment)


async def test_five_fragments_within_three_seconds_get_one_reply_that_knows_all_and_typing_at_once(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    usual = {"SETTLE_SHORT_SECONDS": "1.2", "SETTLE_LONG_SECONDS": "6", "SETTLE_CAP_SECONDS": "20"}
    async with running_stack(postgres, tmp_path_factory.mktemp("pace"), more=usual) as stack:
        await stack.serve()
        phone = await stack.candidate()
        await phone.exchange("Good morning.")
        for number in (1, 2):  # begin, and consent
            await phone.tap(1)
            await phone.until_said(1 + number)
        said = ["forklift driver", "I live in Gent", "I can start in two weeks", "I speak Dutch C1", "and English B2"]
        fragments = asyncio.create_task(fragments_said(phone, said, apart=0.6))

        async def read_and_typing() -> bool:
            screen = await phone.screen()
            first = next((message for message in screen["messages"] if message["text"] == said[0]), None)
            return bool(first and first["status"] == "read" and screen["typing"])

        await until_true(read_and_typing, what="the first fragment to be read and typing to show", seconds=1.0)
        await fragments
        replies = await phone.until_said(4, seconds=20)
        view = await phone.view()
        assert [line.author for line in view.transcript][-6:] == ["candidate"] * 5 + ["assistant"]
        assert len(replies) == 4
        assert view.turns[-1].decision["coalesced"] == 5
        known = {fact.field.split(".")[0]: fact.quote for fact in view.facts}
        assert known.keys() >= {"role", "city", "availability", "languages"}
        answer = replies[3]["text"].lower()
        assert not [word for word in ("forklift driver", "gent", "available", "dutch", "english") if word not in answer]
        assert answer.endswith("what is your name?")  # asked for the first thing that none of the five told


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


async def test_many_candidates_at_once_are_each_answered_in_order_and_none_is_lost(desk: Stack) -> None:
    """Everybody writes four messages, some while the one before is being answered: 240 in a few seconds."""
    phones = [await desk.candidate() for _ in range(60)]
    words = [f"message {number}." for number in range(4)]
    url = desk.processes[0].url

    async def write(phone: Phone) -> None:
        await phone.say("Good morning.")
        await phone.until_said(1, seconds=90)
        for count, word in enumerate(words, 1):
            assert await post(url, body_of([text(phone.number, word)])) == 200
            if count == 2:
                await phone.until_said(2, seconds=90)

    async def all_answered() -> bool:
        """Whether the last message of everybody has its answer."""
        for phone in phones:
            view = await phone.view()
            said = [line for line in view.transcript if line.author == "candidate"]
            if len(said) < 1 + len(words) or view.transcript[-1].author != "assistant":
                return False
        return True

    await asyncio.gather(*[write(phone) for phone in phones])
    await until_true(all_answered, what="every last message to be answered", seconds=90)
    for phone in phones:
        view = await phone.view()
        assert [line.text for line in view.transcript if line.author == "candidate"] == ["Good morning.", *words]
        answers = [line.text for line in view.transcript if line.author == "assistant"]
        assert len(answers) == view.turn_no >= 3
        # What the phone shows is what the record says was answered, in the same order: none twice, none astray.
        assert [reply["text"] for reply in await phone.until_said(len(answers))] == answers
