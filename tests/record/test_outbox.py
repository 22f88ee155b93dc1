"""Rows of a lane leave strictly in order, each to one worker, and never twice by accident."""

import asyncio
import time

import asyncpg
import pytest

from app.database.conversations import OpenTurn, Owner, OwnerChange
from app.database.outbox import Channel, ClaimedRow, NewOutboxRow, Outcome, Settlement, State
from app.database.record import Record
from tests.fixtures.desk import committed, opened, reopened, row, unique


async def chatwoot_rows(record: Record, count: int) -> tuple[OpenTurn, list[NewOutboxRow]]:
    """A conversation whose Chatwoot lane holds rows that nobody claimed (a commit claims WhatsApp's only)."""
    turn = await opened(record)
    rows = [row(channel=Channel.CHATWOOT, author="system", text=str(n)) for n in range(count)]
    await committed(record, turn, outbox=rows)
    return turn, rows


async def claim(
    record: Record, turn: OpenTurn, *, worker: str = "w1", lease: float = 30, limit: int = 20
) -> list[ClaimedRow]:
    return await record.outbox.claim(
        conversation_id=turn.conversation_id,
        channel=Channel.CHATWOOT,
        worker=worker,
        lease_seconds=lease,
        limit=limit,
    )


async def states(record: Record, turn: OpenTurn) -> list[State]:
    view = await record.conversations.view(conversation_id=turn.conversation_id)
    assert view is not None
    return [r.state for r in view.outbox]


async def is_due(record: Record, turn: OpenTurn) -> bool:
    return any(lane.conversation_id == turn.conversation_id for lane in await record.outbox.due(limit=10_000))


async def age(dsn: str, turn: OpenTurn, column: str, seconds: float) -> None:
    """Let a lease or waiting time of the conversation's rows pass, without waiting for it."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        f"update public.outbox set {column} = {column} - make_interval(secs => $2) where conversation_id = $1",  # noqa: S608
        turn.conversation_id,
        seconds,
    )
    await connection.close()


async def test_rows_are_claimed_in_order_and_by_one_worker(record: Record) -> None:
    turn, rows = await chatwoot_rows(record, 5)
    claims = await asyncio.gather(*(claim(record, turn, worker=f"w{n}") for n in range(8)))
    taken = [c for c in claims if c]
    assert len(taken) == 1
    assert [r.id for r in taken[0]] == [r.id for r in rows]
    assert [r.seq for r in taken[0]] == [1, 2, 3, 4, 5]


async def test_no_row_passes_one_that_is_being_sent(record: Record) -> None:
    turn, rows = await chatwoot_rows(record, 3)
    assert [r.id for r in await claim(record, turn, limit=1)] == [rows[0].id]
    assert await claim(record, turn, worker="w2") == []
    assert not await is_due(record, turn)
    await record.outbox.settle("w1", [Settlement(id=rows[0].id, status=Outcome.SENT, vendor_id=unique())])
    assert await is_due(record, turn)
    assert [r.id for r in await claim(record, turn, worker="w2")] == [rows[1].id, rows[2].id]


async def test_no_row_passes_one_that_waits_for_its_retry(record: Record, postgres_dsn: str) -> None:
    turn, rows = await chatwoot_rows(record, 2)
    await claim(record, turn, limit=1)
    retry = Settlement(id=rows[0].id, status=Outcome.RETRY, retry_at=time.time() + 60, error_code="503")
    await record.outbox.settle("w1", [retry])
    assert await claim(record, turn) == []
    assert not await is_due(record, turn)
    await age(postgres_dsn, turn, "retry_at", 61)
    assert await is_due(record, turn)
    assert [(r.id, r.attempts) for r in await claim(record, turn)] == [(rows[0].id, 2), (rows[1].id, 1)]


async def test_a_refused_row_does_not_hold_up_the_lane(record: Record) -> None:
    turn, rows = await chatwoot_rows(record, 3)
    await claim(record, turn, limit=2)
    refused = Settlement(id=rows[0].id, status=Outcome.FAILED, error_code="131026", error_title="unreachable")
    given_up = Settlement(id=rows[1].id, status=Outcome.DEAD, error_code="500")
    assert await record.outbox.settle("w1", [refused, given_up]) == 2
    assert [r.id for r in await claim(record, turn)] == [rows[2].id]


async def test_a_row_whose_worker_died_is_asked_about_before_it_is_sent(record: Record, postgres_dsn: str) -> None:
    turn, rows = await chatwoot_rows(record, 2)
    await claim(record, turn, worker="dies", limit=1)
    assert await claim(record, turn, worker="w2") == []
    await age(postgres_dsn, turn, "lease_until", 31)
    assert await is_due(record, turn)
    reconciled = await claim(record, turn, worker="w2")
    assert [(r.id, r.reconcile) for r in reconciled] == [(rows[0].id, True)]
    await record.outbox.settle("w2", [Settlement(id=rows[0].id, status=Outcome.RETRY)])
    assert [(r.id, r.reconcile) for r in await claim(record, turn, worker="w2")] == [
        (rows[0].id, False),
        (rows[1].id, False),
    ]


async def test_a_lane_known_to_be_abandoned_is_taken_over_at_once(record: Record) -> None:
    turn, rows = await chatwoot_rows(record, 2)
    await claim(record, turn, worker="dies")
    taken = await record.outbox.claim(
        conversation_id=turn.conversation_id, channel=Channel.CHATWOOT, worker="w2", lease_seconds=30, abandoned=True
    )
    assert [(r.id, r.reconcile) for r in taken] == [(rows[0].id, True)]


async def test_a_row_given_back_untouched_has_lost_no_attempt(record: Record) -> None:
    turn, rows = await chatwoot_rows(record, 2)
    await claim(record, turn)
    back = [Settlement(id=r.id, status=Outcome.RELEASED) for r in rows]
    assert await record.outbox.settle("w1", back) == 2
    assert [(r.id, r.attempts, r.reconcile) for r in await claim(record, turn)] == [
        (rows[0].id, 1, False),
        (rows[1].id, 1, False),
    ]


async def test_rows_that_no_turn_brings_join_the_end_of_their_lane_once(record: Record) -> None:
    turn, rows = await chatwoot_rows(record, 1)
    note = row(channel=Channel.CHATWOOT, author="system", text="not delivered")
    assert await record.outbox.add(turn.conversation_id, [note]) == 1
    assert await record.outbox.add(turn.conversation_id, [note]) == 0
    assert [(r.id, r.seq) for r in await claim(record, turn)] == [(rows[0].id, 1), (note.id, 2)]


async def test_a_worker_that_wakes_late_tells_what_it_knows_but_cannot_undo(record: Record, postgres_dsn: str) -> None:
    turn, rows = await chatwoot_rows(record, 1)
    await claim(record, turn, worker="frozen")
    await age(postgres_dsn, turn, "lease_until", 31)
    assert len(await claim(record, turn, worker="w2")) == 1

    for outcome in (Outcome.RETRY, Outcome.FAILED, Outcome.UNCERTAIN, Outcome.CANCELLED, Outcome.DEAD):
        assert await record.outbox.settle("frozen", [Settlement(id=rows[0].id, status=outcome)]) == 0
    assert await states(record, turn) == [State.SENDING]
    assert await record.outbox.settle("frozen", [Settlement(id=rows[0].id, status=Outcome.SENT, vendor_id="v")]) == 1
    assert await states(record, turn) == [State.SENT]


@pytest.mark.parametrize("late", [o for o in Outcome if o is not Outcome.SENT])
async def test_a_sent_row_is_never_turned_back(record: Record, late: Outcome) -> None:
    turn, rows = await chatwoot_rows(record, 1)
    await claim(record, turn)
    sent = Settlement(id=rows[0].id, status=Outcome.SENT, vendor_id="v1")
    assert await record.outbox.settle("w1", [sent]) == 1
    assert await record.outbox.settle("w1", [sent]) == 1
    assert await record.outbox.settle("w1", [Settlement(id=rows[0].id, status=late)]) == 0
    assert await states(record, turn) == [State.SENT]


async def test_an_ambiguous_row_waits_for_its_reconciliation(record: Record, postgres_dsn: str) -> None:
    turn, rows = await chatwoot_rows(record, 2)
    await claim(record, turn)
    uncertain = Settlement(id=rows[0].id, status=Outcome.UNCERTAIN, reconcile_after=time.time() + 60)
    assert await record.outbox.settle("w1", [uncertain]) == 1
    assert await claim(record, turn) == []
    await record.outbox.settle("w1", [Settlement(id=rows[1].id, status=Outcome.RETRY)])
    await age(postgres_dsn, turn, "reconcile_after", 61)
    assert [(r.id, r.reconcile) for r in await claim(record, turn)] == [(rows[0].id, True)]


async def test_the_lanes_of_a_conversation_do_not_wait_for_each_other(record: Record) -> None:
    turn = await opened(record)
    whatsapp, chatwoot = row(), row(channel=Channel.CHATWOOT, author="system")
    result = await committed(record, turn, outbox=[whatsapp, chatwoot])
    assert [r.id for r in result.claimed] == [whatsapp.id]
    assert [r.id for r in await claim(record, turn)] == [chatwoot.id]


async def test_due_lanes_can_be_asked_by_channel(record: Record) -> None:
    turn, _ = await chatwoot_rows(record, 1)
    due = await record.outbox.due(channel=Channel.CHATWOOT, limit=10_000)
    assert [lane.address for lane in due if lane.conversation_id == turn.conversation_id] == [turn.address]
    due = await record.outbox.due(channel=Channel.WHATSAPP, limit=10_000)
    assert [lane for lane in due if lane.conversation_id == turn.conversation_id] == []


async def test_a_given_up_row_can_be_armed_again_once(record: Record) -> None:
    turn, rows = await chatwoot_rows(record, 2)
    await claim(record, turn, limit=1)
    await record.outbox.settle("w1", [Settlement(id=rows[0].id, status=Outcome.DEAD, error_code="500")])
    dead = [r for r in await record.outbox.dead(limit=10_000) if r.conversation_id == turn.conversation_id]
    assert [(r.id, r.error_code, r.address) for r in dead] == [(rows[0].id, "500", turn.address)]
    assert await record.outbox.rearm(rows[0].id)
    assert not await record.outbox.rearm(rows[0].id)
    assert [(r.id, r.attempts) for r in await claim(record, turn)] == [(rows[0].id, 1), (rows[1].id, 1)]


async def test_workers_competing_for_many_lanes_send_each_row_once_and_in_order(record: Record) -> None:
    lanes = [await chatwoot_rows(record, 4) for _ in range(6)]
    ours = {turn.conversation_id: turn for turn, _ in lanes}
    sent: dict[str, list[str]] = {key: [] for key in ours}

    async def work(name: str) -> None:
        while any(len(rows) < 4 for rows in sent.values()):
            for lane in await record.outbox.due(channel=Channel.CHATWOOT, limit=10_000):
                if lane.conversation_id not in ours:
                    continue
                for claimed in await claim(record, ours[lane.conversation_id], worker=name, limit=2):
                    await asyncio.sleep(0)
                    sent[lane.conversation_id].append(claimed.id)
                    await record.outbox.settle(
                        name, [Settlement(id=claimed.id, status=Outcome.SENT, vendor_id=claimed.id)]
                    )

    await asyncio.gather(*(work(f"w{n}") for n in range(5)))
    assert sent == {turn.conversation_id: [r.id for r in rows] for turn, rows in lanes}


async def test_a_row_taken_back_for_retry_after_a_takeover_is_not_sent(record: Record) -> None:
    turn = await opened(record)
    late = row()
    await committed(record, turn, outbox=[late])
    await committed(record, await reopened(record, turn), owner=OwnerChange(owner=Owner.HUMAN, reason="x"))
    await record.outbox.settle("worker-1", [Settlement(id=late.id, status=Outcome.RETRY)])
    claimed = await record.outbox.claim(
        conversation_id=turn.conversation_id, channel=Channel.WHATSAPP, worker="w", lease_seconds=5
    )
    assert claimed == []
    assert await states(record, turn) == [State.CANCELLED]
