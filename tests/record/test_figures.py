"""Alarms read waiting rows, given-up rows and unanswered candidates from the record in one call."""

import time

import asyncpg
import pytest

from app.database.conversations import NewMessage, Owner, OwnerChange
from app.database.figures import Figures, read_figures
from app.database.outbox import Channel
from app.database.record import Record
from tests.fixtures.desk import committed, opened, reopened, row, unique


@pytest.fixture
def figures(record: Record) -> "Reader":
    return Reader(record)


class Reader:
    def __init__(self, record: Record) -> None:
        self._record = record

    async def read(self) -> Figures:
        return await read_figures(self._record.pool, unanswered_after_seconds=60)


def said(author: str, ago: float) -> NewMessage:
    return NewMessage(message_id=unique("m"), author=author, kind="text", text="x", sent_at=time.time() - ago)


async def test_waiting_and_given_up_rows_are_counted(record: Record, figures: Reader, postgres_dsn: str) -> None:
    before = await figures.read()
    turn = await opened(record)
    rows = [row(channel=Channel.CHATWOOT, author="system", text=str(n)) for n in range(3)]
    await committed(record, turn, outbox=rows)
    waiting = await figures.read()
    lane = waiting.lanes["chatwoot"]
    assert lane.waiting - (before.lanes["chatwoot"].waiting if "chatwoot" in before.lanes else 0) == 3
    assert lane.oldest_seconds >= 0
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("update public.outbox set state = 'dead' where id = $1", rows[0].id)
    await connection.close()
    after = await figures.read()
    assert after.given_up - waiting.given_up == 1
    assert waiting.lanes["chatwoot"].waiting - after.lanes["chatwoot"].waiting == 1


async def test_a_candidate_whom_no_person_answers_is_counted_until_someone_does(
    record: Record, figures: Reader
) -> None:
    before = (await figures.read()).unanswered
    turn = await opened(record)
    change = OwnerChange(owner=Owner.HUMAN, reason="human")
    await committed(record, turn, messages=[said("candidate", 300)], owner=change, window_at=time.time() - 300)
    assert (await figures.read()).unanswered == before + 1
    turn = await reopened(record, turn)
    await committed(record, turn, messages=[said("human", 10)])
    assert (await figures.read()).unanswered == before
    turn = await reopened(record, turn)
    await committed(record, turn, messages=[said("candidate", 5)], window_at=time.time() - 5)
    assert (await figures.read()).unanswered == before  # only just now
