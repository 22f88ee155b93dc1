"""A recruiter takes a message back: what has not been sent is not sent, and nobody is left waiting for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.database.conversations import Owner
from app.local.chatwoot_state import Message
from app.local.postgres import PostgresServer
from tests.chatwoot.interleaving_world import fault, lift, sides, until_idle
from tests.chatwoot.test_ownership import until_owned
from tests.chatwoot.test_towards_candidates import met, until_noted
from tests.faults.test_takeover import exists, held
from tests.fixtures.stack import Stack, running_stack, until_true

pytestmark = pytest.mark.xdist_group("seen-deletions")


@pytest.fixture(scope="module")
async def gated(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Stack, Path]]:
    """A stack whose worker stops in the conversation node while the gate is closed; it searches Chatwoot often."""
    directory = tmp_path_factory.mktemp("deletions")
    gate = directory / "gate"
    gate.with_suffix(".open").touch()
    async with running_stack(postgres, directory, RECONCILE_DESK_SECONDS="1") as stack:
        await stack.serve(WORKER_MODE="off")
        await stack.work("tests.faults.gated", GATE=str(gate))
        yield stack, gate


async def delete(stack: Stack, conversation: int, message_id: int) -> None:
    answer = await stack.chatwoot_http.delete(f"/_twin/conversations/{conversation}/messages/{message_id}")
    assert answer.is_success, answer.text


async def whatsapp_refuses_for_now(stack: Stack, text: str) -> str:
    order = {"on": "POST /messages", "match": text, "action": "respond", "status": 503, "times": None}
    answer = await stack.whatsapp_http.post("/_twin/faults", json=order)
    return str(answer.json()[0]["id"])


async def test_a_message_deleted_while_it_waits_for_whatsapp_is_not_sent(gated: tuple[Stack, Path]) -> None:
    stack, _ = gated
    phone, conversation = await met(stack)
    fault_id = await whatsapp_refuses_for_now(stack, "wrong person")
    said = await stack.recruiter(conversation, content="for the wrong person")

    async def waits() -> bool:
        rows = [row for row in (await phone.view()).outbox if row.body.get("chatwoot_message_id") == said["id"]]
        return bool(rows and rows[0].attempts and rows[0].retry_at)

    await until_true(waits, what="the message to wait for WhatsApp")
    await delete(stack, conversation, said["id"])
    await until_noted(stack, conversation, "had not been sent yet")
    await stack.whatsapp_http.delete("/_twin/faults", params={"id": fault_id})
    await until_idle(stack, phone)
    assert not [each for each in await phone.replies() if "wrong person" in each["text"]]


async def test_a_deletion_whose_webhook_is_lost_still_stops_what_has_not_been_sent(gated: tuple[Stack, Path]) -> None:
    stack, _ = gated
    phone, conversation = await met(stack)
    fault_id = await whatsapp_refuses_for_now(stack, "never mind")
    said = await stack.recruiter(conversation, content="never mind this")

    async def tried(times: int) -> bool:
        rows = [row for row in (await phone.view()).outbox if row.body.get("chatwoot_message_id") == said["id"]]
        return bool(rows) and (rows[0].attempts >= times or rows[0].state == "cancelled")

    await until_true(lambda: tried(1), what="the message to wait for WhatsApp")
    told = f'"id":{said["id"]},'
    lost = await fault(stack, on="WEBHOOK inbox:message_updated", match=told, action="drop", times=None)
    await delete(stack, conversation, said["id"])
    # Several passes of the search go by: the fourth try comes after 1 + 2 + 4 s.
    await until_true(lambda: tried(4), what="three more tries, or the end", seconds=20)
    await lift(stack, lost)
    await stack.whatsapp_http.delete("/_twin/faults", params={"id": fault_id})
    await until_idle(stack, phone)
    assert not [each for each in await phone.replies() if "never mind" in each["text"]]


async def test_who_wrote_beside_a_message_that_was_taken_back_is_answered(gated: tuple[Stack, Path]) -> None:
    stack, gate = gated
    phone, conversation = await met(stack)
    before = len(await phone.replies())
    gate.with_suffix(".open").unlink()
    gate.with_suffix(".waiting").unlink()
    try:
        await phone.say("I would like to work as a driver.")
        await until_true(lambda: exists(gate.with_suffix(".waiting")), what="the graph to reach the gate")
        said = await stack.recruiter(conversation, content="Oh, wait")
        await until_true(lambda: held(stack, phone.number), what="the recruiter's message to be stored")
        await delete(stack, conversation, said["id"])
        await stack.chatwoot_http.get("/_twin/idle")
    finally:
        gate.with_suffix(".open").touch()
    await until_idle(stack, phone)
    view = await phone.view()
    assert view.owner is Owner.ASSISTANT
    shown = await sides(stack, phone, conversation, {said["id"]: "Oh, wait"})
    assert len(await phone.replies()) > before, f"nobody answers: {[(r.kind, r.author, r.state) for r in view.outbox]}"
    assert not shown.problems()


async def test_an_answer_that_a_takeover_stopped_is_not_shown_as_sent(gated: tuple[Stack, Path]) -> None:
    stack, _ = gated
    phone, conversation = await met(stack)
    before = {each.id for each in stack.shown_in_chatwoot(conversation)}
    fault_id = await whatsapp_refuses_for_now(stack, f'"to":"+{phone.number}"')
    await phone.say("I would like to work as a driver.")

    def answers() -> list[Message]:
        shown = stack.shown_in_chatwoot(conversation)
        return [each for each in shown if each.id not in before and each.sender_type == "AgentBot" and not each.private]

    async def tried() -> bool:
        rows = [row for row in (await phone.view()).outbox if row.kind == "reply"]
        return len(rows) > 1 and rows[-1].attempts > 0 and bool(answers())

    await until_true(tried, what="an answer that WhatsApp does not take yet and Chatwoot shows")
    await stack.recruiter(conversation, content="Rosa here")
    await until_owned(phone, Owner.HUMAN)
    await stack.whatsapp_http.delete("/_twin/faults", params={"id": fault_id})
    await phone.until(lambda all_: any("Rosa here" in each["text"] for each in all_), "Rosa's message")
    await until_idle(stack, phone)
    assert len(await phone.replies()) == 2  # the greeting and Rosa's words

    async def marked() -> bool:
        return all(each.status == "failed" for each in answers())

    await until_true(marked, what="the unsent answer to be marked in Chatwoot", seconds=5)
