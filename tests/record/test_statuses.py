"""Delivery reports in any order, any number of times, in any batches, end in the same state."""

import itertools
import random
import uuid

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database.conversations import ConversationView
from app.database.outbox import OutboxRow, Outcome, Settlement, State
from app.database.record import Record
from app.recruiting.events import StatusReported
from tests.fixtures.desk import committed, opened, row, unique

RANKS = ["sent", "failed", "delivered", "read", "played"]


async def sending(record: Record) -> str:
    """A row that is under way: claimed by worker-1, no receipt yet. Returns its id."""
    new = row()
    await committed(record, await opened(record), outbox=[new])
    return new.id


async def state_of(record: Record, row_id: str) -> OutboxRow:
    found = await record.pool.client.table("outbox").select("conversation_id").eq("id", row_id).execute()
    conversation = msgspec.convert(found.data, list[dict[str, str]])[0]["conversation_id"]
    view: ConversationView | None = await record.conversations.view(conversation_id=conversation)
    assert view is not None
    return next(r for r in view.outbox if r.id == row_id)


def report(status: str, *, wamid: str, row_id: str = "", at: float = 100.0, code: int = 0) -> StatusReported:
    return StatusReported(wamid=wamid, status=status, at=at, outbox_id=row_id, error_code=code)


async def test_a_status_settles_a_row_whose_receipt_was_lost(record: Record) -> None:
    row_id, wamid = await sending(record), unique("wamid.")
    folded = await record.statuses.fold([report("delivered", wamid=wamid, row_id=row_id)])
    assert folded.folded == 1
    assert [(c.outbox_id, c.status) for c in folded.changed] == [(row_id, State.DELIVERED)]
    now = await state_of(record, row_id)
    assert (now.state, now.vendor_id) == (State.DELIVERED, wamid)


async def test_a_status_without_our_id_finds_its_row_by_the_vendors(record: Record) -> None:
    row_id, wamid = await sending(record), unique("wamid.")
    await record.outbox.settle("worker-1", [Settlement(id=row_id, status=Outcome.SENT, vendor_id=wamid)])
    folded = await record.statuses.fold([report("read", wamid=wamid), report("delivered", wamid=wamid)])
    assert (folded.folded, folded.unknown) == (2, [])
    assert (await state_of(record, row_id)).state is State.READ


async def test_a_status_of_an_unknown_message_is_handed_back(record: Record) -> None:
    strangers = [
        report("sent", wamid=unique("wamid.")),
        report("sent", wamid=unique("wamid."), row_id=str(uuid.uuid4())),
        report("read", wamid=unique("wamid."), row_id="'; drop table outbox; --"),
    ]
    folded = await record.statuses.fold(strangers)
    assert folded.folded == 0
    assert folded.unknown == strangers


async def test_a_failure_is_told_once_with_its_code(record: Record) -> None:
    row_id, wamid = await sending(record), unique("wamid.")
    failed = report("failed", wamid=wamid, row_id=row_id, code=131047)
    folded = await record.statuses.fold([failed, failed])
    assert [(f.outbox_id, f.error_code) for f in folded.failed] == [(row_id, "131047")]
    assert (await record.statuses.fold([failed])).failed == []


async def test_a_delivery_disproves_a_failure(record: Record) -> None:
    row_id, wamid = await sending(record), unique("wamid.")
    await record.statuses.fold([report("failed", wamid=wamid, row_id=row_id, code=131000)])
    await record.statuses.fold([report("delivered", wamid=wamid, row_id=row_id)])
    now = await state_of(record, row_id)
    assert (now.state, now.error_code) == (State.DELIVERED, None)


async def test_a_status_this_version_does_not_know_changes_nothing(record: Record) -> None:
    row_id = await sending(record)
    folded = await record.statuses.fold([report("warning", wamid=unique("wamid."), row_id=row_id)])
    assert (folded.changed, folded.failed) == ([], [])
    assert (await state_of(record, row_id)).state is State.SENDING


async def test_an_empty_batch_is_fine(record: Record) -> None:
    assert (await record.statuses.fold([])).folded == 0


REPORTS = st.lists(
    st.tuples(st.sampled_from(RANKS), st.integers(100, 104), st.sampled_from([0, 131026, 131047])),
    min_size=1,
    max_size=5,
)


@given(reports=REPORTS, cuts=st.lists(st.integers(0, 5), max_size=3), shuffle=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_order_in_any_batches_ends_in_the_same_state(
    record: Record, reports: list[tuple[str, int, int]], cuts: list[int], shuffle: random.Random
) -> None:
    wamid_a, wamid_b = unique("wamid."), unique("wamid.")
    row_a, row_b = await sending(record), await sending(record)
    shuffled = list(reports)
    shuffle.shuffle(shuffled)

    await record.statuses.fold([_made(r, wamid_a, row_a) for r in reports])
    edges = [0, *sorted(cut for cut in cuts if cut < len(shuffled)), len(shuffled)]
    for start, end in itertools.pairwise(edges):
        await record.statuses.fold([_made(r, wamid_b, row_b) for r in shuffled[start:end]])
        await record.statuses.fold([_made(r, wamid_b, row_b) for r in shuffled[:end]])

    a, b = await state_of(record, row_a), await state_of(record, row_b)
    assert a.state == max((r[0] for r in reports), key=RANKS.index)
    assert _timeless(a) == _timeless(b)


@given(order=st.permutations(["settle", "sent", "delivered", "read"]))
@settings(max_examples=24, deadline=None, suppress_health_check=list(HealthCheck))
async def test_the_receipt_and_its_reports_may_race(record: Record, order: list[str]) -> None:
    row_id, wamid = await sending(record), unique("wamid.")
    for step in order:
        if step == "settle":
            await record.outbox.settle("worker-1", [Settlement(id=row_id, status=Outcome.SENT, vendor_id=wamid)])
        else:
            await record.statuses.fold([report(step, wamid=wamid, row_id=row_id)])
    now = await state_of(record, row_id)
    assert (now.state, now.vendor_id) == (State.READ, wamid)
    assert now.sent_at is not None
    assert now.sent_at.timestamp() == 100.0


def _made(made: tuple[str, int, int], wamid: str, row_id: str) -> StatusReported:
    status, at, code = made
    return report(status, wamid=wamid, row_id=row_id, at=at, code=code if status == "failed" else 0)


def _timeless(row_: OutboxRow) -> tuple[object, ...]:
    return (row_.state, row_.error_code, row_.sent_at, row_.delivered_at, row_.read_at, row_.reconcile_after)
