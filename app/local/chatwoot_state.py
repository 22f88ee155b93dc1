"""What the Chatwoot twin remembers, in Chatwoot's own terms. Times are Unix seconds; 0 = never."""

import secrets
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec

from app.local.twin_clock import Bell
from app.local.twin_snapshot import SnapshotFile

Json = dict[str, Any]

STATUSES = ("open", "resolved", "pending", "snoozed")
PRIORITIES = ("low", "medium", "high", "urgent")
MESSAGE_TYPES = {"incoming": 0, "outgoing": 1, "activity": 2, "template": 3}


class User(msgspec.Struct, kw_only=True):
    """A person who logs in, or the service user; `role` administrator or agent."""

    id: int
    name: str
    email: str
    token: str
    role: str = "agent"
    type: str = "user"


class AgentBot(msgspec.Struct, kw_only=True):
    """A bot; with a blank `outgoing_url` nothing is delivered, yet its inbox counts as having an active bot."""

    id: int
    name: str
    description: str = ""
    outgoing_url: str = ""
    token: str = ""
    secret: str = ""
    type: str = "agent_bot"


Actor = User | AgentBot


class Inbox(msgspec.Struct, kw_only=True):
    """An inbox with an API channel. `secret` signs its webhooks; `hmac_token` is for contact identity only."""

    id: int
    name: str
    webhook_url: str = ""
    secret: str = ""
    identifier: str = ""
    hmac_token: str = ""
    hmac_mandatory: bool = False
    lock_to_single_conversation: bool = False
    enable_auto_assignment: bool = True
    greeting_enabled: bool = False
    greeting_message: str = ""
    csat_survey_enabled: bool = False
    allow_messages_after_resolved: bool = True
    additional_attributes: Json = {}
    agent_bot_id: int = 0
    members: list[int] = []


class Contact(msgspec.Struct, kw_only=True):
    id: int
    name: str = ""
    phone_number: str | None = None
    email: str | None = None
    identifier: str | None = None
    blocked: bool = False
    additional_attributes: Json = {}
    custom_attributes: Json = {}
    labels: list[str] = []
    created_at: float
    last_activity_at: float = 0.0


class ContactInbox(msgspec.Struct, kw_only=True):
    """The link between a contact and an inbox; `source_id` is ours to choose and unique per inbox."""

    id: int
    contact_id: int
    inbox_id: int
    source_id: str
    pubsub_token: str
    created_at: float


class Attachment(msgspec.Struct, kw_only=True):
    """`key` names the bytes; `ready_at`: uploads may lag behind the event."""

    id: int
    message_id: int
    file_type: str
    filename: str
    content_type: str
    file_size: int
    key: str
    ready_at: float = 0.0


class Message(msgspec.Struct, kw_only=True):
    id: int
    conversation_id: int
    inbox_id: int
    content: str | None
    message_type: str
    private: bool = False
    content_type: str = "text"
    content_attributes: Json = {}
    additional_attributes: Json = {}
    source_id: str | None = None
    status: str = "sent"
    sender_type: str | None = None  # Contact | User | AgentBot | Captain::Assistant
    sender_id: int | None = None
    attachments: list[Attachment] = []
    created_at: float
    updated_at: float


class Conversation(msgspec.Struct, kw_only=True):
    """`id` is the display id that the API and webhooks use."""

    id: int
    uuid: str
    inbox_id: int
    contact_id: int
    contact_inbox_id: int
    status: str = "open"
    assignee_id: int | None = None
    assignee_agent_bot_id: int | None = None
    team_id: int | None = None
    label_list: list[str] = []
    custom_attributes: Json = {}
    additional_attributes: Json = {}
    priority: str | None = None
    snoozed_until: float = 0.0
    waiting_since: float = 0.0
    first_reply_created_at: float = 0.0
    agent_last_seen_at: float = 0.0
    contact_last_seen_at: float = 0.0
    last_activity_at: float
    created_at: float
    updated_at: float


class State(msgspec.Struct, kw_only=True):
    """`records`: labels, teams and other settings as plain rows, by table and id."""

    users: dict[int, User] = {}
    bots: dict[int, AgentBot] = {}
    inboxes: dict[int, Inbox] = {}
    contacts: dict[int, Contact] = {}
    contact_inboxes: dict[int, ContactInbox] = {}
    conversations: dict[int, Conversation] = {}
    messages: dict[int, Message] = {}
    records: dict[str, dict[int, Json]] = {}
    last_ids: dict[str, int] = {}


class Store:
    """The state with its look-ups; `revision` counts changes for those who watch."""

    def __init__(self, snapshot: SnapshotFile) -> None:
        self._snapshot = snapshot
        self.bell = Bell()
        self.blobs = snapshot.read_blobs()
        self.revision = 0
        self.dirty = False
        self.state = snapshot.read(State) or State()
        self._messages: dict[int, list[int]] = {}
        self._sources: dict[tuple[int, str], int] = {}
        for message in self.state.messages.values():
            self._messages.setdefault(message.conversation_id, []).append(message.id)
        for link in self.state.contact_inboxes.values():
            self._sources[link.inbox_id, link.source_id] = link.id

    def save(self) -> None:
        self._snapshot.write(self.state)
        self.dirty = False

    def touch(self) -> None:
        self.revision += 1
        self.dirty = True
        self.bell.ring("*")

    def next_id(self, table: str) -> int:
        number = self.state.last_ids.get(table, 0) + 1
        self.state.last_ids[table] = number
        return number

    def actor(self, token: str) -> Actor | None:
        owners: list[Actor] = [*self.state.users.values(), *self.state.bots.values()]
        return next((owner for owner in owners if secrets.compare_digest(owner.token.encode(), token.encode())), None)

    def messages_of(self, conversation_id: int) -> list[Message]:
        """Oldest first."""
        return [self.state.messages[number] for number in self._messages.get(conversation_id, [])]

    def newest_messages(self, conversation_id: int) -> Iterator[Message]:
        for number in reversed(self._messages.get(conversation_id, [])):
            yield self.state.messages[number]

    def add_message(self, message: Message) -> None:
        self.state.messages[message.id] = message
        self._messages.setdefault(message.conversation_id, []).append(message.id)

    def link(self, inbox_id: int, source_id: str) -> ContactInbox | None:
        """The contact's link to the inbox under this source id."""
        return self.state.contact_inboxes.get(self._sources.get((inbox_id, source_id), 0))

    def add_link(self, contact_id: int, inbox_id: int, source_id: str, now: float) -> ContactInbox:
        link = ContactInbox(
            id=self.next_id("contact_inboxes"),
            contact_id=contact_id,
            inbox_id=inbox_id,
            source_id=source_id,
            pubsub_token=secrets.token_urlsafe(18),
            created_at=now,
        )
        self.state.contact_inboxes[link.id] = link
        self._sources[inbox_id, source_id] = link.id
        return link

    def drop_contact(self, contact_id: int) -> None:
        """With its links, conversations and messages; Chatwoot sends no event for any of this."""
        state = self.state
        del state.contacts[contact_id]
        for link in [link for link in state.contact_inboxes.values() if link.contact_id == contact_id]:
            del state.contact_inboxes[link.id]
            self._sources.pop((link.inbox_id, link.source_id), None)
        for number in [c.id for c in state.conversations.values() if c.contact_id == contact_id]:
            self.drop_conversation(number)

    def drop_conversation(self, conversation_id: int) -> None:
        del self.state.conversations[conversation_id]
        for number in self._messages.pop(conversation_id, []):
            del self.state.messages[number]

    def links_of(self, contact_id: int) -> list[ContactInbox]:
        return [link for link in self.state.contact_inboxes.values() if link.contact_id == contact_id]

    def conversations_of(self, contact_id: int) -> list[Conversation]:
        return [item for item in self.state.conversations.values() if item.contact_id == contact_id]

    def keep_file(self, content: bytes) -> str:
        key = uuid.uuid4().hex
        self.blobs[key] = content
        self._snapshot.write_blob(key, content)
        return key

    def drop_file(self, key: str) -> None:
        self.blobs.pop(key, None)
        self._snapshot.drop_blob(key)
