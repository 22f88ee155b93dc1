"""What recruiters and Chatwoot itself do besides writing: typing, teams, closing, macros, rules."""

import time

import pytest

from app.database.conversations import Owner
from tests.chatwoot.interleaving_world import act, until_idle
from tests.chatwoot.test_ownership import until_owned
from tests.chatwoot.test_towards_candidates import met
from tests.faults.test_takeover import status_is
from tests.fixtures.stack import Stack, until_true

TYPING_SECONDS = 6.0


async def test_a_recruiter_who_types_holds_the_assistant_for_a_few_seconds(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await act(desk, conversation, typing=True)
    await desk.chatwoot_http.get("/_twin/idle")
    typed = time.monotonic()
    await phone.exchange("I can drive a truck.")
    assert TYPING_SECONDS - 2 < time.monotonic() - typed < TYPING_SECONDS + 6
    assert (await phone.view()).owner is Owner.ASSISTANT


async def test_what_a_typing_recruiter_then_writes_comes_before_any_answer(desk: Stack) -> None:
    phone, conversation = await met(desk)
    before = len(await phone.replies())
    await act(desk, conversation, typing=True)
    await desk.chatwoot_http.get("/_twin/idle")
    await phone.say("I can drive a truck.")
    await desk.recruiter(conversation, content="Great, Rosa here")
    await phone.until(lambda all_: any("Rosa here" in each["text"] for each in all_), "Rosa's message", seconds=4)
    await until_idle(desk, phone)
    assert [each["text"] for each in (await phone.replies())[before:]] == ["Great, Rosa here"]


async def test_who_types_a_private_note_holds_nobody(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await act(desk, conversation, typing=True, typing_private=True)
    await desk.chatwoot_http.get("/_twin/idle")
    typed = time.monotonic()
    await phone.exchange("I can drive a truck.")
    assert time.monotonic() - typed < TYPING_SECONDS - 1


async def test_a_team_is_no_person_who_speaks_so_assigning_one_takes_nothing(desk: Stack) -> None:
    phone, conversation = await met(desk)
    turns = (await phone.view()).turn_no
    await act(desk, conversation, team_id=1)
    await desk.chatwoot_http.get("/_twin/idle")
    await until_idle(desk, phone)
    view = await phone.view()
    assert (view.owner, view.turn_no) == (Owner.ASSISTANT, turns)
    await phone.exchange("I can drive a truck.")
    assert await status_is(desk, conversation, "pending")


async def test_a_candidate_who_writes_after_the_end_is_answered_by_the_assistant_again(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await desk.recruiter(conversation, content="That was all, goodbye")
    await until_owned(phone, Owner.HUMAN)
    await until_true(lambda: status_is(desk, conversation, "open"), what="the conversation to be open")
    await act(desk, conversation, status="resolved")
    await until_owned(phone, Owner.NOBODY)
    await until_idle(desk, phone)
    said = len(await phone.replies())
    assert (await phone.exchange("Hello again, I am looking for work"))["text"]
    await until_idle(desk, phone)
    view = await phone.view()
    assert (view.owner, view.owner_reason) == (Owner.ASSISTANT, "candidate_returned")
    assert await status_is(desk, conversation, "pending")
    assert len(await phone.replies()) > said


async def test_a_conversation_closed_while_a_candidate_writes_ends_with_one_who_answers(desk: Stack) -> None:
    """Both at once: whichever came first, afterwards record and Chatwoot agree on who speaks."""
    phone, conversation = await met(desk)
    await until_idle(desk, phone)
    await phone.say("One more thing.")
    await act(desk, conversation, status="resolved")

    async def agreed() -> bool:
        await until_idle(desk, phone)
        owner = (await phone.view()).owner
        shown = desk.chatwoot.store.state.conversations[conversation].status
        return (owner, shown) in {(Owner.ASSISTANT, "pending"), (Owner.NOBODY, "resolved")}

    await until_true(agreed, what="both sides to agree", seconds=10)


@pytest.mark.parametrize("event", ["macro.executed", "automation_event.message_created", "message_created"])
async def test_an_unsigned_body_of_a_macro_or_rule_is_refused_at_the_door(desk: Stack, event: str) -> None:
    phone, conversation = await met(desk)
    await act(desk, conversation, labels=["before"])
    await until_idle(desk, phone)
    turns = (await phone.view()).turn_no
    desk.chatwoot.store.state.conversations[conversation].status = "open"  # what a believed body would tell
    answer = await desk.chatwoot_http.post(f"/_twin/conversations/{conversation}/automation", json={"event": event})
    assert answer.is_success, answer.text
    await desk.chatwoot_http.get("/_twin/idle")
    deliveries = (await desk.chatwoot_http.get("/_twin/deliveries", params={"label": f"^automation:{event}$"})).json()
    statuses = [attempt["status"] for each in deliveries["deliveries"] for attempt in each["attempts"]]
    assert statuses
    assert set(statuses) == {401}
    await until_idle(desk, phone)
    view = await phone.view()
    assert (view.owner, view.turn_no) == (Owner.ASSISTANT, turns)


async def test_recruiters_messages_whose_webhooks_overtake_each_other_arrive_in_order(desk: Stack) -> None:
    phone, conversation = await met(desk)
    texts = [f"part {number} of {phone.number}" for number in range(5)]
    order = {"on": "WEBHOOK inbox:message_created", "match": texts[1], "action": "delay", "seconds": 0.3}
    await desk.chatwoot_http.post("/_twin/faults", json=order)
    for text in texts:
        await desk.recruiter(conversation, content=text)
    await phone.until(lambda all_: {each["text"] for each in all_} >= set(texts), "all parts")
    assert [each["text"] for each in await phone.replies() if each["text"] in texts] == texts
