"""From a Chatwoot webhook body to typed events. Only top-level fields are trusted; unknown events are ignored."""

import contextlib
import re
from datetime import datetime
from typing import Any

import msgspec

from app.channels.whatsapp_inbound import BodyRejected
from app.recruiting.events import (
    DeskChanged,
    RecruiterAttachment,
    RecruiterDeleted,
    RecruiterNoted,
    RecruiterSaid,
    RecruiterTyping,
)

# In `content_attributes` of everything we write: proof of an echo, even when the webhook overtakes our own answer.
MARKER = "recruitment_desk"
# Changes of a conversation that concern who may speak; the rest (waiting_since above all) moves with every message.
OWNING = ("status", "assignee_id", "assignee_agent_bot_id", "label_list")
# How long a recruiter's typing holds the assistant back; Chatwoot repeats the event while they go on.
TYPING_SECONDS = 6


class Account(msgspec.Struct):
    id: int = 0


class Person(msgspec.Struct):
    id: int = 0
    name: str | None = ""
    type: str = ""


class ContactInbox(msgspec.Struct):
    source_id: str = ""


class Meta(msgspec.Struct):
    assignee: Person | None = None
    assignee_type: str | None = None


class Conversation(msgspec.Struct):
    id: int = 0
    status: str = ""
    contact_inbox: ContactInbox = msgspec.field(default_factory=ContactInbox)
    meta: Meta = msgspec.field(default_factory=Meta)


class Attachment(msgspec.Struct):
    id: int = 0
    file_type: str = ""
    content_type: str | None = None
    data_url: str | None = None
    file_size: int | None = None


class Webhook(msgspec.Struct):
    """Both shapes in one: message events carry `conversation`, conversation events are one themselves."""

    event: str = ""
    id: int | str = 0
    account: Account = msgspec.field(default_factory=Account)
    message_type: str | int = ""
    private: bool | None = None
    content: str | None = None
    content_attributes: dict[str, Any] | None = None
    additional_attributes: dict[str, Any] | None = None
    source_id: str | None = None
    sender: Person | None = None
    attachments: list[Attachment | None] = []
    conversation: Conversation | None = None
    created_at: str | float = 0
    updated_at: str | float = 0
    status: str = ""
    contact_inbox: ContactInbox = msgspec.field(default_factory=ContactInbox)
    meta: Meta | None = None
    labels: list[str] | None = None
    changed_attributes: list[dict[str, Any]] | None = None
    is_private: bool | None = None
    user: Person | None = None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How to take what Chatwoot tells. `bots_speak`: what bots, rules, surveys and our own user write by hand goes to
    the candidate, too; it never takes a conversation over. `service_user_id` 0 = not known yet. `return_label` gives a
    conversation back to the assistant."""

    bots_speak: bool = False
    service_user_id: int = 0
    return_label: str = ""

    def returns(self, labels: list[str]) -> bool:
        """Chatwoot keeps labels in lower case."""
        return bool(self.return_label) and self.return_label.lower() in labels

    def is_person(self, who: Person | None) -> bool:
        """A user of Chatwoot who is not ourselves."""
        return who is not None and who.type == "user" and (not self.service_user_id or who.id != self.service_user_id)


PLAIN = Reading()
# A pause that will be obeyed; what is wrong with another one is told by the turn.
_PAUSE = re.compile(r"/pause(?:\s+[\d.,]+h?)?", re.IGNORECASE)
DeskEvent = RecruiterSaid | RecruiterNoted | RecruiterDeleted | RecruiterTyping | DeskChanged
_webhook = msgspec.json.Decoder(Webhook)


def takes_over(event: DeskEvent) -> bool:
    """From the moment this is stored the assistant sends nothing, until a turn has decided who speaks."""
    match event:
        case RecruiterSaid():
            return not event.automatic
        case RecruiterNoted():
            return _PAUSE.fullmatch(event.text.strip()) is not None
        case DeskChanged():
            assigned = event.assignee_type == "User" and event.assignee_id and "assignee_id" in event.changed
            return event.status in ("open", "snoozed", "resolved") or bool(assigned)
    return False


def desk_note(event: DeskEvent) -> str:
    """What the mailbox remembers of the desk: states that it knows already are not stored again, messages count."""
    match event:
        case RecruiterSaid() | RecruiterNoted():
            return f"written|{event.at:.6f}"
        case DeskChanged():
            assignee = f"{event.assignee_type}:{event.assignee_id}" if event.assignee_id else ""
            return f"state|{event.at:.6f}|{event.status}|{assignee}|{'1' if event.labelled else ''}"
        case RecruiterTyping():
            return f"typing|{TYPING_SECONDS}"
    return ""


def parse(body: bytes, account_id: int, reading: Reading = PLAIN) -> list[tuple[str, str, DeskEvent]]:
    """(address, dedupe id, event), at most one. Raises BodyRejected when the body is not a Chatwoot webhook.

    Other accounts, other inboxes and our own echoes give no event.
    """
    try:
        hook = _webhook.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BodyRejected("the body is not a Chatwoot webhook") from None
    if hook.account.id not in (0, account_id):
        return []
    match hook.event:
        case "message_created" if hook.conversation is not None:
            return _message(hook, hook.conversation, reading)
        case "message_updated" if hook.conversation is not None:
            return _deleted(hook, hook.conversation)
        case "conversation_status_changed" | "conversation_updated":
            return _desk(hook, reading)
        case "conversation_typing_on" if hook.conversation is not None:
            return _typing(hook, hook.conversation, reading)
    return []


def of_api(message: dict[str, Any], address: str, reading: Reading) -> list[tuple[str, str, DeskEvent]]:
    """The same from a message as the API lists it (reconciliation): numbers for types, Unix seconds for times."""
    kinds = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}
    kind = message.get("message_type")
    listed = {
        **{key: message.get(key) for key in ("id", "content", "content_attributes", "additional_attributes")},
        **{key: message.get(key) for key in ("source_id", "sender", "private", "created_at")},
        "message_type": kinds.get(kind, "") if isinstance(kind, int) else str(kind),
        "attachments": message.get("attachments") or [],
    }
    try:
        hook = msgspec.convert(listed, Webhook, strict=False)
    except msgspec.ValidationError:
        return []  # the webhook's door refuses it, too; its neighbours must not wait for it
    conversation = Conversation(
        id=int(message.get("conversation_id") or 0), contact_inbox=ContactInbox(source_id=address)
    )
    if (hook.content_attributes or {}).get("deleted"):
        # A listing says neither when it was deleted nor, by then, what it said.
        return _deleted(msgspec.structs.replace(hook, updated_at=hook.created_at), conversation)
    return _message(hook, conversation, reading)


def _message(hook: Webhook, conversation: Conversation, reading: Reading) -> list[tuple[str, str, DeskEvent]]:
    address = conversation.contact_inbox.source_id
    by_person = reading.is_person(hook.sender) and hook.message_type == "outgoing"
    attributes = hook.content_attributes or {}
    # Webhooks are built late: one of a message that has been deleted since carries Chatwoot's placeholder.
    ours = bool(hook.source_id) or MARKER in attributes or bool(attributes.get("deleted"))
    by_rule = "automation_rule_id" in attributes
    automatic = by_rule or not by_person
    if not address.startswith("wa:") or hook.message_type not in ("outgoing", "template") or ours:
        return []
    if automatic and (not reading.bots_speak or hook.private is not False):
        return []
    sender = hook.sender or Person()
    message_id, at, text = _number(hook.id), _seconds(hook.created_at), _stored(hook.content or "")
    dedupe = f"cw:message_created:{message_id}"
    if hook.private is True:
        note = RecruiterNoted(
            message_id=message_id, conversation_id=conversation.id, at=at, text=text, recruiter_id=sender.id
        )
        return [(address, dedupe, note)]
    if hook.private is not False:  # fail closed: only an explicit false is public
        return []
    said = RecruiterSaid(
        message_id=message_id,
        conversation_id=conversation.id,
        at=at,
        text=text,
        recruiter_id=sender.id,
        recruiter_name=sender.name or "",
        attachments=[_attachment(item) for item in hook.attachments if item and item.data_url],
        in_reply_to=_number(attributes.get("in_reply_to")),
        template=_template(hook.additional_attributes or {}),
        automatic=automatic,
    )
    return [(address, dedupe, said)]


def _deleted(hook: Webhook, conversation: Conversation) -> list[tuple[str, str, DeskEvent]]:
    """Of all updates only deletion concerns the candidate; our own delivery reports come back here too."""
    address = conversation.contact_inbox.source_id
    attributes = hook.content_attributes or {}
    if not address.startswith("wa:") or not attributes.get("deleted") or hook.message_type != "outgoing":
        return []
    if hook.private is not False:
        return []
    message_id = _number(hook.id)
    deleted = RecruiterDeleted(message_id=message_id, conversation_id=conversation.id, at=_seconds(hook.updated_at))
    return [(address, f"cw:message_deleted:{message_id}", deleted)]


def _typing(hook: Webhook, conversation: Conversation, reading: Reading) -> list[tuple[str, str, DeskEvent]]:
    address = conversation.contact_inbox.source_id
    if not address.startswith("wa:") or not reading.is_person(hook.user) or hook.is_private is not False:
        return []
    return [(address, "", RecruiterTyping(conversation_id=conversation.id))]


def _attachment(item: Attachment) -> RecruiterAttachment:
    return RecruiterAttachment(
        attachment_id=item.id,
        file_type=item.file_type,
        url=item.data_url or "",
        mime_type=item.content_type or "",
        size=item.file_size or 0,
    )


def _desk(hook: Webhook, reading: Reading) -> list[tuple[str, str, DeskEvent]]:
    address = hook.contact_inbox.source_id
    changed = {name for change in hook.changed_attributes or [] for name in change}
    if not address.startswith("wa:"):
        return []
    if hook.event == "conversation_status_changed":  # where changed_attributes is null
        changed.add("status")
    meta = hook.meta or Meta()
    assignee = meta.assignee.id if meta.assignee else 0
    labelled = reading.returns(hook.labels or [])
    event_id = f"cw:desk:{hook.id}:{hook.updated_at}:{hook.status}:{meta.assignee_type}:{assignee}:{labelled:d}"
    event = DeskChanged(
        conversation_id=_number(hook.id),
        at=_seconds(hook.updated_at),
        event_id=event_id,
        status=hook.status,
        assignee_id=assignee,
        assignee_type=meta.assignee_type or "",
        changed=[name for name in OWNING if name in changed],
        labelled=labelled,
    )
    return [(address, event_id, event)]


def _number(value: object) -> int:
    """Attributes hold whatever a program wrote there: what is no id is none."""
    found = str(value)
    return int(found) if found.isascii() and found.isdigit() and len(found) < 19 else 0


def _template(attributes: dict[str, Any]) -> dict[str, Any]:
    """The composer sends JSON in a string when there are files beside it."""
    params = attributes.get("template_params")
    if isinstance(params, str):
        with contextlib.suppress(msgspec.MsgspecError):
            params = msgspec.json.decode(params)
    return params if isinstance(params, dict) else {}


def _stored(text: str) -> str:
    """Chatwoot's editor ends lines with a backslash before 4.13; NUL cannot be stored."""
    return text.replace("\\\n", "\n").replace("\x00", "\ufffd").rstrip("\n")


def _seconds(stamp: str | float) -> float:
    if isinstance(stamp, str):
        try:
            return datetime.fromisoformat(stamp).timestamp()
        except ValueError:
            return 0.0
    return float(stamp)
