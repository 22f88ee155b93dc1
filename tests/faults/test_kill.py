"""Promises 1 and 2: a worker killed at any step loses nothing, and the candidate gets exactly one reply."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from app.database.outbox import Channel, State
from app.local.postgres import PostgresServer
from app.mailbox.keys import DUE
from app.recruiting.interview_texts import row_title
from tests.chatwoot.test_towards_candidates import until_noted
from tests.faults.dying import METHODS, NODES, STORED
from tests.faults.test_takeover import in_chatwoot, quiet
from tests.fixtures.stack import Stack, running_stack, until_true
from tests.interviews.making import slots_of, with_slots
from tests.interviews.test_journeys import calendar_of, known, offered

pytestmark = pytest.mark.xdist_group("faults")
# An uncertain row waits for its status, which settles it.
UNSETTLED = (State.PENDING, State.SENDING, State.UNCERTAIN)
STEPS = [*METHODS, *[f"before_{node}" for node in NODES]]


@pytest.fixture(scope="module")
async def doors(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose web process only stores; workers are the tests' own."""
    async with running_stack(postgres, tmp_path_factory.mktemp("kill"), WORKER_MODE="off") as stack:
        await stack.serve()
        yield stack


@pytest.fixture
async def workers(doors: Stack) -> AsyncIterator[Stack]:
    """The same; the test's workers end with it."""
    yield doors
    for process in doors.processes[1:]:
        await process.kill()
    del doors.processes[1:]


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_killed_after_any_step_leaves_exactly_one_reply(workers: Stack, step: str) -> None:
    doors = workers
    doomed = await doors.work("tests.faults.dying", DIE_AFTER=step)
    phone = await doors.candidate()
    await phone.say("Hello, I am looking for work")
    await asyncio.wait_for(doomed.child.wait(), 30)
    await doors.work()
    replies = await phone.until_said(1, seconds=30)

    async def all_rows_ended() -> bool:
        view = await phone.view()
        return bool(view.outbox) and all(row.state not in UNSETTLED for row in view.outbox)

    await until_true(all_rows_ended, what="every row of the outbox to reach its end", seconds=30)
    view = await phone.view()
    assert len(await phone.replies()) == len(replies) == 1
    assert [line.author for line in view.transcript] == ["candidate", "assistant"]
    whatsapp = [row for row in view.outbox if row.channel is Channel.WHATSAPP]
    assert [row.state in (State.SENT, State.DELIVERED, State.READ) for row in whatsapp] == [True]
    assert view.turn_no == 1
    shown = [message.content for message in doors.shown_in_chatwoot(view.chatwoot.conversation_id)]
    assert len(shown) == 2, shown


async def test_a_retry_cut_short_by_a_crash_is_done_once_and_answered_truly(workers: Stack) -> None:
    doors = workers
    well = await doors.work()
    phone = await doors.candidate()
    await phone.say("Hello, I am looking for work")
    await phone.until_said(1, seconds=30)
    conversation = (await in_chatwoot(doors, phone)).chatwoot.conversation_id
    lost = {"on": "POST /messages", "match": "call me", "action": "respond", "status": 400, "code": 131026}
    await doors.whatsapp_http.post("/_twin/faults", json=lost)
    await doors.recruiter(conversation, content="Can you call me?")
    await until_noted(doors, conversation, "`/retry`")
    await well.kill()
    doomed = await doors.work("tests.faults.dying", DIE_AFTER="rearmed")
    await doors.recruiter(conversation, content="/retry", private=True)
    await asyncio.wait_for(doomed.child.wait(), 30)
    await doors.work()
    await until_noted(doors, conversation, "1 of the messages that failed", seconds=30)
    await phone.until(lambda all_: any("call me" in each["text"] for each in all_), "the message", seconds=30)
    await until_true(lambda: quiet(doors, phone.number), what="quiet", seconds=30)
    assert len([each for each in await phone.replies() if "call me" in each["text"]]) == 1
    assert not [each for each in doors.shown_in_chatwoot(conversation) if "Nothing failed" in (each.content or "")]


async def test_a_web_process_killed_between_storing_and_waking_loses_nothing(workers: Stack) -> None:
    doors = workers
    await doors.processes[0].kill()
    redis = Redis.from_url(doors.environ["REDIS_URL"])
    doomed = await doors.serve(module="tests.faults.dying", DIE_AFTER=STORED)
    try:
        phone = await doors.candidate()
        await phone.say("Hello, I am looking for work")

        async def stored() -> bool:
            return bool(await redis.zcard(DUE))

        await until_true(stored, what="the message to be stored")
        assert await phone.replies() == []  # nobody works yet
        await doors.work()
        replies = await phone.until_said(1, seconds=30)
    finally:
        await redis.aclose()
        await doomed.kill()
        doors.processes[0] = await doors.serve()
        doors.processes.pop()
    await until_true(lambda: quiet(doors, phone.number), what="quiet")
    assert len(await phone.replies()) == len(replies) == 1
    assert (await phone.view()).turn_no == 1


async def test_a_worker_killed_when_it_has_booked_leaves_one_booking_told_once(workers: Stack) -> None:
    doors = workers
    vacancy, (slot, _) = await with_slots(doors.record)
    well = await doors.work()
    phone, conversation = await known(doors)
    await offered(doors, phone, conversation, vacancy.code)
    await well.kill()
    doomed = await doors.work("tests.faults.dying", DIE_AFTER="committed")
    await phone.tap(row_title(slot, "en"))
    await asyncio.wait_for(doomed.child.wait(), 30)
    await doors.work()
    await calendar_of(doors, phone)
    await until_noted(doors, conversation, "booked by the candidate")

    async def all_rows_ended() -> bool:
        return all(row.state not in UNSETTLED for row in (await phone.view()).outbox)

    await until_true(all_rows_ended, what="every row of the outbox to reach its end", seconds=30)
    replies = await phone.replies()
    assert [sum("is booked" in reply["text"] for reply in replies), sum("file" in reply for reply in replies)] == [1, 1]
    notes = [each.content or "" for each in doors.shown_in_chatwoot(conversation) if each.private]
    assert sum("booked by the candidate" in note for note in notes) == 1
    assert [each.booked for each in await slots_of(doors.record, vacancy.code)] == [1, 0]
