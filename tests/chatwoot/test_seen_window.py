"""Outside the service window a recruiter learns within 2 s that nothing went out, and what may be sent instead."""

import time
from collections.abc import AsyncIterator

import pytest

from app.local.postgres import PostgresServer
from tests.chatwoot.interleaving_world import until_idle
from tests.faults.test_takeover import in_chatwoot
from tests.fixtures.stack import Phone, Stack, running_stack, until_true

pytestmark = pytest.mark.xdist_group("seen-window")
MOST_SECONDS = 2.0


@pytest.fixture(scope="module")
async def late(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose candidates wrote 25 hours ago."""
    async with running_stack(postgres, tmp_path_factory.mktemp("late")) as stack:
        await stack.serve()
        await stack.whatsapp_http.post("/_twin/clock", json={"advance": -25 * 3600})
        yield stack


async def met_yesterday(stack: Stack) -> tuple[Phone, int]:
    phone = await stack.candidate()
    await phone.say("Hello, I am looking for work")

    async def known() -> bool:
        return await stack.record.conversations.find((await phone.view()).address) is not None

    async def stored() -> bool:
        try:
            return await known()
        except AssertionError:
            return False

    await until_true(stored, what="the conversation")
    conversation = (await in_chatwoot(stack, phone)).chatwoot.conversation_id
    await until_idle(stack, phone)
    return phone, conversation


async def refused_within(stack: Stack, conversation: int, text: str) -> tuple[float, float]:
    """Seconds until the note that lists templates and until the mark, from the recruiter's click."""
    began = time.monotonic()
    said = await stack.recruiter(conversation, content=text)
    seen: dict[str, float] = {}

    async def both() -> bool:
        for each in stack.shown_in_chatwoot(conversation):
            about = each.private and each.content_attributes.get("in_reply_to") == said["id"]
            if about and "conversation_follow_up en" in (each.content or ""):
                seen.setdefault("note", time.monotonic() - began)
            if each.id == said["id"] and each.status == "failed":
                seen.setdefault("mark", time.monotonic() - began)
        return len(seen) == 2

    await until_true(both, what="the note and the mark")
    return seen["note"], seen["mark"]


async def test_the_note_with_templates_and_the_mark_come_within_two_seconds(late: Stack) -> None:
    phone, conversation = await met_yesterday(late)
    took = [await refused_within(late, conversation, f"Are you still there? {number}") for number in range(5)]
    assert max(note for note, _ in took) < MOST_SECONDS, took
    assert max(mark for _, mark in took) < MOST_SECONDS, took
    await until_idle(late, phone)
    assert not [each for each in await phone.replies() if "still there" in each["text"]]
    shown = late.shown_in_chatwoot(conversation)
    written = {each.id for each in shown if "still there" in (each.content or "")}
    about = [each.content_attributes.get("in_reply_to") for each in shown if each.private]
    assert sorted(number for number in about if number in written) == sorted(written)  # one note each
