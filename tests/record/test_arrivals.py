"""What a candidate says is stored and shown ahead of its turn; the turn completes it, whichever of the two is first."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database.conversations import CommitStatus, NewMessage, Shown
from app.database.outbox import Channel, NewOutboxRow
from app.database.record import Record
from app.engine.composer import arrival
from app.recruiting.events import Sender
from app.recruiting.messages import InboundMessage, Kind
from tests.fixtures.desk import committed, opened, reopened, said, somebody, unique


def spoken(text: str) -> tuple[NewMessage, NewOutboxRow]:
    message = InboundMessage(message_id=unique("wamid."), sent_at=time.time(), kind=Kind.TEXT, text=text)
    return arrival(message)


async def show(
    record: Record, address: str, person: Sender, pairs: list[tuple[NewMessage, NewOutboxRow]]
) -> Shown | None:
    return await record.conversations.show_arrivals(
        address=address,
        number_id="1",
        sender=person,
        previous=None,
        messages=[stored for stored, _ in pairs],
        outbox=[row for _, row in pairs],
        worker="arrivals",
        lease_seconds=30,
    )


async def test_it_keeps_its_place_waits_for_its_turn_and_gets_the_turns_words(record: Record) -> None:
    address, person = unique("wa:1:"), somebody()
    first, second = spoken("[voice]"), spoken("Hello?")
    shown = await show(record, address, person, [first])
    assert shown is not None
    assert [row.id for row in shown.claimed] == [first[1].id]
    turn = await record.conversations.open_turn(
        address=address, number_id="1", sender=person, message_ids=[first[0].message_id]
    )
    assert (turn.transcript, turn.seen) == ([], [])  # nobody has handled it
    assert turn.window_expires_at is not None
    assert turn.window_expires_at > datetime.now(UTC) + timedelta(hours=23)
    # Another one arrives while the model thinks; the turn that answers the first is committed behind it.
    await show(record, address, person, [first, second])
    heard = msgspec.structs.replace(first[0], text="I live in Gent")
    answer = said("Noted", author="assistant")
    result = await committed(record, turn, messages=[heard, answer], outbox=[first[1]])
    assert result.status is CommitStatus.COMMITTED
    view = await record.conversations.view(address=address)
    assert view is not None
    assert [line.text for line in view.transcript] == ["I live in Gent", "Hello?", "Noted"]
    assert [row.id for row in view.outbox] == [first[1].id, second[1].id]
    ids = [first[0].message_id, second[0].message_id]
    again = await record.conversations.find(address, ids)
    assert again is not None
    assert ([line.text for line in again.transcript], again.seen) == (["I live in Gent", "Noted"], ids[:1])


async def test_what_a_turn_has_stored_is_not_shown_again_under_another_id(record: Record) -> None:
    """Rows of an older version have other ids."""
    turn = await opened(record, person := somebody())
    pair = spoken("Hello")
    await committed(record, turn, messages=[pair[0]])
    shown = await show(record, turn.address, person, [pair])
    assert shown is not None
    assert shown.claimed == []
    view = await record.conversations.view(address=turn.address)
    assert view is not None
    assert view.outbox == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(["show 1", "show 12", "show 12", "commit 1", "commit 2"]), at_once=st.booleans())
async def test_in_any_order_and_at_once_every_message_is_stored_and_shown_once(
    record: Record, order: list[str], at_once: bool
) -> None:
    address, person = unique("wa:1:"), somebody()
    turn = await opened(record, person, address=address)
    pairs = {"1": spoken("one"), "2": spoken("two")}

    async def step(name: str) -> None:
        what, _, which = name.partition(" ")
        chosen = [pairs[each] for each in which]
        if what == "show":
            await show(record, address, person, chosen)
            return
        status = CommitStatus.STALE
        while status is CommitStatus.STALE:
            now = await reopened(record, turn)
            outbox = [row for _, row in chosen]
            status = (await committed(record, now, messages=[stored for stored, _ in chosen], outbox=outbox)).status

    if at_once:
        await asyncio.gather(*[step(name) for name in order])
    else:
        for name in order:
            await step(name)
    view = await record.conversations.view(address=address)
    assert view is not None
    assert sorted(line.text for line in view.transcript) == ["one", "two"]
    shown = [row.body["text"] for row in view.outbox if row.channel is Channel.CHATWOOT]
    assert shown == [line.text for line in view.transcript], "Chatwoot's order is the record's"
    assert [line.text for line in (await reopened(record, turn)).transcript] == shown
