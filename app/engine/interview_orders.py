"""`/interview`: a recruiter invites a candidate, or calls an interview off. Only people invite."""

from dataclasses import replace

from app.channels.markup import to_chatwoot
from app.database.conversations import OpenTurn
from app.database.interviews import InterviewRecord
from app.database.vacancies import Vacancies
from app.engine.desk_acts import Acts
from app.engine.desk_outcomes import Templates, templates_text
from app.engine.interview_acts import InterviewActs, Spoken, joined
from app.engine.interview_steps import id_of, shown_without
from app.recruiting.events import RecruiterNoted
from app.recruiting.interview_texts import appointment, for_recruiters, slot_list, spoken_language
from app.recruiting.interviews import LEAST_NOTICE_SECONDS, Booking, Interviews, Invitation
from app.recruiting.messages import Reply
from app.recruiting.phrases import BODY, Phrasebook
from app.recruiting.vacancy import Vacancy, title_of

CALL_OFF = "cancel"
STOPPED = "The candidate said stop: nothing may be sent."
WHICH = "For which vacancy? For example `/interview WH-102`."
CLOSED = "The 24-hour window is closed; only a template can be sent. Once they answer, `/interview` works again."
NOTHING_BOOKED = "No interview is booked here."


class InterviewOrders:
    """Reads only; what it returns is committed with the turn, and done once however often the note is read."""

    def __init__(self, record: InterviewRecord, vacancies: Vacancies, book: Phrasebook, templates: Templates) -> None:
        self._record = record
        self._vacancies = vacancies
        self._book = book
        self._templates = templates

    async def run(
        self, opened: OpenTurn, note: RecruiterNoted, rest: list[str], acts: Acts, *, key: str, now: float
    ) -> tuple[Acts, str]:
        """`/interview [CODE]` offers free times, `/interview cancel [CODE]` calls off. Raises RecordError."""
        by = f"recruiter:{note.recruiter_id}"
        if rest and rest[0].lower() == CALL_OFF:
            done, answer = await self._call_off(opened, rest[1:], key=key, by=by, now=now)
        else:
            done, answer = await self._invite(opened, rest, key=key, by=by, now=now)
        return replace(acts, interviews=joined(acts.interviews, done)), answer

    async def _invite(
        self, opened: OpenTurn, rest: list[str], *, key: str, by: str, now: float
    ) -> tuple[InterviewActs, str]:
        code = (rest[0].lstrip("#").upper() if rest else "") or str(opened.intake.get("vacancy") or "")
        vacancy = await self._vacancies.find(code) if code else None
        found = await self._record.find(opened.candidate_id, after=now + LEAST_NOTICE_SECONDS, vacancy=code)
        if vacancy is None or (refused := await self._refused(opened, found, vacancy, now)):
            reason = refused if vacancy else f"There is no vacancy {to_chatwoot(code)}." if code else WHICH
            return InterviewActs(), reason
        slots, language = found.offered(vacancy.code), spoken_language(opened.language)
        invitation = Invitation(id=id_of(f"{key}:invitation"), vacancy=vacancy.code, state="open")
        opening = [self._book.text(language, "interview_offer", title=title_of(vacancy, language))]
        reply = slot_list(self._book, language, opening, slots, invitation, opened.recipient.wa_id)
        write = {
            "act": "invite",
            "id": invitation.id,
            "vacancy": vacancy.code,
            "by": by,
            "asked": id_of(f"{key}:list"),
            "slots": [slot.id for slot in slots],
        }
        done = InterviewActs(writes=[write], spoken=[Spoken(f"{key}:list", reply, "human")])
        listed = [f"- {to_chatwoot(for_recruiters(slot))}" for slot in slots]
        return done, "\n".join(["📅 The candidate is offered these times, in their language:", *listed])

    async def _refused(self, opened: OpenTurn, found: Interviews, vacancy: Vacancy, now: float) -> str:
        """Why nothing can be offered now; empty when it can."""
        if opened.opted_out:
            return STOPPED
        if booked := found.booked_for(vacancy.code):
            when = to_chatwoot(for_recruiters(booked.slot))
            return f"Booked already: {when}. The candidate can change it; `/interview cancel` calls it off."
        if not found.offered(vacancy.code):
            load = "`python -m app interviews slots load FILE` adds some"
            return f"There are no free times for {to_chatwoot(vacancy.code)}; {load}."
        return await self._window_closed(opened, now)

    async def _window_closed(self, opened: OpenTurn, now: float) -> str:
        if opened.window_expires_at is not None and now < opened.window_expires_at.timestamp():
            return ""
        return f"{CLOSED}\n\n{templates_text(await self._templates.all())}"

    async def _call_off(
        self, opened: OpenTurn, rest: list[str], *, key: str, by: str, now: float
    ) -> tuple[InterviewActs, str]:
        found = await self._record.find(opened.candidate_id, after=now)
        code = rest[0].lstrip("#").upper() if rest else ""
        named = [each for each in found.bookings if code in {"", each.slot.vacancy}]
        if len(named) != 1:
            listed = "; ".join(f"`/interview cancel {each.slot.vacancy}`" for each in named)
            return InterviewActs(), f"Which one? {listed}" if named else NOTHING_BOOKED
        (booking,) = named
        done = InterviewActs(
            writes=[{"act": "cancel", "booking": booking.id, "by": by}], shown=shown_without(booking, found)
        )
        when = to_chatwoot(for_recruiters(booking.slot))
        if closed := await self._window_closed(opened, now):
            return done, f"📅 Called off: {when}. **The candidate does not know yet.** {closed}"
        spoken = Spoken(f"{key}:list", await self._called_off(opened, booking), "human")
        return replace(done, spoken=[spoken]), f"📅 Called off: {when}. The candidate is told."

    async def _called_off(self, opened: OpenTurn, booking: Booking) -> Reply:
        language, slot = spoken_language(opened.language), booking.slot
        vacancy = await self._vacancies.find(slot.vacancy)
        title = title_of(vacancy, language) if vacancy else slot.vacancy
        interview = appointment(slot, title, language, opened.recipient.wa_id)
        return Reply(text=self._book.text(language, "interview_called_off", interview=interview)[:BODY])
