"""Reminders of interviews, a day and two hours before: a message inside the service window, outside it a template.

What is to be said and what has been said lies in the record; this may run anywhere, twice at once, and be killed.
"""

from uuid import NAMESPACE_OID, uuid5

from app.channels.markup import to_chatwoot
from app.channels.whatsapp import Template
from app.database.conversations import Conversations, OpenTurn
from app.database.interviews import DueReminder, InterviewRecord
from app.database.outbox import Channel
from app.database.vacancies import Vacancies
from app.engine.composer import Composer
from app.engine.desk_outcomes import Templates
from app.engine.wakeups import Wakeups
from app.recruiting.interview_texts import appointment, day_and_time, for_recruiters, spoken_language, with_buttons
from app.recruiting.languages import FALLBACK
from app.recruiting.phrases import Phrasebook
from app.recruiting.vacancy import title_of
from app.telemetry.logs import get_logger
from app.telemetry.metrics import INTERVIEWS

log = get_logger()
_FIELDS = ("1", "2", "3")  # holes that a reminder's template may have: the work, when, where
# Before the interview: so long a reminder waits for the list of templates, then recruiters are asked to remind.
_PATIENCE_SECONDS = 3600.0


class Reminders:
    """`template` is the name of an approved template, empty = none: then recruiters are told to remind."""

    def __init__(
        self,
        record: InterviewRecord,
        conversations: Conversations,
        vacancies: Vacancies,
        wakeups: Wakeups,
        templates: Templates,
        book: Phrasebook,
        *,
        template: str = "",
    ) -> None:
        self._record = record
        self._conversations = conversations
        self._vacancies = vacancies
        self._wakeups = wakeups
        self._templates = templates
        self._book = book
        self._template = template

    async def run(self, now: float) -> int:
        """Remind of what is due at `now` (Unix seconds) and close what is over; how many. Raises RecordError."""
        finished = await self._record.finish(now)
        if finished:
            INTERVIEWS("done").inc(finished)
        reminded = 0
        for due in await self._record.due_reminders(now):
            opened = await self._conversations.find(due.address)
            if opened is not None:
                reminded += await self._remind(due, opened, now)
        if reminded:
            INTERVIEWS("reminded").inc(reminded)
            log.info("interviews.reminded", count=reminded)
        return reminded

    async def _remind(self, due: DueReminder, opened: OpenTurn, now: float) -> bool:
        composer = Composer(opened, str(uuid5(NAMESPACE_OID, f"reminder:{due.booking}:{due.kind}")))
        listed = await self._templates.all() if self._template and not composer.window_open(now) else []
        if self._waits(composer, due, now):
            return False
        await self._say(composer, due, opened, listed, now)
        if not await self._record.remind(due, opened.conversation_id, composer.messages, composer.outbox):
            return False
        for channel in (Channel.WHATSAPP, Channel.CHATWOOT):
            key = f"reminder:{due.booking}:{due.kind}"
            await self._wakeups.deliver(opened.conversation_id, opened.address, channel, key=key)
        return True

    def _waits(self, composer: Composer, due: DueReminder, now: float) -> bool:
        """The template cannot be looked up yet, and there is time: a later pass sends it."""
        unknown = bool(self._template) and not composer.window_open(now) and not self._templates.are_known
        return unknown and due.slot.starts_at.timestamp() - now > _PATIENCE_SECONDS

    async def _say(
        self, composer: Composer, due: DueReminder, opened: OpenTurn, listed: list[Template], now: float
    ) -> None:
        language, slot = spoken_language(opened.language), due.slot
        vacancy = await self._vacancies.find(slot.vacancy)
        title = title_of(vacancy, language) if vacancy else slot.vacancy
        when = to_chatwoot(for_recruiters(slot))
        if composer.window_open(now):
            interview = appointment(slot, title, language, opened.recipient.wa_id)
            reply = with_buttons(self._book, language, "interview_reminder", due.booking, interview)
            composer.reply(reply, author="system", now=now)
            return
        template = self._found(listed, language)
        if template is None:
            composer.note(f"⏰ Please remind the candidate of the interview: {when}. {self._why()}")
            return
        fields = [title, day_and_time(slot, spoken_language(template.language[:2])), slot.place]
        values = {hole: fields[int(hole) - 1] for _, hole in template.holes}
        params = {
            "name": template.name,
            "language": template.language,
            "processed_params": {"body": values},
            "shown": template.filled(values),
        }
        composer.template(params, f"reminder:{due.booking}:{due.kind}:template", now=now, author="system")

    def _why(self) -> str:
        closed = "The 24-hour window is closed, and no template may be sent:"
        if not self._template:
            return f"{closed} `INTERVIEW_REMINDER_TEMPLATE` names none."
        if not self._templates.are_known:
            return f"{closed} 360Dialog could not be asked for its templates."
        return f"{closed} `{self._template}` is not approved, or needs more than title, time and place as text."

    def _found(self, listed: list[Template], language: str) -> Template | None:
        """In the candidate's language, else in English, else in any."""
        fitting = [each for each in listed if each.name == self._template and each.is_text and _numbered(each)]
        for wanted in (language, FALLBACK):
            for each in fitting:
                if each.language.partition("_")[0] == wanted:
                    return each
        return fitting[0] if fitting else None


def _numbered(template: Template) -> bool:
    """Nothing but `{{1}}` to `{{3}}` in the body: what names and headers stand for would have to be guessed."""
    return all(part == "body" and hole in _FIELDS for part, hole in template.holes)
