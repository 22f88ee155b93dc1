"""Recruiters who write into running turns, over HTTP and all at once: the assistant never speaks after them.

`RACES=1000 ./start.sh test tests/chatwoot/test_seen_races.py` runs a thousand: seen with 0 talked over, in seven
minutes on two cores that six people shared.
"""

import asyncio
import math
import os
import random
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.channels.whatsapp_inbound import address_of
from app.local.postgres import PostgresServer
from app.mailbox.keys import keys
from tests.chatwoot.interleaving_world import idle
from tests.fixtures.stack import NUMBER_ID, Phone, Stack, running_stack, until_true

pytestmark = [pytest.mark.xdist_group("seen-races"), pytest.mark.timeout(900)]
RACES = int(os.environ.get("RACES", "350"))
AT_THE_GATE = RACES * 4 // 7
BY_CHANCE = RACES - AT_THE_GATE
PATIENCE = math.ceil(RACES / 350)  # times as long as for the usual number
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
    slow = {"TURN_LEASE_SECONDS": str(10 * PATIENCE), "VENDOR_TIMEOUT_SECONDS": str(10 * PATIENCE)}
    async with running_stack(postgres, directory, more=slow) as stack:
        await stack.serve(WORKER_MODE="off")
        await stack.work("tests.faults.gated", GATE=str(gate), WORKER_CONCURRENCY=str(2 * AT_THE_GATE))
        yield stack, gate


async def a_few_at_once(acts: Sequence[Awaitable[object]]) -> None:
    """As many as the twins' clients have connections for."""
    room = asyncio.Semaphore(2 * AT_ONCE)

    async def one(act: Awaitable[object]) -> None:
        async with room:
            await act

    await asyncio.gather(*[one(act) for act in acts])


async def met_all(stack: Stack, count: int) -> list[tuple[Phone, int]]:
    """Every candidate answered once and shown in Chatwoot."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> tuple[Phone, int]:
        async with room:
            phone = await stack.candidate()
            await phone.say("Hello, I am looking for work.")
            await phone.until_said(1, seconds=60 * PATIENCE)

            async def linked() -> bool:
                return bool((await phone.view()).chatwoot.conversation_id)

            await until_true(linked, what="the conversation in Chatwoot", seconds=60 * PATIENCE)
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
    await at_rest(stack, phones, 60 * PATIENCE)
    gate.with_suffix(".open").unlink()
    await a_few_at_once([phone.say("I would like to work as a driver.") for phone in phones])
    await until_true(lambda: all_hold(stack, phones, "lock"), what="every turn to run", seconds=40 * PATIENCE)
    await a_few_at_once([stack.recruiter(number, content=ROSA) for _, number in people])
    await until_true(
        lambda: all_hold(stack, phones, "h", "hold"), what="every message to be stored", seconds=40 * PATIENCE
    )
    gate.with_suffix(".open").touch()
    await at_rest(stack, phones, 60 * PATIENCE)
    assert await talked_over(phones) == []


async def test_recruiters_who_write_at_any_moment_of_a_turn_are_never_talked_over(
    crowded: tuple[Stack, Path],
) -> None:
    stack, _ = crowded
    people = await met_all(stack, BY_CHANCE)
    phones = [phone for phone, _ in people]
    await at_rest(stack, phones, 60 * PATIENCE)
    room = asyncio.Semaphore(AT_ONCE)

    async def race(phone: Phone, number: int) -> None:
        async with room:
            await phone.say("I would like to work as a driver.")
            if number % 4:
                await asyncio.sleep(dice.uniform(0.1, 0.9))  # where in the turn the recruiter's message lands
            else:  # right behind the answer, however long this machine takes to give it
                await phone.until_said(2, seconds=60 * PATIENCE)
            await stack.recruiter(number, content=ROSA)
            await phone.until(lambda all_: any(each["text"] == ROSA for each in all_), "Rosa", seconds=60 * PATIENCE)
            await phone.say("Thank you!")

    await asyncio.gather(*[race(phone, number) for phone, number in people])
    await at_rest(stack, phones, 60 * PATIENCE)
    assert await talked_over(phones) == []
    # Met at different places: before the answer, and after it.
    assert {len(await phone.replies()) for phone in phones} >= {2, 3}
