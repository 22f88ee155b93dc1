"""Messages of the Chatwoot twin: how one is stored, limited, changed and deleted."""

import mimetypes
from dataclasses import dataclass, field
from typing import Any

from app.local.chatwoot_events import ChatwootSettings, Dispatcher, message_event
from app.local.chatwoot_state import Actor, AgentBot, Attachment, Conversation, Message, Store
from app.local.twin_clock import TwinClock

Json = dict[str, Any]
MAX_CONTENT = 150_000
MAX_ATTACHMENTS = 15


class Refused(Exception):
    """Chatwoot's answer to a request it does not carry out; `body` None = empty."""

    def __init__(self, status: int, body: Json | str | None) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


def invalid(message: str, *attributes: str) -> Refused:
    """A failed validation, in Rails' form."""
    return Refused(422, {"message": message, "attributes": list(attributes)})


def could_not_create(message: str) -> Refused:
    return Refused(422, {"error": message})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    filename: str
    content_type: str
    content: bytes


@dataclass(slots=True, kw_only=True)
class NewMessage:
    """`sender_type`, `sender_id` as in the stored message; None = written by nobody (automation, template)."""

    content: str | None
    message_type: str = "outgoing"
    private: bool = False
    content_type: str = "text"
    content_attributes: Json = field(default_factory=dict)
    additional_attributes: Json = field(default_factory=dict)
    source_id: str | None = None
    sender_type: str | None = None
    sender_id: int | None = None
    uploads: list[Upload] = field(default_factory=list)


class MessageRecords:
    """Stores messages; what they do to their conversation is the desk's."""

    def __init__(self, *, store: Store, clock: TwinClock, settings: ChatwootSettings, events: Dispatcher) -> None:
        self.store, self.clock, self.settings, self.events = store, clock, settings, events

    def check(self, conversation: Conversation, new: NewMessage) -> None:
        limit, since = self.settings.messages_per_minute, self.clock.now() - 60
        recent = 0
        for message in self.store.newest_messages(conversation.id):
            if message.created_at < since:
                break
            recent += 1
        if limit and recent >= limit:
            raise could_not_create("Validation failed: Too many messages")
        if new.content and len(new.content) > MAX_CONTENT:
            raise could_not_create(f"Validation failed: Content is too long (maximum is {MAX_CONTENT} characters)")
        if len(new.uploads) > MAX_ATTACHMENTS:
            raise could_not_create("Validation failed: Attachments exceeded maximum allowed")

    def add(self, conversation: Conversation, new: NewMessage) -> Message:
        now = self.clock.now()
        message = Message(
            id=self.store.next_id("messages"),
            conversation_id=conversation.id,
            inbox_id=conversation.inbox_id,
            content=new.content,
            message_type=new.message_type,
            private=new.private,
            content_type=new.content_type,
            content_attributes=new.content_attributes,
            additional_attributes=new.additional_attributes,
            source_id=new.source_id,
            sender_type=new.sender_type,
            sender_id=new.sender_id,
            created_at=now,
            updated_at=now,
        )
        message.attachments = [self._attach(message, upload) for upload in new.uploads]
        self.store.add_message(message)
        if message.message_type != "activity":
            conversation.last_activity_at = now
        self.store.touch()
        return message

    def _attach(self, message: Message, upload: Upload) -> Attachment:
        content_type = upload.content_type or mimetypes.guess_type(upload.filename)[0] or "application/octet-stream"
        kind = content_type.split("/")[0]
        return Attachment(
            id=self.store.next_id("attachments"),
            message_id=message.id,
            file_type=kind if kind in {"image", "audio", "video"} else "file",
            filename=upload.filename,
            content_type=content_type,
            file_size=len(upload.content),
            key=self.store.keep_file(upload.content),
            ready_at=self.clock.now() + self.settings.attachment_lag_seconds,
        )

    def set_status(self, message: Message, status: str, error: str | None) -> None:
        """Only read → delivered is refused, silently; failed → sent is allowed."""
        if status not in {"sent", "delivered", "read", "failed"} or (
            message.status == "read" and status == "delivered"
        ):
            return
        attributes = {key: value for key, value in message.content_attributes.items() if key != "external_error"}
        if status == "failed":
            attributes["external_error"] = error
        if (message.status, message.content_attributes) != (status, attributes):
            message.status, message.content_attributes = status, attributes
            self._updated(message)

    def retry(self, message: Message) -> None:
        """The Retry button: on an API inbox the failure is wiped and nothing is sent (issues 15918, 14120)."""
        if message.status == "failed":
            self.set_status(message, "sent", None)

    def delete(self, message: Message) -> None:
        message.content, message.content_type = "This message was deleted", "text"
        message.content_attributes = {"deleted": True}
        for attachment in message.attachments:
            self.store.drop_file(attachment.key)
        message.attachments = []
        self._updated(message)

    def _updated(self, message: Message) -> None:
        message.updated_at = self.clock.now()
        self.store.touch()
        if message.message_type != "activity":
            self.events.emit(message_event("message_updated", message))


def sender_fields(actor: Actor | None) -> tuple[str | None, int | None]:
    """How a message names its author."""
    if actor is None:
        return None, None
    return ("AgentBot" if isinstance(actor, AgentBot) else "User"), actor.id
