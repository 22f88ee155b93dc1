"""One person is one candidate, whichever of their names arrives first, and never somebody else."""

import asyncio
import uuid

from app.database.conversations import CommitStatus, NewConsent, NewFact, Owner, OwnerChange
from app.database.outbox import Channel, Settlement
from app.database.record import Record
from app.recruiting.events import Sender
from tests.fixtures.desk import committed, opened, reopened, row, said, somebody, unique


async def test_fifty_first_messages_at_once_make_one_candidate(record: Record) -> None:
    sender, address = somebody(), unique("wa:1:")
    turns = await asyncio.gather(*(opened(record, sender, address=address) for _ in range(50)))
    assert len({(t.candidate_id, t.conversation_id, t.address) for t in turns}) == 1


async def test_many_people_arriving_at_once_stay_apart(record: Record) -> None:
    people = [somebody() for _ in range(30)]
    turns = await asyncio.gather(*(opened(record, person) for person in people for _ in range(2)))
    assert len({t.candidate_id for t in turns}) == 30


async def test_partial_identities_at_once_end_as_one_candidate(record: Record) -> None:
    """Messages with only a phone number, only a BSUID, and both, all at once."""
    for _ in range(5):
        both = somebody()
        phone, bsuid = Sender(wa_id=both.wa_id), Sender(bsuid=both.bsuid)
        await asyncio.gather(*(opened(record, sender) for sender in (phone, both, bsuid, both, phone, bsuid)))
        turns = [await opened(record, sender) for sender in (phone, bsuid, both)]
        assert len({t.conversation_id for t in turns}) == 1


async def test_a_person_without_phone_number_has_a_conversation(record: Record) -> None:
    turn = await opened(record, somebody(phone=False))
    assert turn.recipient.wa_id == ""
    assert turn.recipient.bsuid.startswith("NL.")


async def test_an_address_alone_only_looks_up(record: Record) -> None:
    assert await record.conversations.find(unique("wa:1:")) is None
    turn = await opened(record)
    found = await record.conversations.find(turn.address)
    assert found is not None
    assert found.conversation_id == turn.conversation_id


async def test_opening_again_changes_nothing(record: Record) -> None:
    sender, address = somebody(), unique("wa:1:")
    first = await opened(record, sender, address=address)
    assert await opened(record, sender, address=address) == first


async def test_two_numbers_of_ours_are_two_conversations_of_one_candidate(record: Record) -> None:
    sender = somebody()
    first, second = await opened(record, sender, number_id="1"), await opened(record, sender, number_id="2")
    assert first.candidate_id == second.candidate_id
    assert first.conversation_id != second.conversation_id


async def test_names_are_kept_up_to_date_and_not_forgotten(record: Record) -> None:
    both = somebody()
    await opened(record, Sender(bsuid=both.bsuid, profile_name="Jo", username="jo_90"))
    turn = await opened(record, Sender(bsuid=both.bsuid, profile_name="Joanna"))
    assert (turn.profile_name, turn.username) == ("Joanna", "jo_90")


async def test_joined_identities_keep_everything_of_both(record: Record) -> None:
    both = somebody()
    older = await opened(record, Sender(wa_id=both.wa_id))
    newer = await opened(record, Sender(bsuid=both.bsuid))
    assert older.candidate_id != newer.candidate_id
    old_row, new_row = row(text="old"), row(channel=Channel.CHATWOOT, author="system", text="new")
    await committed(record, older, messages=[said("one")], outbox=[old_row], intake={"step": 1}, language="nl")
    fact = NewFact(field="city", value="Gent", quote="Gent", message_id="m", source="chat", confidence=1)
    consent = NewConsent(
        purpose="whatsapp", granted=True, text_version="v1", language="nl", message_id="m", method="button"
    )
    await committed(
        record, newer, messages=[said("two")], facts=[fact], consents=[consent], outbox=[new_row], intake={"step": 2}
    )

    joined = await opened(record, both, address=unique("wa:1:"))

    assert (joined.candidate_id, joined.conversation_id) == (older.candidate_id, older.conversation_id)
    assert joined.address == older.address
    assert [line.text for line in joined.transcript] == ["one", "two"]
    assert [f.value for f in joined.facts] == ["Gent"]
    assert [c.purpose for c in joined.consents] == ["whatsapp"]
    assert joined.intake == {"step": 2}
    assert joined.language == "nl"
    view = await record.conversations.view(address=newer.address)
    assert view is not None
    assert {older.address, newer.address} <= set(view.addresses)
    assert [(r.id, r.seq) for r in view.outbox] == [(old_row.id, 1), (new_row.id, 2)]
    assert len(view.turns) == 2


async def test_a_turn_begun_before_the_join_starts_over(record: Record) -> None:
    both = somebody()
    older = await opened(record, Sender(wa_id=both.wa_id))
    newer = await opened(record, Sender(bsuid=both.bsuid))
    await opened(record, both)
    for begun in (older, newer):
        result = await committed(record, begun, outbox=[row()])
        assert result.status is CommitStatus.STALE
        assert result.claimed == []
    again = await record.conversations.find(newer.address)
    assert again is not None
    assert (await committed(record, again, outbox=[row()])).status is CommitStatus.COMMITTED


async def test_a_person_owning_one_side_owns_the_joined_conversation(record: Record) -> None:
    both = somebody()
    older = await opened(record, Sender(wa_id=both.wa_id))
    newer = await opened(record, Sender(bsuid=both.bsuid))
    await committed(record, older, outbox=[row()])
    view = await record.conversations.view(address=older.address)
    assert view is not None
    await record.outbox.settle("worker-1", [Settlement(id=view.outbox[0].id, status="retry")])  # type: ignore[arg-type]
    await committed(record, newer, owner=OwnerChange(owner=Owner.HUMAN, reason="took it"))

    joined = await opened(record, both)

    assert joined.owner is Owner.HUMAN
    assert joined.fence > max(older.fence, newer.fence)
    claim = await record.outbox.claim(
        conversation_id=joined.conversation_id, channel=Channel.WHATSAPP, worker="w", lease_seconds=5
    )
    assert claim == []


async def test_joins_from_both_ends_and_commits_at_once_lose_nothing(record: Record) -> None:
    """Joins lock conversations before candidates, commits too: nobody waits for each other for ever."""
    for _ in range(8):
        both = somebody()
        sides = [await opened(record, Sender(wa_id=both.wa_id)), await opened(record, Sender(bsuid=both.bsuid))]
        texts = [unique() for _ in sides]
        results, _ = await asyncio.gather(
            asyncio.gather(
                *(
                    committed(record, side, messages=[said(text)], opted_out=True, outbox=[row(author="system")])
                    for side, text in zip(sides, texts, strict=True)
                )
            ),
            asyncio.gather(*(opened(record, both) for _ in range(4))),
        )
        joined = await opened(record, both)
        stored = [text for text, result in zip(texts, results, strict=True) if result.status is CommitStatus.COMMITTED]
        assert sorted(line.text for line in joined.transcript) == sorted(stored)


async def test_a_change_notice_joins_the_old_and_the_new_identity(record: Record) -> None:
    old, new = somebody(), somebody()
    before = await opened(record, old)
    await opened(record, new)

    after = await opened(record, new, previous=old)

    assert after.candidate_id == before.candidate_id
    assert (after.recipient.wa_id, after.recipient.bsuid) == (new.wa_id, new.bsuid)
    assert (await opened(record, old)).candidate_id == before.candidate_id


async def test_a_change_notice_about_somebody_unknown_is_remembered(record: Record) -> None:
    old, new = somebody(), somebody()
    notice = await opened(record, new, previous=old)
    assert notice.recipient.wa_id == new.wa_id
    assert (await opened(record, Sender(bsuid=old.bsuid))).candidate_id == notice.candidate_id


async def test_replies_go_to_the_number_that_wrote_last(record: Record) -> None:
    first, second = somebody(), somebody()
    await opened(record, first)
    await opened(record, second, previous=first)
    assert (await opened(record, second)).recipient.wa_id == second.wa_id
    assert (await opened(record, first)).recipient.wa_id == first.wa_id


async def test_whoever_takes_over_a_phone_number_does_not_see_the_former_holders_record(record: Record) -> None:
    former = somebody()
    turn = await opened(record, former)
    await committed(record, turn, messages=[said("my secret")])

    newcomer = await opened(record, Sender(wa_id=former.wa_id, bsuid=unique("NL.")))

    assert newcomer.candidate_id != turn.candidate_id
    assert newcomer.transcript == []
    assert newcomer.recipient.wa_id == former.wa_id
    kept = await opened(record, Sender(bsuid=former.bsuid))
    assert kept.candidate_id == turn.candidate_id
    assert kept.recipient.wa_id == ""


async def test_an_address_already_taken_by_somebody_else_is_not_shared(record: Record) -> None:
    address = unique("wa:1:")
    phone = str(uuid.uuid4().int)[:14]
    former = await opened(record, Sender(wa_id=phone), address=address)
    await opened(record, Sender(wa_id=phone, bsuid=unique("NL.")), address=unique("wa:1:"))
    newcomer = await opened(record, Sender(wa_id=phone, bsuid=unique("NL.")), address=address)
    assert newcomer.conversation_id != former.conversation_id
    assert newcomer.address != former.address
    assert newcomer.address.startswith(address)
    found = await record.conversations.find(address)
    assert found is not None
    assert found.conversation_id == former.conversation_id


async def test_opting_out_on_one_side_holds_after_the_join(record: Record) -> None:
    both = somebody()
    await opened(record, Sender(wa_id=both.wa_id))
    newer = await opened(record, Sender(bsuid=both.bsuid))
    await committed(record, newer, opted_out=True)
    assert (await opened(record, both)).opted_out
    assert (await reopened(record, newer)).opted_out
