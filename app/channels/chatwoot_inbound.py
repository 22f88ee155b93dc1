"""From a Chatwoot webhook body to typed events. Only top-level fields are trusted; unknown events are ignored."""

from datetime import datetime
from typing import Any

import msgspec

from app.channels.whatsapp_inbound import BodyRejected
from app.recruiting.events import DeskChanged, RecruiterAttachment, RecruiterNoted, RecruiterSaid

# In `content_attributes` of everything we write: proof of an echo, even when the webhook overtakes our own answer.
MARKER = "recruitment_desk"
# Changes of a conversation that concern who may speak; the rest (waiting_since above all) moves with every message.
OWNING = frozenset({"status", "assignee_id", "assignee_agent_bot_id", "snoozed_until"})


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
    changed_attributes: list[dict[str, Any]] | None = None


DeskEvent = RecruiterSaid | RecruiterNoted | DeskChanged
_webhook = msgspec.json.Decoder(Webhook)


def parse(body: bytes, account_id: int) -> list[tuple[str, str, DeskEvent]]:
    """(address, dedupe id, event), at most one. Raises BodyRejected when the body is not a Chatwoot webhook.

    Other accounts, other inboxes, our own echoes, bots and automation give no event.
    """
    try:
        hook = _webhook.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BodyRejected("the body is not a Chatwoot webhook") from None
    if hook.account.id not in (0, account_id):
        return []
    if hook.event == "message_created" and hook.conversation is not None:
        return _message(hook, hook.conversation)
    if hook.event in ("conversation_status_changed", "conversation_updated"):
        return _desk(hook)
    return []


def _message(hook: Webhook, conversation: Conversation) -> list[tuple[str, str, DeskEvent]]:
    address = conversation.contact_inbox.source_id
    by_person = hook.sender is not None and hook.sender.type == "user"
    ours = bool(hook.source_id) or MARKER in (hook.content_attributes or {})
    if not address.startswith("wa:") or hook.message_type != "outgoing" or not by_person or ours:
        return []
    sender = hook.sender or Person()
    message_id, at, text = int(hook.id), _seconds(hook.created_at), _stored(hook.content or "")
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
        in_reply_to=int((hook.content_attributes or {}).get("in_reply_to") or 0),
        template=(hook.additional_attributes or {}).get("template_params") or {},
    )
    return [(address, dedupe, said)]


def _attachment(item: Attachment) -> RecruiterAttachment:
    return RecruiterAttachment(
        attachment_id=item.id,
        file_type=item.file_type,
        url=item.data_url or "",
        mime_type=item.content_type or "",
        size=item.file_size or 0,
    )


def _desk(hook: Webhook) -> list[tuple[str, str, DeskEvent]]:
    address = hook.contact_inbox.source_id
    changed = {name for change in hook.changed_attributes or [] for name in change}
    # changed_attributes is null on conversation_status_changed.
    if not address.startswith("wa:") or (hook.event == "conversation_updated" and not changed & OWNING):
        return []
    meta = hook.meta or Meta()
    assignee = meta.assignee.id if meta.assignee else 0
    event_id = f"cw:desk:{hook.id}:{hook.updated_at}:{hook.status}:{meta.assignee_type}:{assignee}"
    event = DeskChanged(
        conversation_id=int(hook.id),
        at=_seconds(hook.updated_at),
        event_id=event_id,
        status=hook.status,
        assignee_id=assignee,
        assignee_type=meta.assignee_type or "",
    )
    return [(address, event_id, event)]


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
