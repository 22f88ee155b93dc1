"""What lies in a mailbox, sorted by what it means for the turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.recruiting.events import (
    AppSaid,
    CandidateSaid,
    DeskChanged,
    Event,
    HandBack,
    IdentityChanged,
    RecruiterDeleted,
    RecruiterNoted,
    RecruiterSaid,
    Sender,
)
from app.recruiting.messages import SILENT, InboundMessage, Kind


@dataclass(frozen=True)
class Fold:
    """Events of one turn in arrival order, recruiters' words in the order in which they were written.

    `sender` joins all ids that the candidate's messages showed. `plain`: `said` as it came, once files were read.
    """

    said: list[CandidateSaid] = field(default_factory=list)
    plain: list[CandidateSaid] = field(default_factory=list)
    recruiter: list[RecruiterSaid] = field(default_factory=list)
    notes: list[RecruiterNoted] = field(default_factory=list)
    desk: list[DeskChanged] = field(default_factory=list)
    identities: list[IdentityChanged] = field(default_factory=list)
    deleted: list[RecruiterDeleted] = field(default_factory=list)
    app: list[AppSaid] = field(default_factory=list)
    back: list[HandBack] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)  # for the recruiter, about files that were read or could not be
    heard: dict[str, Any] = field(default_factory=dict)  # what transcribing cost, for the decision log

    @property
    def sender(self) -> Sender:
        """Newest value of each id."""
        known: dict[str, str] = {}
        for event in self.said:
            sender = event.sender
            for name in ("bsuid", "parent_bsuid", "wa_id", "username", "profile_name"):
                if value := getattr(sender, name):
                    known[name] = value
        return Sender(**known)

    @property
    def number_id(self) -> str:
        """WhatsApp's id of our number, empty when no candidate message is here."""
        return self.said[-1].number_id if self.said else ""

    @property
    def inbound(self) -> list[InboundMessage]:
        """The candidate's messages that say something or take something back."""
        return [event.message for event in self.said if event.message.kind is not Kind.REACTION]

    @property
    def spoken(self) -> bool:
        """The candidate said something: whoever only deletes a message expects no answer."""
        return any(message.kind is not Kind.REVOKE for message in self.inbound)

    @property
    def humans(self) -> list[RecruiterSaid]:
        """What people wrote, without rules, surveys and other bots."""
        return [event for event in self.recruiter if not event.automatic]

    @property
    def in_app(self) -> list[AppSaid]:
        """What people wrote on the phone of our own number, without reactions and the like."""
        return [event for event in self.app if event.message.kind not in SILENT]

    @property
    def people_spoke_at(self) -> list[float]:
        """When people wrote to the candidate, wherever they did; Unix seconds by different clocks."""
        return [event.at for event in self.humans] + [event.at for event in self.in_app]

    @property
    def by_desk(self) -> bool:
        """Whether recruiters, or the desk itself, did anything."""
        return bool(self.recruiter or self.app or self.notes or self.desk or self.deleted or self.back)

    @property
    def acted_at(self) -> float:
        """When recruiters last did anything but write to the candidate, by Chatwoot's clock; 0 if they did not."""
        times = [note.at for note in self.notes] + [act.at for act in self.desk] + [act.at for act in self.back]
        return max(times, default=0.0)

    @property
    def message_ids(self) -> list[str]:
        """Ids under which these events are kept in the transcript."""
        on_phones: list[CandidateSaid | AppSaid] = [*self.said, *self.app]
        return [event.message.message_id for event in on_phones] + [recruiter_id(event) for event in self.recruiter]

    def without(self, seen: Sequence[str]) -> "Fold":
        """The same without what the record already holds."""
        known = set(seen)
        return Fold(
            said=[event for event in self.said if event.message.message_id not in known],
            recruiter=[event for event in self.recruiter if recruiter_id(event) not in known],
            notes=self.notes,
            desk=self.desk,
            identities=self.identities,
            deleted=self.deleted,
            app=[event for event in self.app if event.message.message_id not in known],
            back=self.back,
        )

    def __bool__(self) -> bool:
        return bool(self.said or self.by_desk or self.identities)


def recruiter_id(event: RecruiterSaid) -> str:
    """Message id of a recruiter's words in our transcript."""
    return f"cw:{event.message_id}"


def fold(events: Sequence[Event]) -> Fold:
    """Sort events; statuses and quarantined items never lie in a conversation's mailbox."""
    out = Fold()
    deleted = {event.message_id for event in events if isinstance(event, RecruiterDeleted)}
    for event in events:
        match event:
            case CandidateSaid():
                out.said.append(event)
            case RecruiterSaid(message_id=message_id):
                # Deleted before anybody looked at it: as if it had not been said.
                if message_id not in deleted:
                    out.recruiter.append(event)
            case RecruiterDeleted():
                out.deleted.append(event)
            case AppSaid():
                out.app.append(event)
            case HandBack():
                out.back.append(event)
            case RecruiterNoted():
                out.notes.append(event)
            case DeskChanged():
                out.desk.append(event)
            case IdentityChanged():
                out.identities.append(event)
    # Chatwoot numbers messages as they are written; their webhooks may overtake each other.
    out.recruiter.sort(key=lambda event: event.message_id)
    return out
