"""A recruiter invites, the candidate chooses a time, and everybody knows. Over the whole service."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
from docket import Docket

from app.channels.whatsapp import WhatsApp
from app.database.conversations import Owner
from app.engine.desk_outcomes import Templates
from app.engine.reminders import Reminders
from app.engine.wakeups import Wakeups
from app.recruiting.interview_texts import attribute, day_and_time, for_recruiters, row_title
from app.recruiting.interviews import Slot
from app.recruiting.phrases import Phrasebook, phrases
from tests.chatwoot.test_towards_candidates import until_noted
from tests.faults.test_takeover import in_chatwoot
from tests.fixtures.agents import COMPANY
from tests.fixtures.stack import Phone, Stack, until_true
from tests.fixtures.twins import D360_KEY
from tests.interviews.making import interviews_of, slots_of, with_slots
from tests.understanding.test_replay import replayed

Json = dict[str, Any]
NONE, OTHER, CANCEL = (phrases("en").titles[key] for key in ("no_slot", "other_slot", "cancel_interview"))


async def known(desk: Stack) -> tuple[Phone, int]:
    """A candidate who has written, and their conversation in Chatwoot."""
    phone = await desk.candidate()
    await phone.exchange("Hello, I am looking for work")
    return phone, (await in_chatwoot(desk, phone)).chatwoot.conversation_id


async def offered(desk: Stack, phone: Phone, conversation: int, code: str) -> Json:
    """A recruiter writes `/interview`; the list as the phone shows it."""
    before = len(await phone.replies())
    await desk.recruiter(conversation, content=f"/interview {code}", private=True)
    replies = await phone.until_said(before + 1)
    await until_noted(desk, conversation, f"({code})")
    return replies[before]


async def told(phone: Phone, words: str, count: int = 1) -> Json:
    """The newest message with these words, once there are `count` of them."""

    def said(replies: list[Json]) -> list[Json]:
        return [each for each in replies if words in each["text"]]

    return said(await phone.until(lambda replies: len(said(replies)) >= count, words))[-1]


async def calendar_of(desk: Stack, phone: Phone, count: int = 1) -> str:
    """The newest calendar file on the phone."""

    def files(replies: list[Json]) -> list[Json]:
        return [each["file"] for each in replies if (each.get("file") or {}).get("filename") == "interview.ics"]

    found = files(await phone.until(lambda replies: len(files(replies)) >= count, "the calendar file"))
    return (await desk.whatsapp_http.get(found[-1]["url"])).content.decode()


async def shown_as(desk: Stack, conversation: int, value: str) -> None:
    kept = desk.chatwoot.store.state.conversations[conversation]

    async def holds() -> bool:
        return kept.custom_attributes.get("interview") == value

    await until_true(holds, what=f"the attribute {value!r}")


async def test_invited_booked_changed_and_cancelled_and_the_recruiter_sees_each(desk: Stack) -> None:
    vacancy, (one, other) = await with_slots(desk.record)
    phone, conversation = await known(desk)
    list_ = await offered(desk, phone, conversation, vacancy.code)
    assert [option["title"] for option in list_["options"]] == [row_title(one, "en"), row_title(other, "en"), NONE]
    assert "Warehouse operator" in list_["text"]
    assert "clock" not in list_["text"]  # a Dutch number, a Dutch time

    await phone.tap(row_title(one, "en"))
    booked = await told(phone, "is booked")
    assert one.place in booked["text"]
    assert [option["title"] for option in booked["options"]] == [OTHER, CANCEL]
    file = await calendar_of(desk, phone)
    assert f"DTSTART:{one.starts_at:%Y%m%dT%H%M00Z}\r\n" in file
    assert "LOCATION:Stationsplein 1\\, Utrecht\r\n" in file
    assert "SEQUENCE:0\r\n" in file
    await until_noted(desk, conversation, "booked by the candidate")
    await shown_as(desk, conversation, attribute(one))
    assert (await phone.view()).owner is Owner.ASSISTANT

    await phone.tap(OTHER)
    again = await told(phone, "These times are free")
    assert [option["title"] for option in again["options"]] == [row_title(other, "en"), NONE]
    await phone.tap(row_title(other, "en"))
    await told(phone, "is booked", 2)
    moved = await calendar_of(desk, phone, 2)
    assert "SEQUENCE:1\r\n" in moved
    assert [line for line in moved.split("\r\n") if line.startswith("UID:")] == [
        line for line in file.split("\r\n") if line.startswith("UID:")
    ]
    await until_noted(desk, conversation, "moved by the candidate")
    await shown_as(desk, conversation, attribute(other))
    assert [each.booked for each in await slots_of(desk.record, vacancy.code)] == [0, 1]

    # A tap on the first list, and on the button of the booking that is no more: told what stands.
    for option, message in ((row_title(one, "en"), list_), (CANCEL, booked)):
        await phone.say(type="tap", option=option, message_id=message["id"])
    stands = await told(phone, "as it stands")
    assert [each.booked for each in await slots_of(desk.record, vacancy.code)] == [0, 1]

    await phone.say(type="tap", option=CANCEL, message_id=stands["id"])
    await told(phone, "is cancelled")
    await until_noted(desk, conversation, "cancelled by the candidate")
    await shown_as(desk, conversation, "")
    assert [each.booked for each in await slots_of(desk.record, vacancy.code)] == [0, 0]
    await phone.say(type="tap", option=row_title(one, "en"), message_id=list_["id"])
    await told(phone, "no longer valid")


async def test_the_last_place_goes_to_one_and_the_other_is_offered_what_is_left(desk: Stack) -> None:
    vacancy, (one, _) = await with_slots(desk.record)
    people = await asyncio.gather(known(desk), known(desk))
    for phone, conversation in people:
        await offered(desk, phone, conversation, vacancy.code)
    await asyncio.gather(*[phone.tap(row_title(one, "en")) for phone, _ in people])

    async def losers() -> list[Phone]:
        """Once both have an answer."""
        texts = {phone.number: [each["text"] for each in await phone.replies()] for phone, _ in people}
        gone = [phone for phone, _ in people if any("no longer free" in text for text in texts[phone.number])]
        won = [phone for phone, _ in people if any("is booked" in text for text in texts[phone.number])]
        return gone if len(gone) + len(won) == len(people) else []

    async def decided() -> bool:
        return len(await losers()) == 1

    await until_true(decided, what="one booking and one other offer")
    assert [each.booked for each in await slots_of(desk.record, vacancy.code)] == [1, 0]
    (loser,) = await losers()
    # In words, for once: the list holds one time.
    await loser.say("the first one please")
    await told(loser, "is booked")
    assert [each.booked for each in await slots_of(desk.record, vacancy.code)] == [1, 1]


async def test_beside_a_person_taps_count_and_words_are_theirs(desk: Stack) -> None:
    vacancy, (one, _) = await with_slots(desk.record)
    phone, conversation = await known(desk)
    await desk.recruiter(conversation, content="Hello, I am Kim")
    await told(phone, "I am Kim")
    await offered(desk, phone, conversation, vacancy.code)
    before, turns = len(await phone.replies()), (await phone.view()).turn_no
    await phone.say("the first")

    async def heard() -> bool:
        return (await phone.view()).turn_no > turns

    await until_true(heard, what="the turn of these words")
    await phone.tap(row_title(one, "en"))
    await told(phone, "is booked")
    await calendar_of(desk, phone)
    view = await phone.view()
    assert view.owner is Owner.HUMAN
    turns = view.turn_no
    await phone.say("Cancel my interview")
    await until_true(heard, what="the turn of this order")
    assert len(await phone.replies()) == before + 2
    assert len((await interviews_of(desk.record, view)).bookings) == 1


async def test_doubtful_words_are_asked_again_and_none_of_these_goes_to_a_person(desk: Stack) -> None:
    vacancy, (one, _) = await with_slots(desk.record)
    phone, conversation = await known(desk)
    await offered(desk, phone, conversation, vacancy.code)
    await phone.say(f"not {one.starts:%A}")
    again = await told(phone, "not sure which time")
    assert len(again["options"]) == 3
    # What else is said in the same breath is answered, too.
    await phone.say("Are you a robot?")
    await phone.tap(NONE)
    await told(phone, "about other times")
    await told(phone, "I am an AI assistant")
    again = await replayed(desk, (await phone.view()).address)
    assert again["differing"] == 0, again
    assert [turn["said"] for turn in again["turns"]][-1] == ["Are you a robot?"]
    await until_noted(desk, conversation, "No offered time suits")
    view = await phone.view()
    assert view.owner is Owner.HUMAN
    assert (await interviews_of(desk.record, view)).bookings == []


async def test_stop_cancels_what_was_booked_and_nothing_is_offered_any_more(desk: Stack) -> None:
    vacancy, (one, _) = await with_slots(desk.record)
    phone, conversation = await known(desk)
    list_ = await offered(desk, phone, conversation, vacancy.code)
    await phone.tap(row_title(one, "en"))
    await told(phone, "is booked")
    await phone.say("STOP")
    await until_noted(desk, conversation, "said stop")
    await shown_as(desk, conversation, "")
    assert [each.booked for each in await slots_of(desk.record, vacancy.code)] == [0, 0]
    said = len(await phone.replies())
    await phone.say(type="tap", option=row_title(one, "en"), message_id=list_["id"])
    await desk.recruiter(conversation, content=f"/interview {vacancy.code}", private=True)
    await until_noted(desk, conversation, "nothing may be sent")
    assert len(await phone.replies()) == said


async def test_an_order_that_cannot_be_done_says_why_and_a_recruiter_can_call_off(desk: Stack) -> None:
    vacancy, (one, other) = await with_slots(desk.record)
    phone, conversation = await known(desk)
    for order, answer in (("", "For which vacancy?"), (" NO-1", "There is no vacancy"), (" cancel", "No interview is")):
        await desk.recruiter(conversation, content=f"/interview{order}", private=True)
        await until_noted(desk, conversation, answer)
    await offered(desk, phone, conversation, vacancy.code)
    await phone.tap(row_title(other, "en"))
    await told(phone, "is booked")
    await desk.recruiter(conversation, content=f"/interview {vacancy.code}", private=True)
    await until_noted(desk, conversation, "Booked already")
    await desk.recruiter(conversation, content="/interview cancel", private=True)
    await told(phone, "have to cancel")
    await until_noted(desk, conversation, f"Called off: {for_recruiters(other)}")
    await desk.recruiter(conversation, content="/help", private=True)
    await until_noted(desk, conversation, "`/interview [CODE]`")
    await desk.record.interviews.close_slot(one.id)
    await desk.record.interviews.close_slot(other.id)
    await desk.recruiter(conversation, content=f"/interview {vacancy.code}", private=True)
    await until_noted(desk, conversation, "no free times")


@contextlib.asynccontextmanager
async def reminders(desk: Stack, template: str = "") -> AsyncIterator[Reminders]:
    """What the workers' task runs, at a time of the test's own."""
    record, url = desk.record, str(desk.whatsapp_http.base_url)
    async with (
        Docket(name="desk", url=desk.redis.url) as docket,
        httpx.AsyncClient(base_url=url, headers={"D360-API-KEY": D360_KEY}, trust_env=False) as http,
    ):

        async def deliver(conversation_id: str, address: str, channel: str) -> None:
            """The stack's workers have the real one."""

        docket.register(deliver)
        yield Reminders(
            record.interviews,
            record.conversations,
            record.vacancies,
            Wakeups(docket),
            Templates(WhatsApp(http)),
            Phrasebook(COMPANY),
            template=template,
        )


async def booked(desk: Stack, *, first: float = 0) -> tuple[Phone, int, Slot]:
    vacancy, (one, _) = await with_slots(desk.record, first=first)
    phone, conversation = await known(desk)
    await offered(desk, phone, conversation, vacancy.code)
    await phone.tap(row_title(one, "en"))
    await told(phone, "is booked")
    await calendar_of(desk, phone)
    return phone, conversation, one


async def test_inside_the_window_a_reminder_is_a_message_and_comes_once(desk: Stack) -> None:
    phone, _, slot = await booked(desk, first=-60)  # in twelve hours
    owner = await asyncpg.connect(desk.dsn)
    # Ten hours later, for the workers' own task.
    await owner.execute(
        "update public.interview_bookings set created_at = now() - interval '1 day' where slot_id = $1", slot.id
    )
    await owner.execute(
        "update public.interview_slots set starts_at = now() + interval '2 hours' where id = $1", slot.id
    )
    await owner.close()
    reminder = await told(phone, "A reminder of your interview")
    async with reminders(desk) as minds:
        assert await minds.run(time.time() + 600) == 0
    assert [option["title"] for option in reminder["options"]] == [OTHER, CANCEL]
    assert len([each for each in await phone.replies() if "A reminder" in each["text"]]) == 1
    await phone.tap(CANCEL)
    await told(phone, "is cancelled")


async def test_outside_the_window_it_is_the_template_or_a_recruiters_task(desk: Stack) -> None:
    phone, conversation, slot = await booked(desk)
    before = len(await phone.replies())
    moment = (slot.starts_at - timedelta(hours=24)).timestamp()
    known_templates = (await desk.whatsapp_http.get("/_twin/templates")).json()
    body = {"type": "BODY", "text": "For {{1}}: {{2}}, {{3}}. See you then!"}
    ours = {"name": "interview_reminder", "language": "en_GB", "category": "UTILITY", "components": [body]}
    pictured = ours | {"language": "en", "components": [{"type": "HEADER", "format": "IMAGE"}, body]}
    await desk.whatsapp_http.put("/_twin/templates", json=[*known_templates, pictured, ours])
    async with reminders(desk, "interview_reminder") as minds:
        down = {"on": "/v1/configs/templates", "action": "respond", "status": 503, "times": None}
        assert (await desk.whatsapp_http.post("/_twin/faults", json=down)).is_success
        await minds.run(moment)
        waiting = {due.slot.id for due in await desk.record.interviews.due_reminders(moment)}
        assert slot.id in waiting, "until the templates can be looked up"
        assert (await desk.whatsapp_http.delete("/_twin/faults")).is_success
        # Two workers at the same time.
        await asyncio.gather(minds.run(moment), minds.run(moment))
    sent = (await phone.until_said(before + 1))[-1]
    await desk.whatsapp_http.put("/_twin/templates", json=known_templates)
    assert sent["text"] == f"For Warehouse operator: {day_and_time(slot, 'en')}, {slot.place}. See you then!"

    async def shown() -> bool:
        return any("See you then!" in (each.content or "") for each in desk.shown_in_chatwoot(conversation))

    await until_true(shown, what="the reminder's own words in Chatwoot")
    async with reminders(desk) as minds:
        late = (slot.starts_at - timedelta(hours=2)).timestamp()
        await asyncio.gather(minds.run(late), minds.run(late))
    note = await until_noted(desk, conversation, "Please remind the candidate")
    assert "`INTERVIEW_REMINDER_TEMPLATE` names none" in (note.content or "")
    notes = [each.content or "" for each in desk.shown_in_chatwoot(conversation) if each.private]
    assert sum("Please remind" in each for each in notes) == 1
    assert len(await phone.replies()) == before + 1


async def test_typed_words_about_a_booking_do_what_its_buttons_do(desk: Stack) -> None:
    phone, conversation, slot = await booked(desk)
    await phone.say("When is my interview?")
    stands = await told(phone, "as it stands")
    assert day_and_time(slot, "en") in stands["text"]
    assert slot.place in stands["text"]
    assert [option["title"] for option in stands["options"]] == [OTHER, CANCEL]
    await phone.say("Please don't cancel my interview")
    await told(phone, "as it stands", 2)
    before = len(await phone.replies())
    await phone.say("I can't come to the interview")
    again = await told(phone, "These times are free")
    assert [option["title"] for option in again["options"]][-1] == NONE
    assert len((await interviews_of(desk.record, await phone.view())).bookings) == 1
    await phone.say("I want to cancel my interview")
    await told(phone, "is cancelled")
    await until_noted(desk, conversation, "cancelled by the candidate")
    await shown_as(desk, conversation, "")
    assert len(await phone.replies()) == before + 2
    # Nothing is booked any more: the conversation's own answer.
    await phone.say("When is my interview?")
    replies = await phone.until_said(before + 3)
    assert "as it stands" not in replies[-1]["text"]
