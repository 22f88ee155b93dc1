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
# Fields that a reminder's template may have, in this order: the work, when, where.
_MOST_FIELDS = 3


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
        await self._say(composer, due, opened, now)
        if not await self._record.remind(due, opened.conversation_id, composer.messages, composer.outbox):
            return False
        for channel in (Channel.WHATSAPP, Channel.CHATWOOT):
            key = f"reminder:{due.booking}:{due.kind}"
            await self._wakeups.deliver(opened.conversation_id, opened.address, channel, key=key)
        return True

    async def _say(self, composer: Composer, due: DueReminder, opened: OpenTurn, now: float) -> None:
        language, slot = spoken_language(opened.language), due.slot
        vacancy = await self._vacancies.find(slot.vacancy)
        title = title_of(vacancy, language) if vacancy else slot.vacancy
        when = to_chatwoot(for_recruiters(slot))
        if composer.window_open(now):
            interview = appointment(slot, title, language, opened.recipient.wa_id)
            reply = with_buttons(self._book, language, "interview_reminder", due.booking, interview)
            composer.reply(reply, author="system", now=now)
            return
        template = await self._found(language)
        if template is None:
            composer.note(f"⏰ Please remind the candidate of the interview: {when}. {self._why()}")
            return
        fields = [title, day_and_time(slot, spoken_language(template.language[:2])), slot.place]
        holes = template.text.count("{{")
        params = {
            "name": template.name,
            "language": template.language,
            "processed_params": {"body": {str(n): _line(value) for n, value in enumerate(fields[:holes], 1)}},
        }
        composer.template(params, f"reminder:{due.booking}:{due.kind}:template", now=now, author="system")

    def _why(self) -> str:
        closed = "The 24-hour window is closed, and no template may be sent:"
        if not self._template:
            return f"{closed} `INTERVIEW_REMINDER_TEMPLATE` names none."
        return f"{closed} `{self._template}` is not approved, or needs more than title, time and place."

    async def _found(self, language: str) -> Template | None:
        """In the candidate's language, else in English, else in any."""
        fitting = [
            each
            for each in (await self._templates.all() if self._template else [])
            if each.name == self._template and each.text.count("{{") <= _MOST_FIELDS and _numbered(each.text)
        ]
        for wanted in (language, FALLBACK):
            for each in fitting:
                if each.language.partition("_")[0] == wanted:
                    return each
        return fitting[0] if fitting else None


def _numbered(text: str) -> bool:
    """Holes `{{1}}` … in a row: names would have to be guessed."""
    return all(f"{{{{{number}}}}}" in text for number in range(1, text.count("{{") + 1))


def _line(value: str) -> str:
    """Fields of templates have no line breaks (Meta, 132012)."""
    return " ".join(value.split())
