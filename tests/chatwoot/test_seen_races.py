"""Recruiters who write into running turns, over HTTP and all at once: the assistant never speaks after them."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.channels.whatsapp_inbound import address_of
from app.local.postgres import PostgresServer
from app.mailbox.keys import keys
from tests.chatwoot.interleaving_world import idle
from tests.fixtures.stack import NUMBER_ID, Phone, Stack, running_stack, until_true

pytestmark = [pytest.mark.xdist_group("seen-races"), pytest.mark.timeout(180)]
AT_THE_GATE = 200
BY_CHANCE = 150
AT_ONCE = 25
ROSA = "Rosa here"
dice = random.Random(4)  # noqa: S311 moments in time


@pytest.fixture
async def crowded(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Stack, Path]]:
    """A stack with room for a turn of every conversation at the gate at the same time."""
    directory = tmp_path_factory.mktemp("crowded")
    gate = directory / "gate"
    gate.with_suffix(".open").touch()
    slow = {"TURN_LEASE_SECONDS": "10", "VENDOR_TIMEOUT_SECONDS": "10"}
    async with running_stack(postgres, directory, more=slow) as stack:
        await stack.serve(WORKER_MODE="off")
        await stack.work("tests.faults.gated", GATE=str(gate), WORKER_CONCURRENCY=str(2 * AT_THE_GATE))
        yield stack, gate


async def met_all(stack: Stack, count: int) -> list[tuple[Phone, int]]:
    """Every candidate answered once and shown in Chatwoot."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> tuple[Phone, int]:
        async with room:
            phone = await stack.candidate()
            await phone.say("Hello, I am looking for work.")
            await phone.until_said(1, seconds=60)

            async def linked() -> bool:
                return bool((await phone.view()).chatwoot.conversation_id)

            await until_true(linked, what="the conversation in Chatwoot", seconds=60)
            return phone, (await phone.view()).chatwoot.conversation_id

    return await asyncio.gather(*[one() for _ in range(count)])


async def all_hold(stack: Stack, phones: list[Phone], key: str, name: str = "") -> bool:
    """Redis shows `key` (or its field `name`) of every conversation's mailbox."""
    async with Redis.from_url(stack.redis.url) as redis:
        pipe = redis.pipeline(transaction=False)
        for phone in phones:
            (where,) = keys(address_of(NUMBER_ID, phone.number), key)
            _ = pipe.hexists(where, name) if name else pipe.exists(where)
        return all(await pipe.execute())


async def at_rest(stack: Stack, phones: list[Phone], seconds: float) -> None:
    async def one(phone: Phone) -> None:
        await until_true(lambda: idle(stack, phone), what="a conversation to come to rest", seconds=seconds)

    for start in range(0, len(phones), AT_ONCE):
        await asyncio.gather(*[one(phone) for phone in phones[start : start + AT_ONCE]])


async def talked_over(phones: list[Phone]) -> list[str]:
    """Phones on which the assistant speaks after the recruiter, or the recruiter's words are not there once."""
    wrong = []
    for phone in phones:
        texts = [each["text"][:20] for each in await phone.replies()]
        if ROSA not in texts or texts[texts.index(ROSA) :] != [ROSA]:
            view = await phone.view()
            wrong.append(f"{texts}, {view.owner} because of {view.owner_reason}")
    return wrong


async def test_recruiters_who_write_into_turns_at_the_gate_are_never_talked_over(
    crowded: tuple[Stack, Path],
) -> None:
    stack, gate = crowded
    people = await met_all(stack, AT_THE_GATE)
    phones = [phone for phone, _ in people]
    await at_rest(stack, phones, 60)
    gate.with_suffix(".open").unlink()
    await asyncio.gather(*[phone.say("I would like to work as a driver.") for phone in phones])
    await until_true(lambda: all_hold(stack, phones, "lock"), what="every turn to run", seconds=40)
    await asyncio.gather(*[stack.recruiter(number, content=ROSA) for _, number in people])
    await until_true(lambda: all_hold(stack, phones, "h", "hold"), what="every message to be stored", seconds=40)
    gate.with_suffix(".open").touch()
    await at_rest(stack, phones, 60)
    assert await talked_over(phones) == []


async def test_recruiters_who_write_at_any_moment_of_a_turn_are_never_talked_over(
    crowded: tuple[Stack, Path],
) -> None:
    stack, _ = crowded
    people = await met_all(stack, BY_CHANCE)
    phones = [phone for phone, _ in people]
    await at_rest(stack, phones, 60)
    room = asyncio.Semaphore(AT_ONCE)

    async def race(phone: Phone, number: int) -> None:
        async with room:
            await phone.say("I would like to work as a driver.")
            await asyncio.sleep(dice.uniform(0.1, 0.9))  # where in the turn the recruiter's message lands
            await stack.recruiter(number, content=ROSA)
            await phone.until(lambda all_: any(each["text"] == ROSA for each in all_), "Rosa", seconds=60)
            await phone.say("Thank you!")

    await asyncio.gather(*[race(phone, number) for phone, number in people])
    await at_rest(stack, phones, 60)
    assert await talked_over(phones) == []
    # Met at different places: before the answer, and after it.
    assert {len(await phone.replies()) for phone in phones} >= {2, 3}
