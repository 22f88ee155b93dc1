"""A candidate chooses, changes or cancels an interview: their taps and words against what the record holds now.

Nothing here invites: that is a recruiter's order, see interview_orders. Because it is theirs, taps count beside a
person, too; typed words are then the person's to read.
"""

from dataclasses import replace

from app.database.conversations import OpenTurn, Owner
from app.database.interviews import InterviewRecord
from app.database.vacancies import Vacancies
from app.engine.folding import Fold
from app.engine.interview_acts import NO_INTERVIEWS, InterviewActs, joined
from app.engine.interview_steps import Telling, told
from app.recruiting.interview_requests import Request, requested, wished
from app.recruiting.interview_texts import for_recruiters, spoken_language
from app.recruiting.interview_words import chosen
from app.recruiting.interviews import (
    LEAST_NOTICE_SECONDS,
    MOST_UNCLEAR,
    Act,
    Interviews,
    Invitation,
    Step,
    Tap,
    parse,
    step,
)
from app.recruiting.messages import InboundMessage, Kind
from app.recruiting.phrases import Phrasebook, phrases
from app.recruiting.text import fold as folded
from app.recruiting.vacancy import title_of


class InterviewChoices:
    """Reads only; what it returns is committed with the turn."""

    def __init__(self, record: InterviewRecord, vacancies: Vacancies, book: Phrasebook) -> None:
        self._record = record
        self._vacancies = vacancies
        self._book = book

    async def answer(self, opened: OpenTurn, fold: Fold, *, owner: Owner, now: float) -> InterviewActs:
        """What the candidate's messages do to invitations and bookings. Raises RecordError.

        Of several taps in one burst the last counts: people correct themselves.
        """
        if opened.opted_out:
            return NO_INTERVIEWS
        taps = [(message, tap) for message in fold.inbound if (tap := _tap(message))]
        typed = fold.inbound[-1] if not taps and _answers_list(opened, fold, owner) else None
        request = None if taps else _request(opened, fold, owner)
        if not taps and typed is None and request is None:
            return NO_INTERVIEWS
        found = await self._record.find(opened.candidate_id, after=now + LEAST_NOTICE_SECONDS)
        if not found.invitations:
            return NO_INTERVIEWS  # of somebody who was forgotten: a stale tap like any other
        if taps:
            return await self._told(opened, step(found, taps[-1][1]), [message for message, _ in taps], found, now)
        if typed is not None and (read := _read(found, typed.text, opened)):
            return await self._told(opened, read, [typed], found, now)
        return await self._requested(opened, request, fold, found, now) if request else NO_INTERVIEWS

    async def end(self, opened: OpenTurn, now: float) -> InterviewActs:
        """The candidate has said stop: nobody expects them any more, and recruiters know. Raises RecordError."""
        found = await self._record.find(opened.candidate_id, after=now)
        standing = [each for each in found.invitations if each.state in {"open", "declined", "used"}]
        if not standing and not found.bookings:
            return NO_INTERVIEWS
        key = f"interviews_ended:{opened.conversation_id}:{opened.turn_no}"
        listed = "; ".join(for_recruiters(booking.slot) for booking in found.bookings)
        note = f"📅 The candidate said stop. Cancelled by that: {listed or 'the invitation to an interview'}."
        writes = [{"act": "end", "by": "stop"}]
        return InterviewActs(writes=writes, notes=[(key, note)], shown="" if found.bookings else None)

    async def _requested(
        self, opened: OpenTurn, request: Request, fold: Fold, found: Interviews, now: float
    ) -> InterviewActs:
        """What else the messages say is left to whoever reads them, all of them: nothing is lost."""
        listed = opened.interview_asked if _behind_list(opened) else ""
        acts = NO_INTERVIEWS
        for number, each in enumerate(wished(found, request.wish, listed=listed)):
            acts = joined(acts, await self._told(opened, each, fold.inbound, found, now, number=number))
        return acts if request.whole else replace(acts, answered=frozenset())

    async def _told(
        self,
        opened: OpenTurn,
        taken: Step,
        messages: list[InboundMessage],
        found: Interviews,
        now: float,
        *,
        number: int = 0,
    ) -> InterviewActs:
        language = spoken_language(opened.language)
        slot = taken.slot or (taken.booking.slot if taken.booking else None)
        code = slot.vacancy if slot else taken.invitation.vacancy if taken.invitation else ""
        vacancy = await self._vacancies.find(code) if code else None
        telling = Telling(
            book=self._book,
            language=language,
            title=title_of(vacancy, language) if vacancy else code,
            wa_id=opened.recipient.wa_id,
            key=f"interview:{messages[-1].message_id}" + (f":{number}" if number else ""),
            now=now,
        )
        return told(telling, taken, found, frozenset(message.message_id for message in messages))


def _tap(message: InboundMessage) -> Tap | None:
    return parse(message.choice_id) if message.kind is Kind.CHOICE else None


def _request(opened: OpenTurn, fold: Fold, owner: Owner) -> Request | None:
    """Typed words about a booking, which may not stand; several bubbles are one text, so all or none are answered."""
    if owner is not Owner.ASSISTANT or any(message.kind is not Kind.TEXT for message in fold.inbound):
        return None
    return requested("\n".join(message.text for message in fold.inbound), spoken_language(opened.language))


def _answers_list(opened: OpenTurn, fold: Fold, owner: Owner) -> bool:
    """One typed message right behind our list, and nobody else to read it."""
    if owner is not Owner.ASSISTANT or not opened.interview_asked:
        return False
    return len(fold.inbound) == 1 and fold.inbound[0].kind is Kind.TEXT and _behind_list(opened)


def _behind_list(opened: OpenTurn) -> bool:
    """Our newest words are a list of times that waits for a choice."""
    ours = [line.message_id for line in opened.transcript if line.author != "candidate"]
    return ours[-1:] == [opened.interview_asked]


def _read(found: Interviews, text: str, opened: OpenTurn) -> Step | None:
    """Typed words about the list that was shown; None when they are about something else."""
    asked = next((each for each in found.invitations if each.asked == opened.interview_asked), None)
    if asked is None:
        return None
    booking = found.booked_for(asked.vacancy)
    language = spoken_language(opened.language)
    if folded(text) == folded(phrases(language).titles["no_slot"]):
        return step(found, Tap("stay", booking.id) if booking else Tap("none", asked.id))
    slot, about_times = chosen(text, asked.offered, language)
    if slot is not None:
        return step(found, Tap("move", booking.id, slot.id) if booking else Tap("book", asked.id, slot.id))
    return _unclear(found, asked) if about_times else None


def _unclear(found: Interviews, asked: Invitation) -> Step:
    booking = found.booked_for(asked.vacancy)
    slots = found.offered(asked.vacancy, but=booking.slot.id if booking else "")
    gives_up = asked.unclear >= MOST_UNCLEAR or not slots
    act = Act.DECLINE if gives_up else Act.UNCLEAR
    return Step(act=act, invitation=asked, booking=booking, slots=slots)
