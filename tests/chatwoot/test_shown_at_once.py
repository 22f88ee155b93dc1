"""What a candidate says is in Chatwoot at once, whatever the assistant is doing: still in order, still once."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.database.conversations import Owner
from app.local.chatwoot_state import Message
from app.local.postgres import PostgresServer
from tests.chatwoot.interleaving_world import act, sides, until_idle
from tests.chatwoot.test_ownership import until_owned
from tests.chatwoot.test_towards_candidates import met
from tests.faults.test_takeover import exists
from tests.fixtures.stack import Phone, Stack, running_stack, until_true

pytestmark = pytest.mark.xdist_group("shown-at-once")
AT_ONCE_SECONDS = 1.0


@pytest.fixture(scope="module")
async def thoughtful(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Stack, Path]]:
    """A stack whose worker, while the gate is closed, does not end a thought, and waits long for the end of a burst."""
    directory = tmp_path_factory.mktemp("thoughtful")
    gate = directory / "gate"
    gate.with_suffix(".open").touch()
    pace = {"SETTLE_SHORT_SECONDS": "1.5", "SETTLE_LONG_SECONDS": "3", "SETTLE_CAP_SECONDS": "3"}
    async with running_stack(postgres, directory, more=pace) as stack:
        await stack.serve(WORKER_MODE="off")
        await stack.work("tests.faults.gated", GATE=str(gate))
        yield stack, gate


def of_candidate(stack: Stack, phone: Phone) -> list[Message]:
    """What Chatwoot shows as said by this candidate, oldest first."""
    contacts = stack.chatwoot.store.state.contacts.values()
    mine = {each.id for each in contacts if each.phone_number == f"+{phone.number}"}
    all_ = stack.chatwoot.store.state.conversations.values()
    return [
        message
        for each in all_
        if each.contact_id in mine
        for message in stack.shown_in_chatwoot(each.id)
        if message.message_type == "incoming"
    ]


async def seconds_until_shown(stack: Stack, phone: Phone, count: int) -> float:
    began = time.monotonic()

    async def shown() -> bool:
        return len(of_candidate(stack, phone)) >= count

    await until_true(shown, what=f"message {count} in Chatwoot")
    return time.monotonic() - began


async def test_each_message_of_a_burst_is_shown_before_anybody_thinks_and_the_answer_behind_them(
    thoughtful: tuple[Stack, Path],
) -> None:
    stack, gate = thoughtful
    await met(stack)  # the first of all pays for warming up
    gate.with_suffix(".open").unlink()
    gate.with_suffix(".waiting").unlink(missing_ok=True)
    phone = await stack.candidate()
    texts = ["Hello", "I am looking", "for work as a driver"]
    for number, text in enumerate(texts, 1):
        await phone.say(text)
        assert await seconds_until_shown(stack, phone, number) < AT_ONCE_SECONDS
    assert not await exists(gate.with_suffix(".waiting"))  # the burst has not even settled
    await until_true(lambda: exists(gate.with_suffix(".waiting")), what="the model to think")
    await phone.say(type="image", text="my licence")
    assert await seconds_until_shown(stack, phone, 4) < AT_ONCE_SECONDS
    assert of_candidate(stack, phone)[3].attachments
    assert not await phone.replies()
    gate.with_suffix(".open").touch()
    await phone.until_said(1)
    await until_idle(stack, phone)
    assert [each.content for each in of_candidate(stack, phone)][:3] == texts
    view = await phone.view()
    shown = await sides(stack, phone, view.chatwoot.conversation_id, {})
    assert len(of_candidate(stack, phone)) == 4
    assert [line.partition(":")[0] for line in shown.chatwoot] == [line.partition(":")[0] for line in shown.record]
    contact = stack.chatwoot.store.state.contacts[view.chatwoot.contact_id]
    assert contact.custom_attributes["reply_window_until"]


async def test_a_closed_conversation_is_reopened_by_the_candidates_words_and_answered_once(
    thoughtful: tuple[Stack, Path],
) -> None:
    stack, _ = thoughtful
    phone, conversation = await met(stack)
    await act(stack, conversation, status="resolved")
    await until_owned(phone, Owner.NOBODY)
    before = (await phone.view()).turn_no
    await phone.exchange("I can drive a truck")
    await until_idle(stack, phone)
    view = await phone.view()
    assert (view.owner, view.owner_reason, view.turn_no) == (Owner.ASSISTANT, "candidate_returned", before + 1)


async def test_a_worker_killed_in_thought_shows_nothing_twice(thoughtful: tuple[Stack, Path]) -> None:
    stack, gate = thoughtful
    phone, _ = await met(stack)
    gate.with_suffix(".open").unlink()
    gate.with_suffix(".waiting").unlink(missing_ok=True)
    await phone.say("I can drive a truck")
    await until_true(lambda: exists(gate.with_suffix(".waiting")), what="the model to think")
    assert await seconds_until_shown(stack, phone, 2) < AT_ONCE_SECONDS
    await stack.processes[-1].kill()
    gate.with_suffix(".open").touch()
    await stack.work("tests.faults.gated", GATE=str(gate))
    await phone.until_said(2, seconds=30)
    await until_idle(stack, phone)
    assert len(of_candidate(stack, phone)) == 2
    assert [line.author for line in (await phone.view()).transcript] == ["candidate", "assistant"] * 2
