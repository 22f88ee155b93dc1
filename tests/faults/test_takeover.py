"""Promise 3: once a recruiter has spoken, the assistant says nothing, however far its answer was."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.channels.whatsapp_inbound import address_of
from app.database.conversations import ConversationView, Owner
from app.database.outbox import State
from app.local.postgres import PostgresServer
from app.mailbox.keys import keys
from tests.fixtures.stack import NUMBER_ID, Phone, Stack, running_stack, until_true

pytestmark = pytest.mark.xdist_group("takeover")


@pytest.fixture
async def gated(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Stack, Path]]:
    """A stack whose worker stops in the conversation node until the gate is opened."""
    directory = tmp_path_factory.mktemp("takeover")
    async with running_stack(postgres, directory, WORKER_MODE="off") as stack:
        await stack.serve()
        yield stack, directory / "gate"


async def test_a_recruiters_message_while_the_graph_runs_ends_the_assistants_turn(gated: tuple[Stack, Path]) -> None:
    stack, gate = gated
    gate.with_suffix(".open").touch()
    await stack.work("tests.faults.gated", GATE=str(gate))
    phone = await stack.candidate()
    await phone.exchange("Hello, I am looking for work")
    conversation = (await in_chatwoot(stack, phone)).chatwoot.conversation_id

    gate.with_suffix(".open").unlink()
    gate.with_suffix(".waiting").unlink()
    await phone.say("I would like to work as a driver")
    await until_true(lambda: exists(gate.with_suffix(".waiting")), what="the graph to reach the gate")
    await stack.recruiter(conversation, content="Hi, Rosa here, I will help you myself.")
    before = len(await phone.replies())
    await until_true(lambda: held(stack, phone.number), what="the recruiter's message to be stored")
    gate.with_suffix(".open").touch()

    replies = await phone.until(lambda all_: any("Rosa here" in each["text"] for each in all_), "Rosa's message")
    await until_true(lambda: quiet(stack, phone.number), what="every row to reach its end")
    assert [each["text"] for each in replies[before:]] == ["Hi, Rosa here, I will help you myself."]
    view = await phone.view()
    assert view.owner is Owner.HUMAN
    assert [line.author for line in view.transcript][-2:] == ["candidate", "human"]

    # The candidate goes on; a person has the word, so the assistant stays silent and the recruiter sees it.
    await phone.say("Thank you!")
    await until_true(lambda: told(stack, conversation, "Thank you!"), what="the candidate's words in Chatwoot")
    assert len(await phone.replies()) == before + 1


async def test_a_private_note_never_leaves_chatwoot(desk: Stack) -> None:
    phone = await desk.candidate()
    await phone.exchange("Hello, I am looking for work")
    conversation = (await in_chatwoot(desk, phone)).chatwoot.conversation_id
    await desk.recruiter(conversation, content="sounds good to me", private=True)
    reply = await phone.exchange("hello again")
    assert "sounds good to me" not in [each["text"] for each in await phone.replies()]
    assert reply["text"]
    assert (await phone.view()).owner is Owner.ASSISTANT


async def test_our_own_echoes_change_nothing(desk: Stack) -> None:
    phone = await desk.candidate()
    await phone.exchange("Hello, I am looking for work")
    view = await in_chatwoot(desk, phone)
    shown = [(each.message_type, each.content) for each in desk.shown_in_chatwoot(view.chatwoot.conversation_id)]
    assert [kind for kind, _ in shown] == ["incoming", "outgoing"]
    await desk.chatwoot_http.get("/_twin/idle")
    again = await phone.view()
    assert (again.turn_no, again.owner) == (1, Owner.ASSISTANT)


async def test_a_conversation_given_back_is_answered_by_the_assistant_again(desk: Stack) -> None:
    phone = await desk.candidate()
    await phone.exchange("Hello, I am looking for work")
    conversation = (await in_chatwoot(desk, phone)).chatwoot.conversation_id
    await desk.recruiter(conversation, content="One moment please")
    await phone.until(lambda all_: "One moment please" in [each["text"] for each in all_], "the recruiter's message")

    async def owned_by(owner: Owner) -> bool:
        return (await phone.view()).owner is owner

    await until_true(lambda: owned_by(Owner.HUMAN), what="the recruiter to own the conversation")
    await until_true(lambda: status_is(desk, conversation, "open"), what="the conversation to be open in Chatwoot")
    answer = await desk.chatwoot_http.patch(f"/_twin/conversations/{conversation}", json={"status": "pending"})
    assert answer.is_success, answer.text
    await until_true(lambda: owned_by(Owner.ASSISTANT), what="the assistant to own the conversation")
    assert (await phone.exchange("Are you still there?"))["text"]


async def in_chatwoot(stack: Stack, phone: Phone) -> ConversationView:
    """The view, once the mirror has caught up."""

    async def linked() -> bool:
        return await quiet(stack, phone.number) and bool((await phone.view()).chatwoot.conversation_id)

    await until_true(linked, what="the conversation in Chatwoot")
    return await phone.view()


async def exists(path: Path) -> bool:
    return path.exists()


async def status_is(stack: Stack, conversation: int, status: str) -> bool:
    return stack.chatwoot.store.state.conversations[conversation].status == status


async def told(stack: Stack, conversation: int, text: str) -> bool:
    return text in [each.content for each in stack.shown_in_chatwoot(conversation)]


async def held(stack: Stack, number: str) -> bool:
    async with Redis.from_url(stack.redis.url) as redis:
        return bool(await redis.hexists(keys(address_of(NUMBER_ID, number), "h")[0], "hold"))


async def quiet(stack: Stack, number: str) -> bool:
    """Nothing waits and nothing is being sent."""
    view = await stack.record.conversations.view(address=address_of(NUMBER_ID, number))
    assert view is not None
    return all(row.state not in (State.PENDING, State.SENDING) for row in view.outbox)


async def test_stop_beside_a_recruiter_counts_and_is_answered_by_nobody(desk: Stack) -> None:
    phone = await desk.candidate()
    await phone.exchange("Hello, I am looking for work")
    conversation = (await in_chatwoot(desk, phone)).chatwoot.conversation_id
    await desk.recruiter(conversation, content="One moment please")
    replies = await phone.until(lambda all_: "One moment please" in [each["text"] for each in all_], "the recruiter")
    await phone.say("STOP")

    async def opted_out() -> bool:
        return (await phone.view()).opted_out

    await until_true(opted_out, what="STOP to count")
    assert len(await phone.replies()) == len(replies)
