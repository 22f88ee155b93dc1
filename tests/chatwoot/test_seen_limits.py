"""Chatwoot takes 200 messages a minute in one conversation: the mirror stays below that, loses nothing, keeps order."""

from collections.abc import AsyncIterator

import pytest

from app.database.outbox import State
from app.local.chatwoot_state import Message
from app.local.postgres import PostgresServer
from tests.chatwoot.interleaving_world import Counter, counted, until_idle
from tests.chatwoot.test_towards_candidates import met
from tests.fixtures.stack import Phone, Stack, running_stack, until_true
from tests.journeys.test_many_at_once import body_of, post, text

pytestmark = pytest.mark.xdist_group("seen-limits")
LIMIT = 200  # a minute; the twin answers 422 to what is above it


@pytest.fixture(scope="module")
async def busy(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack of its own: its lanes work for these conversations only."""
    async with running_stack(postgres, tmp_path_factory.mktemp("busy")) as stack:
        await stack.serve()
        assert (await stack.chatwoot_http.get("/_twin/settings")).json()["messages_per_minute"] == LIMIT
        yield stack


def ours(stack: Stack, conversation: int) -> list[Message]:
    return [each for each in stack.shown_in_chatwoot(conversation) if each.source_id]


async def refused(stack: Stack, conversation: int, tries: Counter, before: int) -> int:
    """Messages of ours that Chatwoot did not take."""
    return await tries.seen() - (len(ours(stack, conversation)) - before)


async def mirrored(stack: Stack, conversation: int, texts: list[str]) -> bool:
    return {each.content for each in ours(stack, conversation)} >= set(texts)


def most_in_a_minute(messages: list[Message]) -> int:
    times = [each.created_at for each in messages]
    return max(sum(start <= time < start + 60 for time in times) for start in times)


async def heard_in_order(phone: Phone, said: list[str]) -> list[str]:
    """All that was said, as it reached us: WhatsApp's webhooks of one second may overtake each other."""
    heard = [line.text for line in (await phone.view()).transcript if line.text in set(said)]
    assert sorted(heard) == sorted(said)
    return heard


async def say_all(phone: Phone, texts: list[str]) -> None:
    """One after the other, each accepted before the next: their order is the order of arrival."""
    for words in texts:
        assert await post(phone.stack.processes[0].url, body_of([text(phone.number, words)])) == 200


@pytest.mark.timeout(180)  # a minute of Chatwoot's own clock has to pass
async def test_two_hundred_messages_in_a_minute_stay_below_the_limit_in_order(busy: Stack) -> None:
    """A candidate and a recruiter who write 100 messages each, at the same time."""
    phone, conversation = await met(busy)
    await until_idle(busy, phone)
    before = len(ours(busy, conversation))
    said, written = [f"message {n}" for n in range(100)], [f"line {n}" for n in range(100)]
    async with counted(busy, rf"^POST /api/.*/conversations/{conversation}/messages$") as tries:
        for mine, theirs in zip(said, written, strict=True):
            await phone.say(mine)
            await busy.recruiter(conversation, content=theirs)
        await phone.until(lambda all_: {each["text"] for each in all_} >= set(written), "all lines", seconds=30)
        await until_true(lambda: mirrored(busy, conversation, said), what="all messages in Chatwoot", seconds=100)
        await until_idle(busy, phone)
        storm = await refused(busy, conversation, tries, before)
    shown = busy.shown_in_chatwoot(conversation)
    assert [each.content for each in shown if each.content in set(said)] == await heard_in_order(phone, said)
    heard = [each["text"] for each in await phone.replies() if each["text"] in set(written)]
    assert sorted(heard) == sorted(written)
    assert storm == 0  # recruiters' messages count in our own limit, too: nothing of ours was refused
    assert storm <= 6


async def test_two_bursts_within_a_minute_meet_no_refusal(busy: Stack) -> None:
    """Both count over the last 60 s: the second burst waits by our own count."""
    phone, conversation = await met(busy)
    await until_idle(busy, phone)
    first, second = ([f"message {n}" for n in range(start, start + 130)] for start in (0, 130))
    await say_all(phone, first)
    await until_true(lambda: mirrored(busy, conversation, first), what="the first half", seconds=40)
    await say_all(phone, second)

    async def waiting() -> set[str]:
        """Why rows wait: our own count, or Chatwoot's refusal."""
        rows = (await phone.view()).outbox
        return {row.error_code or row.error_title or "" for row in rows if row.state is State.PENDING and row.attempts}

    async def enough() -> bool:
        return bool(await waiting()) or await mirrored(busy, conversation, second)

    await until_true(enough, what="the limit", seconds=40)
    assert await waiting() == {"many messages in one conversation"}
