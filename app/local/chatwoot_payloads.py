"""Webhook bodies as Chatwoot 4.14–4.15 writes them, and the push forms inside them."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from app.local.chatwoot_state import MESSAGE_TYPES, Attachment, Contact, Conversation, Inbox, Message, Store
from app.local.twin_clock import TwinClock

Json = dict[str, Any]


def iso(at: float) -> str:
    """As Rails prints times: UTC, milliseconds, Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rails_json(value: Any) -> bytes:
    """JSON with the characters that Rails escapes: a receiver that re-serialises cannot verify the signature."""
    raw = orjson.dumps(value)
    escapes = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
    for plain, escaped in (*escapes, (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029")):
        raw = raw.replace(plain, escaped)
    return raw


def normalised(content: str | None) -> str | None:
    """Since 4.13: backslash-newline and newlines at the end are tidied in webhooks (not in the REST answers)."""
    return None if content is None else re.sub(r"\\\n", "\n", content).rstrip("\n")


class Payloads:
    """Builds bodies from the state at the moment of the call: Chatwoot's snapshots may be newer than their event."""

    def __init__(self, store: Store, account: Json, clock: TwinClock) -> None:
        self.store, self.account, self.clock = store, account, clock
        self.base_url = ""  # known once the server listens: taken from the first request

    def inbox(self, inbox: Inbox) -> Json:
        return {"id": inbox.id, "name": inbox.name}

    def contact(self, contact: Contact) -> Json:
        """The webhook form: no `type` key."""
        return {
            "account": self.account,
            "additional_attributes": contact.additional_attributes,
            "avatar": "",
            "custom_attributes": contact.custom_attributes,
            "email": contact.email,
            "id": contact.id,
            "identifier": contact.identifier,
            "name": contact.name,
            "phone_number": contact.phone_number,
            "thumbnail": "",
            "blocked": contact.blocked,
        }

    def contact_push(self, contact: Contact) -> Json:
        pushed = self.contact(contact)
        del pushed["account"], pushed["avatar"]
        return {**pushed, "type": "contact"}

    def sender(self, message: Message, *, push: bool = False) -> Json | None:
        """Who wrote, in the form of webhooks or (with `push`) of REST answers and `messages[]`."""
        state, number = self.store.state, message.sender_id or 0
        if message.sender_type == "Contact" and number in state.contacts:
            contact = state.contacts[number]
            return self.contact_push(contact) if push else self.contact(contact)
        if message.sender_type == "User" and number in state.users:
            user = state.users[number]
            shown = {"id": user.id, "name": user.name, "email": user.email, "type": "user"}
            extra = {"available_name": user.name, "avatar_url": "", "availability_status": "online", "thumbnail": ""}
            return {**shown, **extra} if push else shown
        if message.sender_type == "AgentBot" and number in state.bots:
            return {"id": number, "name": state.bots[number].name, "type": "agent_bot"}
        if message.sender_type == "Captain::Assistant":
            return {"id": number, "name": "Captain", "avatar_url": None, "description": "", "type": "captain_assistant"}
        return None

    def attachment(self, attachment: Attachment) -> Json:
        url = f"{self.base_url}/rails/active_storage/blobs/redirect/{attachment.key}/{attachment.filename}"
        shown: Json = {
            "id": attachment.id,
            "message_id": attachment.message_id,
            "file_type": attachment.file_type,
            "account_id": self.account["id"],
            "extension": None,
            "content_type": attachment.content_type,
            "data_url": url,
            "thumb_url": url if attachment.file_type == "image" else "",
            "file_size": attachment.file_size,
        }
        if attachment.file_type == "audio":
            shown["transcribed_text"] = ""
        if attachment.file_type == "image":
            shown |= {"width": None, "height": None}
        return shown

    def message(self, message: Message) -> Json:
        """The webhook form; `status` is missing, as in the original."""
        conversation = self.store.state.conversations[message.conversation_id]
        body: Json = {
            "account": self.account,
            "additional_attributes": message.additional_attributes,
            "content_attributes": message.content_attributes,
            "content_type": message.content_type,
            "content": normalised(message.content),
            "conversation": self.conversation(conversation),
            "created_at": iso(message.created_at),
            "id": message.id,
            "inbox": self.inbox(self.store.state.inboxes[message.inbox_id]),
            "message_type": message.message_type,
            "private": message.private,
            "sender": self.sender(message),
            "source_id": message.source_id,
        }
        if message.attachments:
            body["attachments"] = [self.attachment(item) for item in message.attachments]
        return body

    def message_push(self, message: Message) -> Json:
        conversation = self.store.state.conversations[message.conversation_id]
        link = self.store.state.contact_inboxes.get(conversation.contact_inbox_id)
        body: Json = {
            "id": message.id,
            "content": message.content,
            "account_id": self.account["id"],
            "inbox_id": message.inbox_id,
            "conversation_id": message.conversation_id,
            "message_type": MESSAGE_TYPES[message.message_type],
            "created_at": int(message.created_at),
            "updated_at": iso(message.updated_at),
            "private": message.private,
            "status": message.status,
            "source_id": message.source_id,
            "content_type": message.content_type,
            "content_attributes": message.content_attributes,
            "sender_type": message.sender_type,
            "sender_id": message.sender_id,
            "external_source_ids": {},
            "additional_attributes": message.additional_attributes,
            "processed_message_content": message.content,
            "sentiment": {},
            "conversation": {
                "assignee_id": conversation.assignee_id,
                "unread_count": self.unread(conversation),
                "last_activity_at": int(conversation.last_activity_at),
                "contact_inbox": {"source_id": link.source_id if link else None},
            },
        }
        if message.attachments:
            body["attachments"] = [self.attachment(item) for item in message.attachments]
        sender = self.sender(message, push=True)
        return {**body, "sender": sender} if sender else body

    def unread(self, conversation: Conversation) -> int:
        """Counted to ten."""
        count = 0
        for message in self.store.newest_messages(conversation.id):
            if count == 10 or message.created_at <= conversation.agent_last_seen_at:
                break
            count += message.message_type == "incoming"
        return count

    def last_public(self, conversation: Conversation) -> list[Json]:
        """At most one: the newest message that is neither private nor an activity."""
        for message in self.store.newest_messages(conversation.id):
            if message.message_type != "activity" and not message.private:
                return [self.message_push(message)]
        return []

    def assignee(self, conversation: Conversation) -> tuple[Json | None, str | None]:
        state = self.store.state
        if conversation.assignee_agent_bot_id:
            bot = state.bots[conversation.assignee_agent_bot_id]
            return {"id": bot.id, "name": bot.name, "avatar_url": "", "type": "agent_bot"}, "AgentBot"
        if conversation.assignee_id:
            user = state.users[conversation.assignee_id]
            shown = {"id": user.id, "name": user.name, "available_name": user.name, "avatar_url": "", "type": "user"}
            return {**shown, "availability_status": "online", "thumbnail": ""}, "User"
        return None, None

    def conversation(self, conversation: Conversation) -> Json:
        state = self.store.state
        link = state.contact_inboxes[conversation.contact_inbox_id]
        assignee, assignee_type = self.assignee(conversation)
        team = state.records.get("teams", {}).get(conversation.team_id or 0)
        return {
            "additional_attributes": conversation.additional_attributes,
            "can_reply": self.can_reply(conversation),
            "channel": "Channel::Api",
            "contact_inbox": {
                "id": link.id,
                "contact_id": link.contact_id,
                "inbox_id": link.inbox_id,
                "source_id": link.source_id,
                "created_at": iso(link.created_at),
                "updated_at": iso(link.created_at),
                "hmac_verified": False,
                "pubsub_token": link.pubsub_token,
            },
            "id": conversation.id,
            "inbox_id": conversation.inbox_id,
            "messages": self.last_public(conversation),
            "labels": conversation.label_list,
            "meta": {
                "sender": self.contact_push(state.contacts[conversation.contact_id]),
                "assignee": assignee,
                "assignee_type": assignee_type,
                "team": {"id": team["id"], "name": team["name"]} if team else None,
                "hmac_verified": False,
            },
            "status": conversation.status,
            "custom_attributes": conversation.custom_attributes,
            "snoozed_until": iso(conversation.snoozed_until) if conversation.snoozed_until else None,
            "unread_count": self.unread(conversation),
            "first_reply_created_at": iso(reply) if (reply := conversation.first_reply_created_at) else None,
            "priority": conversation.priority,
            "waiting_since": int(conversation.waiting_since),
            "agent_last_seen_at": int(conversation.agent_last_seen_at),
            "contact_last_seen_at": int(conversation.contact_last_seen_at),
            "last_activity_at": int(conversation.last_activity_at),
            "timestamp": int(conversation.last_activity_at),
            "created_at": int(conversation.created_at),
            "updated_at": conversation.updated_at,
            "account": self.account,
        }

    def can_reply(self, conversation: Conversation) -> bool:
        """False when `agent_reply_time_window` (hours) has passed since the last incoming message."""
        inbox = self.store.state.inboxes[conversation.inbox_id]
        hours = float(inbox.additional_attributes.get("agent_reply_time_window") or 0)
        if hours <= 0:
            return True
        incoming = (m for m in self.store.newest_messages(conversation.id) if m.message_type == "incoming")
        last = next(incoming, None)
        return last is not None and self.clock.now() < last.created_at + hours * 3600


TIMES = {"snoozed_until", "waiting_since", "first_reply_created_at"}


def changed_attributes(changes: Iterable[tuple[str, Any, Any]]) -> list[Json]:
    """One-key objects, as `changed_attributes` of conversation_updated and contact_updated; times as ISO or null."""

    def shown(name: str, value: Any) -> Any:
        if name not in TIMES:
            return value
        return iso(value) if value else None

    return [
        {name: {"previous_value": shown(name, before), "current_value": shown(name, after)}}
        for name, before, after in changes
    ]
