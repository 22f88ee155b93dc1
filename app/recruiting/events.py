"""Everything that can happen to a conversation; each lies in its mailbox as one JSON object tagged `type`."""

import msgspec

from app.recruiting.messages import InboundMessage


class Sender(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who wrote, as WhatsApp names them. At least one of `bsuid` and `wa_id` is set.

    `bsuid` is the business-scoped user id (`CC.…`), `wa_id` the phone number without `+`;
    `profile_name` is what the person calls themselves and only a hint.
    """

    bsuid: str = ""
    parent_bsuid: str = ""
    wa_id: str = ""
    username: str = ""
    profile_name: str = ""


class CandidateSaid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="candidate_said"):
    """A candidate's message to our number `number_id` (WhatsApp's phone_number_id)."""

    number_id: str
    sender: Sender
    message: InboundMessage


class IdentityChanged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="identity_changed"):
    """A candidate has a new phone number or a new BSUID; both ids are the same person."""

    number_id: str
    previous: Sender
    current: Sender
    event_id: str
    at: float


class AppSaid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="app_said"):
    """A person wrote to a candidate in the WhatsApp Business app on our own number's phone: it has arrived already."""

    number_id: str
    recipient: Sender
    message: InboundMessage

    @property
    def at(self) -> float:
        """Unix seconds."""
        return self.message.sent_at


class RecruiterAttachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that a recruiter sent in Chatwoot; `url` redirects to short-lived storage."""

    attachment_id: int
    file_type: str
    url: str
    mime_type: str = ""
    size: int = 0


class RecruiterSaid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="recruiter_said"):
    """A recruiter's public message in Chatwoot: it goes to the candidate and takes the conversation over."""

    message_id: int
    conversation_id: int  # Chatwoot's display id
    at: float
    text: str = ""
    recruiter_id: int = 0
    recruiter_name: str = ""
    attachments: list[RecruiterAttachment] = []
    in_reply_to: int = 0
    template: dict[str, object] = {}  # `template_params` of the composer
    automatic: bool = False  # written by a rule, survey or other bot: it goes to the candidate and takes nothing over


class RecruiterDeleted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="recruiter_deleted"):
    """A recruiter deleted a public message of theirs."""

    message_id: int
    conversation_id: int
    at: float


class RecruiterTyping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="recruiter_typing"):
    """A recruiter is writing to the candidate: the assistant waits a few seconds. Never lies in a mailbox."""

    conversation_id: int


class RecruiterNoted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="recruiter_noted"):
    """A private note: never leaves Chatwoot; may hold a command."""

    message_id: int
    conversation_id: int
    at: float
    text: str = ""
    recruiter_id: int = 0


class DeskChanged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="desk_changed"):
    """The state of a Chatwoot conversation as a webhook showed it (status, assignee, labels)."""

    conversation_id: int
    at: float
    event_id: str
    status: str = ""
    assignee_id: int = 0
    assignee_type: str = ""
    # Of `status`, `assignee_id`, `assignee_agent_bot_id`, `label_list`: what the webhook says has changed.
    changed: list[str] = []
    labelled: bool = False  # it has the label that gives a conversation back
    # Of `status`, `assignee`, `label`: what differs from what was known when this was stored; None: nothing was known.
    moved: list[str] | None = None


class HandBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="hand_back"):
    """The person who took the conversation has been silent too long, or their pause is over."""

    at: float
    reason: str  # silence | pause_over


class StatusReported(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="status_reported"):
    """What became of a message we sent. `outbox_id` is our own id, echoed by the vendor when it knows it."""

    wamid: str
    status: str  # sent | delivered | read | played | failed
    at: float
    outbox_id: str = ""
    error_code: int = 0
    error_title: str = ""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="quarantined"):
    """Something a webhook brought that could not be read: kept raw for a person to look at."""

    source: str
    reason: str
    body: str
    at: float


Event = (
    CandidateSaid
    | IdentityChanged
    | AppSaid
    | RecruiterSaid
    | RecruiterNoted
    | RecruiterDeleted
    | DeskChanged
    | HandBack
    | StatusReported
    | Quarantined
)
