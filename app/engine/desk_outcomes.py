"""Shows recruiters what became of messages: delivery marks, and a note in plain words for each that failed."""

import asyncio
import time
from uuid import NAMESPACE_OID, uuid5

from app.channels.chatwoot import Chatwoot
from app.channels.errors import Ambiguous, Halted, Retry, SendError
from app.channels.whatsapp import Template, WhatsApp
from app.database.desk import DeskRecord, Outcome
from app.database.outbox import Channel, NewOutboxRow, Outbox, State
from app.engine.wakeups import Wakeups
from app.telemetry.logs import get_logger

log = get_logger()
TEMPLATES_SECONDS = 300.0
MOST_AT_ONCE = 5
# A token that was refused is tried again this much later.
HALT_SECONDS = 30.0
MOST_TEMPLATES = 10
FAILED = frozenset({State.FAILED, State.DEAD})
WINDOW_CODE = "131047"
# What recruiters can do about it, by Meta's code.
REASONS = {
    WINDOW_CODE: "the candidate last wrote more than 24 hours ago, and WhatsApp then allows templates only",
    "131026": "WhatsApp cannot reach this number: no WhatsApp there, an old version, or terms not accepted",
    "131049": "Meta holds this message back because the person gets many marketing messages",
    "131050": "the person does not want marketing messages from us",
    "131021": "the recipient is our own number",
    "131051": "WhatsApp does not know this type of message",
    "131052": "WhatsApp could not fetch the file",
    "131053": "WhatsApp could not take the file",
    "131056": "too many messages to this person in a short time",
    "130472": "Meta holds marketing messages to this person back for an experiment",
    "132000": "the number of the template's fields does not fit",
    "132001": "there is no such approved template in that language",
    "132005": "the text with the fields filled in is too long",
    "132012": "a field of the template has the wrong format",
    "132015": "the template is paused because of its quality",
    "132016": "the template is switched off because of its quality",
    "ambiguous": "WhatsApp gave no answer twice; it may have arrived",
}


def reason_of(outcome: Outcome) -> str:
    """In words that a recruiter understands; no personal data."""
    if outcome.state is State.CANCELLED:
        return "not sent: a person took over, or the candidate said stop, before it went out"
    if outcome.state not in FAILED:
        return "a part of this message did not reach the candidate"
    known = REASONS.get(outcome.error_code)
    if known:
        return known
    if outcome.error_title and not outcome.error_code:
        return outcome.error_title  # a phrase of ours, such as a file's limit
    return f"WhatsApp refused it ({outcome.error_code or outcome.error_title or 'no reason given'})"


def templates_text(templates: list[Template]) -> str:
    """The approved templates as a recruiter types them."""
    if not templates:
        return "There are no approved templates."
    lines = [f"- `/template {each.name} {each.language}` {_quoted(each.text)}" for each in templates[:MOST_TEMPLATES]]
    more = len(templates) - MOST_TEMPLATES
    return "\n".join(["Approved templates:", *lines, *([f"and {more} more"] if more > 0 else [])])


def _quoted(text: str) -> str:
    # In backticks: outside them Chatwoot would fill the holes itself.
    return f"`{' '.join(text.replace('`', chr(39)).split())[:160]}`" if text else ""


class Templates:
    """The number's approved templates, asked for at most every five minutes."""

    def __init__(self, whatsapp: WhatsApp) -> None:
        self._whatsapp = whatsapp
        self._known: list[Template] = []
        self._until = 0.0

    @property
    def are_known(self) -> bool:
        """The vendor has listed them at least once: what is not among them does not exist."""
        return self._until > 0

    async def all(self) -> list[Template]:
        """What was known before when the vendor cannot be asked."""
        if time.monotonic() >= self._until:
            try:
                self._known = await self._whatsapp.templates()
                self._until = time.monotonic() + TEMPLATES_SECONDS
            except SendError as error:
                log.warning("templates.unavailable", error_code=error.code)
        return self._known


class DeskOutcomes:
    """One pass over what Chatwoot does not show yet; safe to repeat and to run twice at once."""

    def __init__(
        self, record: DeskRecord, outbox: Outbox, chatwoot: Chatwoot, templates: Templates, wakeups: Wakeups
    ) -> None:
        self._record = record
        self._outbox = outbox
        self._chatwoot = chatwoot
        self._templates = templates
        self._wakeups = wakeups
        self._halted_until = 0.0

    async def show(self) -> None:
        """Raises RecordError; trouble of Chatwoot is left for the next pass, a refused token for a later one."""
        if time.monotonic() < self._halted_until:
            return
        outcomes = await self._record.unshown()
        if not outcomes:
            return
        for outcome in outcomes:
            if outcome.state in FAILED:
                await self._note(outcome)
        limit = asyncio.Semaphore(MOST_AT_ONCE)
        shown = await asyncio.gather(*[self._mark(outcome, limit) for outcome in outcomes])
        done = [outcome for outcome, ok in zip(outcomes, shown, strict=True) if ok]
        if done:
            await self._record.mark_shown(done)

    async def _note(self, outcome: Outcome) -> None:
        text = f"⚠️ This message did not reach the candidate: {reason_of(outcome)}."
        if outcome.error_code == WINDOW_CODE:
            text += "\n\n" + templates_text(await self._templates.all())
        else:
            text += " `/retry` sends it once more."
        row = NewOutboxRow(
            id=str(uuid5(NAMESPACE_OID, f"unsent:{outcome.id}:{outcome.state}:{outcome.error_code}")),
            channel=Channel.CHATWOOT,
            kind="note",
            author="system",
            body={"text": text} | ({"in_reply_to": outcome.message_id} if outcome.message_id else {}),
        )
        if await self._outbox.add(outcome.conversation_id, [row]):
            await self._wakeups.deliver(outcome.conversation_id, outcome.address, Channel.CHATWOOT, key=row.id)

    async def _mark(self, outcome: Outcome, limit: asyncio.Semaphore) -> bool:
        """True when nothing is left to show for this outcome."""
        if not outcome.message_id or not outcome.display_id or not outcome.mark:
            return True
        async with limit:
            if time.monotonic() < self._halted_until:
                return False
            try:
                error = reason_of(outcome) if outcome.mark == "failed" else ""
                await self._chatwoot.report(outcome.display_id, outcome.message_id, outcome.mark, error)
            except Halted:
                self._halted_until = time.monotonic() + HALT_SECONDS
                return False
            except (Retry, Ambiguous):
                return False
            except SendError as error:
                log.info("outcome.unshown", error_code=error.code)  # deleted by a recruiter
        return True
