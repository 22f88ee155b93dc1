"""Interviews: what a candidate's tap or words do to invitations and bookings. Pure; a person has invited before.

Ids of choices: `v1:interview:book:INVITATION:SLOT`, `none:INVITATION`, `move:BOOKING:SLOT`, `stay:BOOKING`,
`change:BOOKING`, `cancel:BOOKING`. One that names something that has ended is a stale tap.
"""

import datetime as dt
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

PREFIX = "v1:interview:"
MOST_OFFERED = 9  # rows; the tenth is "none of these" (WhatsApp: ten rows in all)
MOST_UNCLEAR = 2  # clarifications that may fail before a person helps (product, handoff triggers)
# Nobody can come to what begins in a moment: free times nearer than this are not offered. An estimate.
LEAST_NOTICE_SECONDS = 3600.0

Verb = Literal["book", "none", "move", "stay", "change", "cancel"]
_VERBS: dict[str, int] = {"book": 2, "none": 1, "move": 2, "stay": 1, "change": 1, "cancel": 1}


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A time for interviews. `place` is an address, a video link or a phone number; `vacancy` its code."""

    id: str
    vacancy: str
    starts_at: dt.datetime
    minutes: int
    timezone: str
    place: str
    capacity: int
    booked: int
    state: str = "open"

    @property
    def starts(self) -> dt.datetime:
        """By the clock on its wall."""
        return self.starts_at.astimezone(ZoneInfo(self.timezone))

    @property
    def ends(self) -> dt.datetime:
        """The same; an hour is an hour in the night of the clock change, too."""
        return (self.starts_at + dt.timedelta(minutes=self.minutes)).astimezone(ZoneInfo(self.timezone))


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """`asked` is the message id of the list that waits for a choice, `offered` its slots; `bookings` counts all."""

    id: str
    vacancy: str
    state: str  # open | declined | used | replaced | withdrawn
    asked: str = ""
    offered: list[Slot] = []
    unclear: int = 0
    bookings: int = 0

    @property
    def holds(self) -> bool:
        """A time may be chosen from it."""
        return self.state in {"open", "declined"}


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """One that stands."""

    id: str
    invitation: str
    slot: Slot


class Interviews(msgspec.Struct, frozen=True, kw_only=True):
    """What the record holds of one candidate: invitations newest first, bookings that stand, free slots in order."""

    invitations: list[Invitation]
    bookings: list[Booking]
    free: list[Slot]

    def invitation(self, id_: str) -> Invitation | None:
        """One of the candidate's own."""
        return next((each for each in self.invitations if each.id == id_), None)

    def booking(self, id_: str) -> Booking | None:
        """One that stands, by its id."""
        return next((each for each in self.bookings if each.id == id_), None)

    def booked_for(self, vacancy: str) -> Booking | None:
        """One that stands, by the vacancy's code."""
        return next((each for each in self.bookings if each.slot.vacancy == vacancy), None)

    def offered(self, vacancy: str, *, but: str = "") -> list[Slot]:
        """Free slots of a vacancy without the slot `but`, as many as a list holds."""
        return [slot for slot in self.free if slot.vacancy == vacancy and slot.id != but][:MOST_OFFERED]


class Tap(msgspec.Struct, frozen=True):
    """A choice id of ours read back."""

    verb: str
    about: str
    slot: str = ""


class Act(StrEnum):
    """What follows from a tap or a typed choice."""

    BOOK = "book"
    MOVE = "move"
    CANCEL = "cancel"
    OFFER = "offer"  # other times, to change a booking
    TAKEN = "taken"  # the time has gone meanwhile: the others
    DECLINE = "decline"  # none of the times: a person goes on
    UNCLEAR = "unclear"  # typed words that name no time for certain
    SHOW = "show"  # what stands, to whoever taps on something old
    STALE = "stale"  # nothing stands, and the list is no longer valid


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`slots` are what is offered, `slot` what was chosen; `gone`: another time was chosen, which is taken."""

    act: Act
    invitation: Invitation | None = None
    booking: Booking | None = None
    slot: Slot | None = None
    slots: list[Slot] = []
    gone: bool = False


def parse(choice_id: str) -> Tap | None:
    """None for choices of anything else, and for ids that are none of ours."""
    if not choice_id.startswith(PREFIX):
        return None
    verb, *ids = choice_id.removeprefix(PREFIX).split(":")
    if len(ids) != _VERBS.get(verb) or not all(ids):
        return None
    return Tap(verb, *ids)


def choice_id(verb: Verb, about: str, slot: str = "") -> str:
    """The inverse of `parse`."""
    return PREFIX + ":".join([verb, about, *([slot] if slot else [])])


def step(found: Interviews, tap: Tap) -> Step:
    """What a tap does, as the record stands now."""
    if tap.verb in {"book", "none"}:
        invitation = found.invitation(tap.about)
        if invitation is None:
            return Step(act=Act.STALE)
        return _of_invitation(found, invitation, tap)
    booking = found.booking(tap.about)
    if booking is None:
        # Of a booking that was cancelled, moved or is over: what stands now, if anything does.
        return Step(act=Act.SHOW, booking=found.bookings[-1]) if found.bookings else Step(act=Act.STALE)
    return _of_booking(found, booking, tap)


def _of_invitation(found: Interviews, invitation: Invitation, tap: Tap) -> Step:
    if booked := found.booked_for(invitation.vacancy):
        return Step(act=Act.SHOW, booking=booked)
    if not invitation.holds:
        return Step(act=Act.STALE)
    if tap.verb == "none":
        return Step(act=Act.DECLINE, invitation=invitation)
    slots = found.offered(invitation.vacancy)
    slot = _free(found, tap.slot, invitation.vacancy)
    if slot is None:
        return Step(act=Act.TAKEN if slots else Act.DECLINE, invitation=invitation, slots=slots, gone=True)
    return Step(act=Act.BOOK, invitation=invitation, slot=slot)


def _of_booking(found: Interviews, booking: Booking, tap: Tap) -> Step:
    invitation, vacancy = found.invitation(booking.invitation), booking.slot.vacancy
    if tap.verb == "cancel":
        return Step(act=Act.CANCEL, booking=booking, invitation=invitation)
    if tap.verb == "stay":
        return Step(act=Act.DECLINE, booking=booking, invitation=invitation)
    slots = found.offered(vacancy, but=booking.slot.id)
    if tap.verb == "move":
        if tap.slot == booking.slot.id:
            return Step(act=Act.SHOW, booking=booking)
        if slot := _free(found, tap.slot, vacancy):
            return Step(act=Act.MOVE, booking=booking, invitation=invitation, slot=slot)
        taken = Act.TAKEN if slots else Act.DECLINE
        return Step(act=taken, booking=booking, invitation=invitation, slots=slots, gone=True)
    return Step(act=Act.OFFER if slots else Act.DECLINE, booking=booking, invitation=invitation, slots=slots)


def _free(found: Interviews, slot_id: str, vacancy: str) -> Slot | None:
    """Among all that are free, also beyond those of a list: what was offered earlier may be far down by now."""
    return next((slot for slot in found.free if slot.id == slot_id and slot.vacancy == vacancy), None)
