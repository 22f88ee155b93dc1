"""Chatwoot away for long: candidates are answered, the mirror catches up in order and within seconds.

The tries of a row come after 2, 4, 8, 16, 32 s and then once a minute; the end of an outage waits for none of them.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import pytest

from app.database.conversations import ConversationView, Owner
from app.local.postgres import PostgresServer
from tests.chatwoot.interleaving_world import fault, lift, only, sides, until_idle
from tests.chatwoot.test_ownership import until_owned
from tests.chatwoot.test_towards_candidates import met
from tests.fixtures.stack import Phone, Stack, running_stack, until_true

pytestmark = [pytest.mark.xdist_group("seen-outage"), pytest.mark.timeout(300)]
OUTAGE_SECONDS = 30.0
ANSWER_SECONDS = 8.0
CATCH_UP_SECONDS = 10.0  # at the end of this outage the next tries are up to 40 s away
WORDS = ["I can drive a truck", "I live in Rotterdam"]


@pytest.fixture
async def lonely(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose Chatwoot goes away."""
    async with running_stack(postgres, tmp_path_factory.mktemp("lonely"), RECONCILE_DESK_SECONDS="2") as stack:
        await stack.serve()
        yield stack


async def talk(phone: Phone, words: list[str]) -> float:
    """Exchanges spread over the outage; returns the slowest answer in seconds."""
    slowest = 0.0
    for text in words:
        began = time.monotonic()
        await phone.exchange(text)
        slowest = max(slowest, time.monotonic() - began)
    return slowest


async def mirrors_of(stack: Stack, phone: Phone) -> ConversationView:
    await until_idle(stack, phone, seconds=60)
    return await phone.view()


async def test_an_outage_longer_than_a_minute_costs_candidates_nothing_and_the_mirror_order_nothing(
    lonely: Stack,
) -> None:
    known = [await met(lonely) for _ in range(2)]
    for phone, _ in known:
        await until_idle(lonely, phone)
    # The first writes are carried out although their answers are lost; then nothing gets through.
    doubtful = await fault(lonely, on=r"^POST /api.*(messages|contacts)$", action="accept_then_drop", times=3)
    away = await fault(lonely, on=r"^(GET|POST|PUT|PATCH|DELETE) /api", action="drop", times=None)
    began = time.monotonic()
    newcomers = [await lonely.candidate() for _ in range(2)]
    people = [phone for phone, _ in known] + newcomers
    slowest = await asyncio.gather(*[talk(phone, WORDS) for phone in people])
    assert max(slowest) < ANSWER_SECONDS

    async def over() -> bool:
        return time.monotonic() - began > OUTAGE_SECONDS

    await until_true(over, what="the outage to last", seconds=OUTAGE_SECONDS + 5)
    # Late in the outage too.
    slowest = await asyncio.gather(*[talk(phone, ["I have a licence C"]) for phone in people])
    assert max(slowest) < ANSWER_SECONDS
    for each in (doubtful, away):
        await lift(lonely, each)
    back = time.monotonic()
    views = [await mirrors_of(lonely, phone) for phone in people]
    assert time.monotonic() - back < CATCH_UP_SECONDS
    for phone, view in zip(people, views, strict=True):
        shown = await sides(lonely, phone, view.chatwoot.conversation_id, {})
        assert not shown.problems()
        assert len(only(shown.chatwoot, "candidate")) >= len(WORDS) + 1
    contacts = lonely.chatwoot.store.state.contacts.values()
    assert len(contacts) == len(people) == len(lonely.chatwoot.store.state.conversations)


async def test_what_a_recruiter_wrote_just_before_our_door_was_shut_arrives_after_it(lonely: Stack) -> None:
    """The other direction: Chatwoot's webhooks fail for a while, in which recruiters go on working."""
    phone, conversation = await met(lonely)
    await until_idle(lonely, phone)
    lost = await fault(lonely, on="WEBHOOK inbox", action="drop", times=None)
    texts = [f"line {number} to {phone.number}" for number in range(120)]  # more than one page of a search
    for text in texts:
        await lonely.recruiter(conversation, content=text)
    await phone.until(lambda all_: {each["text"] for each in all_} >= set(texts), "all lines", seconds=40)
    await lift(lonely, lost)
    await until_owned(phone, Owner.HUMAN)
    await until_idle(lonely, phone)
    assert [each["text"] for each in await phone.replies() if re.match("line", each["text"])] == texts
