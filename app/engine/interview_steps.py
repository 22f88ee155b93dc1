"""A step about an interview in words: for the candidate, for recruiters, for the record."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from app.channels.markup import to_chatwoot
from app.engine.interview_acts import InterviewActs, Spoken
from app.recruiting import calendar_file
from app.recruiting.interview_texts import appointment, attribute, for_recruiters, handed, slot_list, with_buttons
from app.recruiting.interviews import Act, Booking, Interviews, Invitation, Slot, Step
from app.recruiting.messages import Reply
from app.recruiting.phrases import Phrasebook

# WhatsApp takes no text/calendar (Meta, supported media types); phones go by the file's name.
_MIME = "text/plain"
CANDIDATE = "candidate"


@dataclass(frozen=True)
class Telling:
    """To whom and how: `title` of the work in their `language`; ids derive from `key`; `now` in Unix seconds."""

    book: Phrasebook
    language: str
    title: str
    wa_id: str
    key: str
    now: float

    def row_id(self) -> str:
        """Of the message that is said."""
        return id_of(self.key)

    def about(self, slot: Slot) -> str:
        """The appointment's lines."""
        return appointment(slot, self.title, self.language, self.wa_id)

    def text(self, phrase: str, **params: str) -> str:
        """A fixed sentence."""
        return self.book.text(self.language, phrase, **params)

    def buttons(self, phrase: str, booking_id: str, slot: Slot) -> Reply:
        """A sentence about a booking that stands."""
        return with_buttons(self.book, self.language, phrase, booking_id, self.about(slot))


def id_of(key: str) -> str:
    """A row, invitation or booking that belongs to an act has the same id on every try."""
    return str(uuid5(NAMESPACE_OID, key))


def told(telling: Telling, step: Step, found: Interviews, answered: frozenset[str]) -> InterviewActs:
    """Everything that follows from a step of the candidate."""
    return replace(_of(telling, step, found), answered=answered)


def _of(telling: Telling, step: Step, found: Interviews) -> InterviewActs:
    booking, invitation = step.booking, step.invitation
    match step.act:
        case Act.BOOK | Act.MOVE if step.slot and invitation:
            return _booked(telling, step.slot, invitation, booking)
        case Act.CANCEL if booking:
            return _cancelled(telling, booking, found)
        case Act.OFFER | Act.TAKEN | Act.UNCLEAR if invitation:
            return _offered(telling, step, booking or invitation, invitation)
        case Act.SHOW if booking:
            return _said(telling, telling.buttons("interview_stands", booking.id, booking.slot))
        case Act.DECLINE if invitation:
            return _declined(telling, invitation, booking, gone=step.gone)
    note = "📅 The candidate tapped a choice of an interview that is no longer valid. `/interview` sends new times."
    return _said(telling, Reply(text=telling.text("interview_stale")), note, kind="text")


def _said(telling: Telling, reply: Reply, note: str = "", kind: str = "interview") -> InterviewActs:
    notes = [(f"{telling.key}:note", note)] if note else []
    return InterviewActs(spoken=[Spoken(telling.key, reply, "system", kind)], notes=notes)


def _booked(telling: Telling, slot: Slot, invitation: Invitation, before: Booking | None) -> InterviewActs:
    id_ = id_of(f"{telling.key}:booking")
    write: dict[str, Any] = {"id": id_, "invitation": invitation.id, "slot": slot.id, "by": CANDIDATE}
    act = {"act": "move", "booking": before.id, **write} if before else {"act": "book", **write}
    when = to_chatwoot(for_recruiters(slot))
    was = f" (was: {to_chatwoot(for_recruiters(before.slot))})" if before else ""
    note = f"📅 Interview {'moved' if before else 'booked'} by the candidate: **{when}**{was}."
    said = _said(telling, telling.buttons("interview_booked", id_, slot), note)
    file = {"name": calendar_file.NAME, "mime": _MIME, "text": _calendar(telling, slot, invitation)}
    return replace(said, writes=[act], files=[(f"{telling.key}:file", file)], shown=attribute(slot))


def _calendar(telling: Telling, slot: Slot, invitation: Invitation) -> str:
    return calendar_file.calendar(
        calendar_file.Event(
            uid=invitation.id,
            sequence=invitation.bookings,
            written=dt.datetime.fromtimestamp(telling.now, dt.UTC),
            starts=slot.starts,
            ends=slot.ends,
            summary=telling.title,
            location=slot.place,
        )
    )


def _cancelled(telling: Telling, booking: Booking, found: Interviews) -> InterviewActs:
    text = telling.text("interview_cancelled", interview=telling.about(booking.slot))
    when = to_chatwoot(for_recruiters(booking.slot))
    note = f"📅 Interview cancelled by the candidate: {when}. The place is free again."
    act = {"act": "cancel", "booking": booking.id, "by": CANDIDATE}
    return replace(_said(telling, Reply(text=text), note), writes=[act], shown=shown_without(booking, found))


def shown_without(booking: Booking, found: Interviews) -> str:
    """The attribute when this one is gone: the next that stands, or nothing."""
    return next((attribute(each.slot) for each in found.bookings if each.id != booking.id), "")


def _offered(telling: Telling, step: Step, about: Booking | Invitation, invitation: Invitation) -> InterviewActs:
    unclear = step.act is Act.UNCLEAR
    gone = [telling.text("interview_gone")] if step.act is Act.TAKEN else []
    opening = [*gone, telling.text("interview_unclear" if unclear else "interview_again")]
    reply = slot_list(telling.book, telling.language, opening, step.slots, about, telling.wa_id)
    act = {
        "act": "ask",
        "invitation": invitation.id,
        "asked": telling.row_id(),
        "slots": [slot.id for slot in step.slots],
        "unclear": unclear,
    }
    return replace(_said(telling, reply), writes=[act])


def _declined(telling: Telling, invitation: Invitation, booking: Booking | None, *, gone: bool) -> InterviewActs:
    """None of the times, or none is left: a person goes on; what is booked stays."""
    lines = [telling.text("interview_gone")] if gone else []
    lines.append(handed(telling.book, telling.language, telling.now))
    note = f"📅 No offered time suits the candidate, or none is free ({invitation.vacancy}). Please agree on one."
    if booking:
        lines.append(telling.text("interview_stands", interview=telling.about(booking.slot)))
        note += f" Booked meanwhile: {to_chatwoot(for_recruiters(booking.slot))}."
    said = _said(telling, Reply(text="\n\n".join(lines)), note, kind="text")
    return replace(said, writes=[{"act": "decline", "invitation": invitation.id}], to_person=True)
