"""Webhooks come at most once, Chatwoot goes away, people write at the same moment: nothing is lost or said twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.database.conversations import Owner
from app.local.postgres import PostgresServer
from tests.chatwoot.test_ownership import until_owned
from tests.chatwoot.test_towards_candidates import met, until_noted
from tests.faults.test_takeover import quiet
from tests.fixtures.stack import Stack, running_stack, until_true

pytestmark = pytest.mark.xdist_group("nothing-lost")


@pytest.fixture(scope="module")
async def lossy(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack that reconciles often; its Chatwoot may be broken."""
    directory = tmp_path_factory.mktemp("lossy")
    async with running_stack(postgres, directory, RECONCILE_DESK_SECONDS="2") as stack:
        await stack.serve()
        yield stack


async def fault(stack: Stack, **order: object) -> None:
    answer = await stack.chatwoot_http.post("/_twin/faults", json=order)
    assert answer.is_success, answer.text


async def test_with_every_second_webhook_lost_all_recruiters_messages_arrive_once(lossy: Stack) -> None:
    phone, conversation = await met(lossy)
    await fault(lossy, on="WEBHOOK", match="line ", action="drop", every=2, times=None)
    lines = [f"line {number}" for number in range(10)]
    for line in lines:
        await lossy.recruiter(conversation, content=line)
    await phone.until(lambda all_: {each["text"] for each in all_} >= set(lines), "all lines", seconds=30)
    await lossy.chatwoot_http.delete("/_twin/faults")
    await until_true(lambda: quiet(lossy, phone.number), what="every row to reach its end")
    said = [each["text"] for each in await phone.replies() if each["text"].startswith("line ")]
    assert sorted(said) == sorted(lines)
    assert (await phone.view()).owner is Owner.HUMAN


async def test_a_lost_change_of_status_takes_effect(lossy: Stack) -> None:
    phone, conversation = await met(lossy)
    await fault(lossy, on="WEBHOOK", match="conversation_", action="drop", times=None)
    await lossy.chatwoot_http.patch(f"/_twin/conversations/{conversation}", json={"status": "open"})
    await until_owned(phone, Owner.HUMAN)
    await lossy.chatwoot_http.patch(f"/_twin/conversations/{conversation}", json={"labels": ["assistant"]})
    await until_owned(phone, Owner.ASSISTANT)
    await lossy.chatwoot_http.delete("/_twin/faults")


async def test_with_chatwoot_down_candidates_are_answered_and_the_mirror_catches_up_in_order(lossy: Stack) -> None:
    phone, conversation = await met(lossy)
    await fault(lossy, on=r"(POST|GET) /api", action="drop", times=None)
    for number in range(3):
        await phone.exchange(f"message {number}")
    await lossy.chatwoot_http.delete("/_twin/faults")

    async def caught_up() -> bool:
        return await quiet(lossy, phone.number) and len(lossy.shown_in_chatwoot(conversation)) >= 8

    await until_true(caught_up, what="the mirror to catch up", seconds=60)
    view = await phone.view()
    shown = [each for each in lossy.shown_in_chatwoot(conversation) if not each.private]
    kinds = {"incoming": "candidate", "outgoing": "assistant"}
    assert [kinds[each.message_type] for each in shown] == [line.author for line in view.transcript]
    assert [each.content for each in shown if (each.content or "").startswith("message")] == [
        f"message {number}" for number in range(3)
    ]


@pytest.mark.parametrize("action", ["accept_then_drop", "accept_then_respond"])
async def test_a_write_without_an_answer_is_found_instead_of_repeated(lossy: Stack, action: str) -> None:
    phone, conversation = await met(lossy)
    await fault(lossy, on=rf"POST /api/.*/conversations/{conversation}/messages", action=action, times=2, status=502)
    await phone.exchange("I can drive a truck")

    async def all_there() -> bool:
        return await quiet(lossy, phone.number) and len(lossy.shown_in_chatwoot(conversation)) >= 4

    await until_true(all_there, what="the mirror", seconds=30)
    shown = [each.source_id for each in lossy.shown_in_chatwoot(conversation)]
    assert len(shown) == len(set(shown)) == 4


async def test_a_deleted_conversation_is_made_again_once_and_says_so(lossy: Stack) -> None:
    phone, conversation = await met(lossy)
    await lossy.chatwoot_http.delete(f"/_twin/conversations/{conversation}")
    await phone.exchange("I can drive a truck")

    async def again() -> bool:
        return (await phone.view()).chatwoot.conversation_id != conversation and await quiet(lossy, phone.number)

    await until_true(again, what="another conversation", seconds=30)
    made = (await phone.view()).chatwoot.conversation_id
    await until_noted(lossy, made, "was deleted here and made again")
    notes = [each for each in lossy.shown_in_chatwoot(made) if "made again" in (each.content or "")]
    assert len(notes) == 1


async def test_recruiters_who_write_into_running_turns_are_never_talked_over(lossy: Stack) -> None:
    async def race(number: int) -> tuple[list[str], int]:
        phone, conversation = await met(lossy)
        await phone.say("I would like to work as a driver.")
        await asyncio.sleep(0.05 * number)  # where in the turn the recruiter's message lands
        await lossy.recruiter(conversation, content="Rosa here")
        await phone.until(lambda all_: any("Rosa here" in each["text"] for each in all_), "Rosa", seconds=40)
        taken = [each["text"] for each in await phone.replies()].index("Rosa here")
        await phone.say("Thank you!")
        await until_true(lambda: quiet(lossy, phone.number), what="quiet", seconds=30)
        return [each["text"] for each in await phone.replies()], taken

    for texts, taken in await asyncio.gather(*[race(number) for number in range(20)]):
        assert texts[taken:] == ["Rosa here"]
