"""Who speaks: what recruiters do in Chatwoot decides, and their commands are answered."""

import msgspec
import pytest
from redis.asyncio import Redis

from app.channels.chatwoot_inbound import Reading, of_api, parse
from app.database.conversations import Owner
from app.mailbox.mailbox import Mailbox
from app.recruiting.events import RecruiterSaid
from tests.chatwoot.test_towards_candidates import met, until_noted
from tests.faults.test_takeover import quiet, status_is
from tests.fixtures.stack import Phone, Stack, until_true


async def until_owned(phone: Phone, owner: Owner) -> None:
    async def owned() -> bool:
        return (await phone.view()).owner is owner

    await until_true(owned, what=f"{owner} to own the conversation")


async def act(desk: Stack, conversation: int, **fields: object) -> None:
    answer = await desk.chatwoot_http.patch(f"/_twin/conversations/{conversation}", json=fields)
    assert answer.is_success, answer.text


async def command_as(desk: Stack, conversation: int, text: str, author: int) -> None:
    await desk.recruiter(conversation, content=text, private=True, author=author)


async def command(desk: Stack, conversation: int, text: str) -> None:
    await desk.recruiter(conversation, content=text, private=True)


async def test_assignment_takes_the_conversation_and_assigning_the_bot_returns_it(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await act(desk, conversation, assignee_id=2)
    await until_owned(phone, Owner.HUMAN)
    await until_true(lambda: status_is(desk, conversation, "open"), what="the conversation to be open")
    await act(desk, conversation, assignee_bot_id=1)
    await until_owned(phone, Owner.ASSISTANT)
    await until_true(lambda: status_is(desk, conversation, "pending"), what="the conversation to be pending")


async def test_the_label_gives_a_conversation_back_once_and_is_taken_off(desk: Stack) -> None:
    phone, conversation = await met(desk)
    kept = desk.chatwoot.store.state.conversations[conversation]
    for number in range(2):
        await desk.recruiter(conversation, content=f"Rosa here, {number}")
        await until_owned(phone, Owner.HUMAN)
        await until_true(lambda: status_is(desk, conversation, "open"), what="the conversation to be open")
        await act(desk, conversation, labels=[*kept.label_list, "favourite", "assistant"])
        await until_owned(phone, Owner.ASSISTANT)
        assert (await phone.view()).owner_reason == "label"
        await until_true(lambda: status_is(desk, conversation, "pending"), what="the conversation to be pending")

        async def taken_off() -> bool:
            return "assistant" not in kept.label_list

        await until_true(taken_off, what="the label to be taken off")
        assert "favourite" in kept.label_list
    # Nothing of this comes back: a person who takes over now keeps the conversation.
    turns = (await phone.view()).turn_no
    await desk.chatwoot_http.get("/_twin/idle")
    assert (await phone.view()).turn_no == turns


@pytest.mark.parametrize(
    ("status", "owner"), [("open", Owner.HUMAN), ("snoozed", Owner.HUMAN), ("resolved", Owner.NOBODY)]
)
async def test_the_status_decides(desk: Stack, status: str, owner: Owner) -> None:
    phone, conversation = await met(desk)
    await act(desk, conversation, status=status)
    await until_owned(phone, owner)
    await act(desk, conversation, status="pending")
    await until_owned(phone, Owner.ASSISTANT)


async def test_what_is_written_in_our_own_users_name_without_our_marker_is_no_recruiters_word(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await desk.recruiter(conversation, content="typed by the service user", author=1)
    await command_as(desk, conversation, "/pause", author=1)
    await phone.exchange("I can drive a truck")
    assert not [each for each in await phone.replies() if "service user" in each["text"]]
    assert (await phone.view()).owner is Owner.ASSISTANT
    # The same by a person takes the conversation.
    await desk.recruiter(conversation, content="typed by a person", author=2)
    await until_owned(phone, Owner.HUMAN)


async def test_our_own_writes_and_noise_cost_no_turns(desk: Stack) -> None:
    phone, conversation = await met(desk)
    turns = (await phone.view()).turn_no
    for label in ("a", "b", "c"):
        await act(desk, conversation, labels=[label])
    await desk.chatwoot_http.get("/_twin/idle")
    assert await quiet(desk, phone.number)
    assert (await phone.view()).turn_no == turns


async def test_the_bot_command_returns_the_conversation(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await desk.recruiter(conversation, content="One moment")
    await until_owned(phone, Owner.HUMAN)
    await command(desk, conversation, "/bot")
    await until_owned(phone, Owner.ASSISTANT)
    await until_noted(desk, conversation, "The assistant goes on.")
    await until_true(lambda: status_is(desk, conversation, "pending"), what="the conversation to be pending")


async def test_a_pause_ends_with_a_visible_line(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await command(desk, conversation, "/pause 0.001")
    await phone.until(lambda all_: any("is back and continues" in each["text"] for each in all_), "the visible line")
    assert (await phone.view()).owner is Owner.ASSISTANT


async def test_who_talks_during_a_pause_is_not_ended_by_it(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await command(desk, conversation, "/pause 0.002")
    await until_noted(desk, conversation, "The assistant is silent")
    await desk.recruiter(conversation, content="I will look into it myself")
    await phone.until(lambda all_: any("myself" in each["text"] for each in all_), "the recruiter's words")
    (address,) = (await phone.view()).addresses
    async with Redis.from_url(desk.environ["REDIS_URL"]) as redis:

        async def cleared() -> bool:
            return not await Mailbox(redis, lease_seconds=1).written(address, "pause")

        await until_true(cleared, what="the pause to be forgotten")
    assert (await phone.view()).owner is Owner.HUMAN


async def test_a_bot_command_from_before_a_persons_words_gives_nothing_back_and_says_so(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await desk.recruiter(conversation, content="I am here")
    await until_owned(phone, Owner.HUMAN)
    await desk.chatwoot_http.post("/_twin/clock", json={"advance": -60})
    try:
        await command(desk, conversation, "/bot")
    finally:
        await desk.chatwoot_http.post("/_twin/clock", json={"advance": 60})
    await until_noted(desk, conversation, "Write `/bot` again")
    assert (await phone.view()).owner is Owner.HUMAN


def test_a_message_deleted_before_its_webhook_was_built_is_not_sent() -> None:
    hook = {
        "event": "message_created",
        "id": 7,
        "account": {"id": 1},
        "message_type": "outgoing",
        "private": False,
        "content": "This message was deleted",
        "sender": {"id": 2, "type": "user"},
        "conversation": {"id": 3, "contact_inbox": {"source_id": "wa:1:x"}},
        "created_at": "2026-11-29T07:00:00.000Z",
    }
    assert len(parse(msgspec.json.encode(hook), 1)) == 1
    assert parse(msgspec.json.encode(hook | {"content_attributes": {"deleted": True}}), 1) == []


def test_attributes_that_other_programs_wrote_stop_nothing() -> None:
    """One message that raised would be lost at the door, and hold up every later search for lost ones."""
    message = {
        "id": 8,
        "message_type": 1,
        "private": False,
        "content": "Hello",
        "sender": {"id": 2, "type": "user"},
        "content_attributes": {"in_reply_to": "the first one"},
        "additional_attributes": {"template_params": '{"name": "shift"}'},
        "created_at": 1795965019,
    }
    ((_, _, said),) = of_api(message, "wa:1:x", Reading())
    assert isinstance(said, RecruiterSaid)
    assert (said.in_reply_to, said.template) == (0, {"name": "shift"})
    odd = message | {"additional_attributes": {"template_params": [1]}}
    ((_, _, said),) = of_api(odd, "wa:1:x", Reading())
    assert isinstance(said, RecruiterSaid)
    assert said.template == {}
    assert of_api(message | {"sender": "nobody"}, "wa:1:x", Reading()) == []


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/help", "`/pause [hours]`"),
        ("/summary", "**Who speaks**"),
        ("/profile", "No details in the profile"),
        ("/match", "No vacancy is linked"),
        ("/why", "Role of the AI"),
        ("/retry", "Nothing failed here"),
        ("/template", "conversation_follow_up en"),
        ("/template nope", "called `nope`. Approved templates:"),
        ("/nonsense", "There is no such command"),
    ],
)
async def test_commands_are_answered_in_private_notes(desk: Stack, text: str, answer: str) -> None:
    phone, conversation = await met(desk)
    said = len(await phone.replies())
    await command(desk, conversation, text)
    await until_noted(desk, conversation, answer)
    assert len(await phone.replies()) == said


async def test_a_template_by_command_reaches_the_candidate(desk: Stack) -> None:
    phone, conversation = await met(desk)
    # As Chatwoot's editor writes it down.
    await command(desk, conversation, r"/template conversation\_follow\_up nl Anna \[2x\]")
    await phone.until(lambda all_: any("Hallo Anna [2x], we hebben" in each["text"] for each in all_), "the template")

    async def shown() -> bool:
        public = [each for each in desk.shown_in_chatwoot(conversation) if not each.private]
        return any(r"Hallo Anna \[2x\], we hebben" in (each.content or "") for each in public)

    await until_true(shown, what="what was sent, in Chatwoot")


async def test_retry_sends_again_what_failed(desk: Stack) -> None:
    phone, conversation = await met(desk)
    fault = {"on": "POST /messages", "match": f'"to":"+{phone.number}"', "action": "respond", "code": 131026}
    await desk.whatsapp_http.post("/_twin/faults", json={**fault, "status": 400})
    await desk.recruiter(conversation, content="Can you call me?")
    await until_noted(desk, conversation, "`/retry`")
    await command(desk, conversation, "/retry")
    await phone.until(lambda all_: any("call me" in each["text"] for each in all_), "the message")


async def test_forget_asks_first_and_then_leaves_nothing(desk: Stack) -> None:
    phone, conversation = await met(desk)
    await command(desk, conversation, "/forget")
    note = await until_noted(desk, conversation, "To go on, write")
    words = (note.content or "").rpartition("`/forget ")[2].rstrip("`.")
    before = await phone.view()
    await command(desk, conversation, f"/forget {words}")

    async def gone() -> bool:
        return await desk.record.conversations.view(conversation_id=before.conversation_id) is None

    await until_true(gone, what="the record to forget")
    assert before.chatwoot.contact_id not in desk.chatwoot.store.state.contacts
