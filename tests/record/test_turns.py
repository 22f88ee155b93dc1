"""A turn is committed once, whole, and only by who still has the right to."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.database.conversations import (
    ChatwootLink,
    CommitStatus,
    NewConsent,
    NewFact,
    Owner,
    OwnerChange,
)
from app.database.errors import BadRequest, Conflict
from app.database.outbox import Channel, Settlement, State
from app.database.record import Record
from tests.fixtures.desk import commit_for, committed, opened, reopened, row, said, unique


async def test_a_committed_turn_is_what_the_next_one_opens_with(record: Record) -> None:
    turn = await opened(record)
    message = said("I live in Gent")
    fact = NewFact(
        field="city", value={"name": "Gent"}, quote="Gent", message_id=message.message_id, source="chat", confidence=0.5
    )
    consent = NewConsent(
        purpose="whatsapp", granted=True, text_version="v1", language="nl", message_id="m", method="button:yes"
    )
    await committed(
        record,
        turn,
        messages=[message, said("Noted", author="assistant")],
        facts=[fact],
        consents=[consent],
        intake={"stage": 2},
        language="nl",
        stage="profile",
        window_at=message.sent_at,
        chatwoot=ChatwootLink(contact_id=7, conversation_id=9),
    )
    now = await reopened(record, turn)
    assert now.turn_no == 1
    assert [(line.author, line.text) for line in now.transcript] == [
        ("candidate", "I live in Gent"),
        ("assistant", "Noted"),
    ]
    assert [(f.field, f.value, f.quote, f.confidence) for f in now.facts] == [("city", {"name": "Gent"}, "Gent", 0.5)]
    assert [(c.purpose, c.granted) for c in now.consents] == [("whatsapp", True)]
    assert (now.intake, now.language, now.chatwoot.conversation_id) == ({"stage": 2}, "nl", 9)
    sent_at = datetime.fromtimestamp(message.sent_at, UTC)
    assert now.window_expires_at is not None
    assert abs(now.window_expires_at - sent_at - timedelta(hours=24)) < timedelta(milliseconds=1)


async def test_what_a_commit_does_not_name_stays_as_it_is(record: Record) -> None:
    turn = await opened(record)
    await committed(record, turn, intake={"a": 1}, language="nl", window_at=time.time(), stage="open")
    before = await reopened(record, turn)
    await committed(record, before)
    after = await reopened(record, turn)
    assert msgspec.structs.replace(after, turn_no=before.turn_no) == before


async def test_repeating_a_commit_writes_nothing_and_says_so(record: Record) -> None:
    turn = await opened(record)
    commit = commit_for(turn, messages=[said()], outbox=[row()])
    first = await record.conversations.commit_turn(commit)
    assert first.status is CommitStatus.COMMITTED
    assert [r.id for r in first.claimed] == [commit.outbox[0].id]
    again = await record.conversations.commit_turn(commit)
    assert again.status is CommitStatus.REPEATED
    # The first answer was lost, perhaps with its worker: the row comes back, to be asked about before it is sent.
    assert [(r.id, r.reconcile) for r in again.claimed] == [(commit.outbox[0].id, True)]
    view = await record.conversations.view(address=turn.address)
    assert view is not None
    assert (len(view.transcript), len(view.outbox), len(view.turns)) == (1, 1, 1)


async def test_a_repeated_commit_still_hands_out_rows_that_wait(record: Record) -> None:
    turn = await opened(record)
    commit = commit_for(turn, outbox=[row()])
    await record.conversations.commit_turn(commit)
    await record.outbox.settle("worker-1", [_retry(commit.outbox[0].id)])
    again = await record.conversations.commit_turn(commit)
    assert again.status is CommitStatus.REPEATED
    assert [(r.id, r.attempts) for r in again.claimed] == [(commit.outbox[0].id, 2)]


async def test_the_same_turn_committed_at_once_is_written_once(record: Record) -> None:
    turn = await opened(record)
    commit = commit_for(turn, messages=[said()], outbox=[row(), row()])
    results = await asyncio.gather(*(record.conversations.commit_turn(commit) for _ in range(10)))
    assert sorted(r.status for r in results) == [CommitStatus.COMMITTED] + [CommitStatus.REPEATED] * 9
    fresh = [r.id for result in results for r in result.claimed if not r.reconcile]
    assert sorted(fresh) == sorted(r.id for r in commit.outbox)


async def test_of_different_turns_at_once_one_wins_and_the_others_are_stale(record: Record) -> None:
    turn = await opened(record)
    results = await asyncio.gather(*(committed(record, turn, messages=[said()]) for _ in range(10)))
    assert sorted(r.status for r in results) == [CommitStatus.COMMITTED] + [CommitStatus.STALE] * 9
    assert len((await reopened(record, turn)).transcript) == 1


async def test_a_stale_commit_writes_nothing(record: Record) -> None:
    turn = await opened(record)
    await committed(record, turn)
    result = await committed(record, turn, messages=[said()], outbox=[row()], intake={"x": 1})
    assert (result.status, result.claimed) == (CommitStatus.STALE, [])
    now = await reopened(record, turn)
    assert (now.turn_no, now.transcript, now.intake) == (1, [], {})


async def test_the_assistant_cannot_commit_after_a_person_took_over(record: Record) -> None:
    turn = await opened(record)
    taken = await committed(record, turn, owner=OwnerChange(owner=Owner.HUMAN, reason="recruiter wrote"))
    assert (taken.owner, taken.fence) == (Owner.HUMAN, turn.fence + 1)
    late = commit_for(turn, turn_no=1, messages=[said()], outbox=[row()])
    assert (await record.conversations.commit_turn(late)).status is CommitStatus.TAKEN_OVER
    assert (await reopened(record, turn)).transcript == []


async def test_while_a_person_owns_it_messages_are_kept_and_the_assistant_is_silent(record: Record) -> None:
    turn = await opened(record)
    await committed(record, turn, owner=OwnerChange(owner=Owner.HUMAN, reason="x"))
    turn = await reopened(record, turn)
    assert (await committed(record, turn, outbox=[row()])).status is CommitStatus.TAKEN_OVER
    kept = await committed(record, turn, messages=[said("for you")], outbox=[row(author="system")])
    assert kept.status is CommitStatus.COMMITTED
    mirrored = await committed(
        record, await reopened(record, turn), outbox=[row(author="assistant", channel=Channel.CHATWOOT)]
    )
    assert mirrored.status is CommitStatus.COMMITTED


async def test_the_turn_that_hands_over_may_still_say_goodbye(record: Record) -> None:
    turn = await opened(record)
    goodbye = row(text="a colleague will answer")
    result = await committed(record, turn, outbox=[goodbye], owner=OwnerChange(owner=Owner.HUMAN, reason="asked"))
    assert result.status is CommitStatus.COMMITTED
    assert [(r.id, r.fence) for r in result.claimed] == [(goodbye.id, turn.fence + 1)]


async def test_the_turn_that_returns_the_conversation_may_speak(record: Record) -> None:
    turn = await opened(record)
    await committed(record, turn, owner=OwnerChange(owner=Owner.HUMAN, reason="x"))
    turn = await reopened(record, turn)
    back = await committed(record, turn, outbox=[row()], owner=OwnerChange(owner=Owner.ASSISTANT, reason="/bot"))
    assert (back.status, back.owner, len(back.claimed)) == (CommitStatus.COMMITTED, Owner.ASSISTANT, 1)


async def test_the_same_owner_again_moves_no_fence(record: Record) -> None:
    turn = await opened(record)
    await committed(record, turn, owner=OwnerChange(owner=Owner.HUMAN, reason="x"))
    again = await committed(
        record, await reopened(record, turn), owner=OwnerChange(owner=Owner.HUMAN, reason="wrote again")
    )
    assert again.fence == turn.fence + 1
    assert (await reopened(record, turn)).owner_reason == "wrote again"


async def test_a_takeover_cancels_what_the_assistant_has_not_sent_and_its_mirror(record: Record) -> None:
    turn = await opened(record)
    sent, waiting, person = row(text="sent"), row(text="waiting"), row(author="human", text="from a person")
    mirrors = [row(channel=Channel.CHATWOOT, author="assistant", mirrors=r.id) for r in (sent, waiting)]
    await committed(record, turn, outbox=[sent, waiting, *mirrors])
    await record.outbox.settle("worker-1", [_sent(sent.id), _retry(waiting.id)])
    result = await committed(
        record, await reopened(record, turn), outbox=[person], owner=OwnerChange(owner=Owner.HUMAN, reason="x")
    )
    assert [r.id for r in result.claimed] == [person.id]
    view = await record.conversations.view(address=turn.address)
    assert view is not None
    assert {r.id: r.state for r in view.outbox} == {
        sent.id: State.SENT,
        waiting.id: State.CANCELLED,
        mirrors[0].id: State.PENDING,
        mirrors[1].id: State.CANCELLED,
        person.id: State.SENDING,
    }


async def test_stop_cancels_earlier_rows_of_the_assistant_but_not_the_confirmation(record: Record) -> None:
    turn = await opened(record)
    earlier, confirmation = row(text="earlier"), row(text="you will hear no more")
    await committed(record, turn, outbox=[earlier])
    await record.outbox.settle("worker-1", [_retry(earlier.id)])
    result = await committed(record, await reopened(record, turn), outbox=[confirmation], opted_out=True)
    assert [r.id for r in result.claimed] == [confirmation.id]
    assert (await reopened(record, turn)).opted_out
    await committed(record, await reopened(record, turn), opted_out=False)
    assert not (await reopened(record, turn)).opted_out


async def test_a_message_is_stored_once_whatever_turn_brings_it(record: Record) -> None:
    turn = await opened(record)
    message = said("once")
    await committed(record, turn, messages=[message, message])
    turn = await reopened(record, turn)
    result = await committed(record, turn, messages=[message, said("new")])
    assert result.status is CommitStatus.COMMITTED
    assert [line.text for line in (await reopened(record, turn)).transcript] == ["once", "new"]


async def test_opening_tells_which_of_the_messages_are_stored_already(record: Record) -> None:
    turn = await opened(record)
    stored, unstored = said(), said()
    await committed(record, turn, messages=[stored])
    again = await record.conversations.find(turn.address, [unstored.message_id, stored.message_id])
    assert again is not None
    assert again.seen == [stored.message_id]


async def test_a_retracted_fact_is_no_longer_current_and_its_replacement_is(record: Record) -> None:
    turn = await opened(record)
    city = NewFact(field="city", value="Gent", quote="Gent", message_id="m1", source="chat", confidence=1)
    await committed(record, turn, facts=[city])
    turn = await reopened(record, turn)
    moved = msgspec.structs.replace(city, value="Brugge", quote="Brugge", message_id="m2")
    await committed(record, turn, facts=[moved], retract=[turn.facts[0].id])
    assert [f.value for f in (await reopened(record, turn)).facts] == ["Brugge"]


async def test_nobody_can_retract_a_fact_of_another_candidate(record: Record) -> None:
    turn, other = await opened(record), await opened(record)
    city = NewFact(field="city", value="Gent", quote="Gent", message_id="m", source="chat", confidence=1)
    await committed(record, turn, facts=[city])
    facts = (await reopened(record, turn)).facts
    await committed(record, other, retract=[facts[0].id])
    assert (await reopened(record, turn)).facts == facts


async def test_a_commit_that_breaks_a_rule_leaves_nothing_behind(record: Record) -> None:
    turn = await opened(record)
    with pytest.raises(Conflict):
        await committed(record, turn, messages=[said(), said(author="nobody-we-know")], outbox=[row()])
    view = await record.conversations.view(address=turn.address)
    assert view is not None
    assert (view.turn_no, view.transcript, view.outbox) == (0, [], [])


async def test_a_conversation_that_was_erased_cannot_be_committed(record: Record) -> None:
    turn = await opened(record)
    await record.pool.call("erase_candidate", {"candidate_id": turn.candidate_id}, dict[str, bool])
    with pytest.raises(BadRequest, match="unknown conversation"):
        await committed(record, turn)


async def test_a_turn_opens_with_the_last_twenty_messages_in_order(record: Record) -> None:
    turn = await opened(record)
    await committed(record, turn, messages=[said(str(n)) for n in range(25)])
    assert [line.text for line in (await reopened(record, turn)).transcript] == [str(n) for n in range(5, 25)]
    view = await record.conversations.view(conversation_id=turn.conversation_id)
    assert view is not None
    assert [line.text for line in view.transcript] == [str(n) for n in range(25)]


async def test_the_service_window_never_shrinks(record: Record) -> None:
    turn = await opened(record)
    await committed(record, turn, window_at=2_000_000_000.0)
    await committed(record, await reopened(record, turn), window_at=1_900_000_000.0)
    window = (await reopened(record, turn)).window_expires_at
    assert window == datetime.fromtimestamp(2_000_000_000, UTC) + timedelta(hours=24)


async def test_the_decision_log_keeps_what_was_decided(record: Record) -> None:
    turn = await opened(record)
    decision = {
        "router": {"intent": "answer"},
        "tier": "claude",
        "model": "m",
        "prompt_version": "p1",
        "policy_version": "q1",
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_usd": 0.000123,
        "latency_ms": 12.6,
        "checkpoint_id": "c",
        "coalesced": 3,
        "restarts": 1,
        "something_new": [1, 2],
    }
    await committed(record, turn, decision=decision)
    view = await record.conversations.view(address=turn.address)
    assert view is not None
    assert view.turns[0].decision == decision | {"latency_ms": 13}


async def test_any_text_a_candidate_can_write_is_kept_code_point_for_code_point(record: Record) -> None:
    turn = await opened(record)
    texts = [
        "مرحبا 👋🏽",
        "ї'\"\\ {{x}} $1 %s",
        "\u202eabc\u2066",
        "a\ufffdb",
        "\u0001\u001f\u007f",
        "𐍈" * 50,
        "\\u0000",
    ]
    await committed(record, turn, messages=[said(text) for text in texts])
    assert [line.text for line in (await reopened(record, turn)).transcript] == texts


async def test_a_nul_from_a_model_is_replaced_rather_than_refused(record: Record) -> None:
    turn = await opened(record)
    await committed(record, turn, messages=[said("a\x00b")], intake={"k\x00": ["\x00"]})
    now = await reopened(record, turn)
    assert now.transcript[0].text == "a\ufffdb"
    assert now.intake == {"k\ufffd": ["\ufffd"]}


async def test_chatwoots_ids_are_remembered_one_by_one(record: Record) -> None:
    turn = await opened(record)
    await record.conversations.set_chatwoot(turn.conversation_id, ChatwootLink(contact_id=5))
    await record.conversations.set_chatwoot(turn.conversation_id, ChatwootLink(conversation_id=6))
    assert (await reopened(record, turn)).chatwoot == ChatwootLink(contact_id=5, conversation_id=6)


async def test_an_unknown_conversation_has_no_view(record: Record) -> None:
    assert await record.conversations.view(address=unique("wa:1:")) is None


def _sent(row_id: str) -> Settlement:
    return msgspec.convert({"id": row_id, "status": "sent", "vendor_id": unique("wamid.")}, Settlement)


def _retry(row_id: str) -> Settlement:
    return msgspec.convert({"id": row_id, "status": "retry"}, Settlement)
