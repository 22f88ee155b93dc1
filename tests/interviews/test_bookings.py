"""Bookings in the record: never more than there are places, one for each person and vacancy, and the history stays."""

import asyncio
from datetime import timedelta

import asyncpg

from app.database.record import Record
from tests.fixtures.desk import commit_for, committed, opened, reopened, somebody, unique
from tests.interviews.making import BEGINNING, book, interviews_of, invited, slot_row, slots_of, with_slots


async def test_of_many_who_want_the_last_places_at_once_exactly_as_many_get_one_as_there_are(record: Record) -> None:
    vacancy, (slot,) = await with_slots(record, count=1, capacity=3)
    people = [await opened(record) for _ in range(10)]
    acts = [book(await invited(record, turn, vacancy.code, [slot]), slot) for turn in people]
    turns = [await reopened(record, turn) for turn in people]
    results = await asyncio.gather(
        *[committed(record, turn, interviews=[act]) for turn, act in zip(turns, acts, strict=True)]
    )
    assert sorted(result.status for result in results) == ["committed"] * 3 + ["interview_changed"] * 7
    assert [each.booked for each in await slots_of(record, vacancy.code)] == [3]
    refused = [turn for turn, result in zip(turns, results, strict=True) if result.status != "committed"]
    # Nothing of a refused turn is written: it opens again, and sees that the place is gone.
    assert [(await reopened(record, turn)).turn_no - turn.turn_no for turn in refused] == [0] * 7
    assert (await interviews_of(record, refused[0])).free == []


async def test_a_turn_told_twice_books_once(record: Record) -> None:
    vacancy, (slot,) = await with_slots(record, count=1, capacity=2)
    turn = await opened(record)
    invitation = await invited(record, turn, vacancy.code, [slot])
    commit = commit_for(await reopened(record, turn), interviews=[book(invitation, slot)])
    first = await record.conversations.commit_turn(commit)
    again = await record.conversations.commit_turn(commit)
    assert (first.status, again.status) == ("committed", "repeated")
    assert [each.booked for each in await slots_of(record, vacancy.code)] == [1]


async def test_nobody_has_two_bookings_for_one_vacancy_and_the_schema_itself_says_so(
    record: Record, postgres_dsn: str
) -> None:
    vacancy, (one, other) = await with_slots(record)
    turn = await opened(record)
    invitation = await invited(record, turn, vacancy.code, [one, other])
    await committed(record, await reopened(record, turn), interviews=[book(invitation, one)])
    second = await committed(record, await reopened(record, turn), interviews=[book(invitation, other)])
    assert second.status == "interview_changed"
    owner = await asyncpg.connect(postgres_dsn)
    copied = (
        "insert into public.interview_bookings (id, slot_id, seat, invitation_id, candidate_id, conversation_id, "
        "vacancy_id, booked_by) select gen_random_uuid(), {slot}, {seat}, invitation_id, {who}, conversation_id, "
        "vacancy_id, 'x' from public.interview_bookings where invitation_id = $1"
    )
    somebody_else = await opened(record)
    for values in (
        {"slot": f"'{other.id}'", "seat": 1, "who": "candidate_id"},
        {"slot": "slot_id", "seat": 1, "who": f"'{somebody_else.candidate_id}'"},
    ):
        try:
            await owner.execute(copied.format(**values), invitation)
        except asyncpg.UniqueViolationError:
            continue
        raise AssertionError(values)
    await owner.close()


async def test_a_move_frees_the_old_place_and_keeps_the_history(record: Record, postgres_dsn: str) -> None:
    vacancy, (one, other) = await with_slots(record)
    turn = await opened(record)
    invitation = await invited(record, turn, vacancy.code, [one, other])
    first = book(invitation, one)
    applied = {"vacancy": vacancy.code, "status": "screening"}
    await committed(record, await reopened(record, turn), application=applied)
    await committed(record, await reopened(record, turn), interviews=[first])
    application = await record.vacancies.application(turn.candidate_id, vacancy.code)
    assert application is not None
    assert application.status == "interview"
    moved = book(invitation, other, act="move", booking=first["id"])
    assert (await committed(record, await reopened(record, turn), interviews=[moved])).status == "committed"
    assert [each.booked for each in await slots_of(record, vacancy.code)] == [0, 1]
    cancel = {"act": "cancel", "booking": moved["id"], "by": "recruiter:7"}
    await committed(record, await reopened(record, turn), interviews=[cancel])
    # What has ended cannot be ended, moved or booked from again.
    assert (await committed(record, await reopened(record, turn), interviews=[cancel])).status == "interview_changed"
    late = book(invitation, one)
    assert (await committed(record, await reopened(record, turn), interviews=[late])).status == "interview_changed"
    owner = await asyncpg.connect(postgres_dsn)
    kept = await owner.fetch(
        "select state, booked_by, ended_by, ended_at is not null as ended from public.interview_bookings "
        "where candidate_id = $1 order by created_at",
        turn.candidate_id,
    )
    await owner.close()
    assert [tuple(row) for row in kept] == [
        ("moved", "candidate", "candidate", True),
        ("cancelled", "candidate", "recruiter:7", True),
    ]


async def test_slots_are_loaded_whole_or_not_at_all_and_closing_keeps_who_is_booked(record: Record) -> None:
    vacancy, (slot,) = await with_slots(record, count=1)
    row = slot_row(vacancy.code)
    assert (await record.interviews.store_slots([row])).changed == 0
    bad = [
        slot_row(vacancy.code, hours=5),
        slot_row(vacancy.code, hours=0.25),
        slot_row("NO-1", hours=6),
        slot_row(vacancy.code, hours=-24 * 30),
    ]
    stored = await record.interviews.store_slots(bad)
    assert [(fault.number, fault.reason) for fault in stored.faults] == [
        (1, "overlaps"),
        (2, "unknown_vacancy"),
        (3, "past"),
    ]
    assert await slots_of(record, vacancy.code) == [slot]
    turn, late = await opened(record), await opened(record)
    invitation, too_late = [await invited(record, each, vacancy.code, [slot]) for each in (turn, late)]
    await committed(record, await reopened(record, turn), interviews=[book(invitation, slot)])
    longer = await record.interviews.store_slots([row | {"minutes": 60}])
    assert [fault.reason for fault in longer.faults] == ["booked"]
    await record.interviews.store_slots([row | {"capacity": 2}])
    closed = await record.interviews.close_slot(slot.id[:13])
    assert closed is not None
    assert (closed.state, closed.booked, closed.capacity) == ("closed", 1, 2)
    assert await record.interviews.close_slot("not-one") is None
    refused = await committed(record, await reopened(record, late), interviews=[book(too_late, slot)])
    assert refused.status == "interview_changed"
    assert [each.slot.id for each in (await interviews_of(record, turn)).bookings] == [slot.id]


async def test_who_is_erased_frees_their_place_and_leaves_nothing(record: Record, postgres_dsn: str) -> None:
    vacancy, (slot,) = await with_slots(record, count=1)
    turn = await opened(record)
    invitation = await invited(record, turn, vacancy.code, [slot])
    await committed(record, await reopened(record, turn), interviews=[book(invitation, slot)])
    await record.desk.erase(turn.candidate_id)
    assert [each.booked for each in await slots_of(record, vacancy.code)] == [0]
    owner = await asyncpg.connect(postgres_dsn)
    left = await owner.fetchval(
        "select (select count(*) from public.interview_bookings where candidate_id = $1) + "
        "(select count(*) from public.interview_invitations where candidate_id = $1)",
        turn.candidate_id,
    )
    await owner.close()
    assert left == 0


async def test_two_records_of_one_person_become_one_with_one_booking(record: Record) -> None:
    vacancy, (one, other) = await with_slots(record)
    phone, bsuid = somebody(bsuid=False), somebody(phone=False)
    old, new = await opened(record, phone), await opened(record, bsuid)
    for turn, slot in ((old, one), (new, other)):
        invitation = await invited(record, turn, vacancy.code, [slot])
        await committed(record, await reopened(record, turn), interviews=[book(invitation, slot)])
    joined = await opened(record, phone, address=unique("wa:1:"), previous=bsuid)
    found = await interviews_of(record, joined)
    assert [booking.slot.id for booking in found.bookings] == [one.id]
    assert len(found.invitations) == 2
    view = await record.conversations.view(address=joined.address)
    assert view is not None
    notes = [row.body["text"] for row in view.outbox if row.kind == "note"]
    assert len(notes) == 1
    assert f"{other.starts:%H:%M} Europe/Amsterdam ({vacancy.code})" in notes[0]
    assert [each.booked for each in await slots_of(record, vacancy.code)] == [1, 0]


async def test_reminders_come_once_a_day_and_two_hours_before_and_never_for_what_is_over(
    record: Record, postgres_dsn: str
) -> None:
    vacancy, (slot,) = await with_slots(record, count=1)
    turn = await opened(record)
    invitation = await invited(record, turn, vacancy.code, [slot])
    act = book(invitation, slot)
    await committed(record, await reopened(record, turn), interviews=[act])

    async def due(before: timedelta) -> list[str]:
        at = (BEGINNING - before).timestamp()
        return [each.kind for each in await record.interviews.due_reminders(at) if each.booking == act["id"]]

    assert await due(timedelta(hours=24, minutes=1)) == []
    assert await due(timedelta(hours=24)) == ["day"]
    assert await due(timedelta(hours=2)) == ["hours"]
    (reminder,) = [
        each
        for each in await record.interviews.due_reminders((BEGINNING - timedelta(hours=20)).timestamp())
        if each.booking == act["id"]
    ]
    answers = await asyncio.gather(*[record.interviews.remind(reminder, turn.conversation_id, [], []) for _ in "ab"])
    assert sorted(answers) == [False, True]
    assert await due(timedelta(hours=20)) == []
    assert await due(timedelta(hours=1)) == ["hours"]
    assert await due(timedelta(0) - timedelta(minutes=1)) == []
    applied = {"vacancy": vacancy.code, "status": "screening"}
    await committed(record, await reopened(record, turn), application=applied)
    owner = await asyncpg.connect(postgres_dsn)
    said = "update public.applications set status = $2, decided_by = 'recruiter 7' where candidate_id = $1"
    for status, expected in (("declined", []), ("withdrawn", []), ("shortlisted", ["hours"])):
        await owner.execute(said, turn.candidate_id, status)
        assert await due(timedelta(hours=1)) == expected, status
    await owner.close()
    await committed(record, await reopened(record, turn), opted_out=True)
    assert await due(timedelta(hours=1)) == []
    await record.interviews.finish((BEGINNING + timedelta(minutes=31)).timestamp())
    assert (await interviews_of(record, turn)).bookings == []
