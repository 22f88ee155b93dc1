"""What Chatwoot does when someone writes, assigns, labels or closes: state, activity lines and events."""

import uuid
from typing import Any

from app.local.chatwoot_contacts import ContactBook
from app.local.chatwoot_events import ChatwootSettings, Dispatcher, conversation_event, message_event
from app.local.chatwoot_liquid import render_liquid
from app.local.chatwoot_messages import MessageRecords, NewMessage, Refused
from app.local.chatwoot_payloads import Payloads, changed_attributes
from app.local.chatwoot_state import PRIORITIES, STATUSES, Actor, ContactInbox, Conversation, Message, Store, User
from app.local.twin_clock import TwinClock

Json = dict[str, Any]
# Changes of these fire conversation_updated.
WATCHED = (
    "team_id",
    "assignee_id",
    "assignee_agent_bot_id",
    "status",
    "snoozed_until",
    "custom_attributes",
    "label_list",
    "waiting_since",
    "first_reply_created_at",
    "priority",
)


class Desk:
    """All changes go through here, whoever makes them: the API, a recruiter at the screen, Chatwoot itself."""

    def __init__(
        self,
        *,
        store: Store,
        payloads: Payloads,
        clock: TwinClock,
        settings: ChatwootSettings,
        events: Dispatcher,
    ) -> None:
        self.store, self.payloads, self.clock, self.settings, self.events = store, payloads, clock, settings, events
        self.contacts = ContactBook(store=store, clock=clock, events=events)
        self.messages = MessageRecords(store=store, clock=clock, settings=settings, events=events)

    def open_conversation(self, link: ContactInbox, fields: Json) -> Conversation:
        """A locked inbox answers with the contact's last conversation, even a resolved one."""
        state = self.store.state
        inbox, contact = state.inboxes[link.inbox_id], state.contacts[link.contact_id]
        if inbox.lock_to_single_conversation:
            existing = [item for item in state.conversations.values() if item.contact_inbox_id == link.id]
            if existing:
                return existing[-1]
        if fields.get("status", "open") not in STATUSES:
            raise Refused(500, {"error": f"'{fields['status']}' is not a valid status"})
        now = self.clock.now()
        conversation = Conversation(
            id=self.store.next_id("conversations"),
            uuid=str(uuid.uuid4()),
            inbox_id=inbox.id,
            contact_id=contact.id,
            contact_inbox_id=link.id,
            waiting_since=now,
            last_activity_at=now,
            created_at=now,
            updated_at=now,
            **fields,
        )
        if contact.blocked:
            conversation.status = "resolved"
        elif inbox.agent_bot_id:
            conversation.status = "pending"
            if self.settings.typed_owner:
                conversation.assignee_agent_bot_id = inbox.agent_bot_id
        state.conversations[conversation.id] = conversation
        self.store.touch()
        self.events.emit(conversation_event("conversation_created", conversation))
        return conversation

    def change(self, conversation: Conversation, actor: Actor | None, **fields: Any) -> None:
        """Sets fields, writes activity lines, and fires what Chatwoot fires: status events, conversation_updated."""
        before = {key: getattr(conversation, key) for key in WATCHED}
        for key, value in fields.items():
            setattr(conversation, key, value)
        if conversation.status != "snoozed":
            conversation.snoozed_until = 0.0
        if conversation.assignee_id and "assignee_id" in fields:
            conversation.assignee_agent_bot_id = None
        changes = [
            (key, before[key], getattr(conversation, key))
            for key in WATCHED
            if before[key] != getattr(conversation, key)
        ]
        if not changes:
            return
        conversation.updated_at = self.clock.now()
        names = {key for key, _, _ in changes}
        if "status" in names and conversation.status == "resolved":
            conversation.waiting_since = 0.0  # without callbacks in the original: no event of its own
        self._note_activity(conversation, before, names, actor)
        if "status" in names and self._auto_assigned(conversation):
            # The assignment inside the same save overwrites the saved changes: no status event (issue 9277).
            changes, names = [("assignee_id", None, conversation.assignee_id)], {"assignee_id"}
        if "status" in names:
            for status, name in (("open", "conversation_opened"), ("resolved", "conversation_resolved")):
                if conversation.status == status:
                    self.events.emit(conversation_event(name, conversation))
            # changed_attributes is null here.
            self.events.emit(conversation_event("conversation_status_changed", conversation, changed_attributes=None))
        self.events.emit(
            conversation_event("conversation_updated", conversation, changed_attributes=changed_attributes(changes))
        )
        self.store.touch()

    def _auto_assigned(self, conversation: Conversation) -> bool:
        """The older auto-assignment took the opened conversation for a member of the inbox."""
        inbox = self.store.state.inboxes[conversation.inbox_id]
        takes = inbox.enable_auto_assignment and inbox.members and not self.settings.assignment_v2
        if not takes or conversation.status != "open" or conversation.assignee_id:
            return False
        conversation.assignee_id = inbox.members[0]
        return True

    def set_status(self, conversation: Conversation, status: str, actor: Actor | None, until: float = 0.0) -> None:
        if status not in STATUSES:
            raise Refused(500, {"error": f"'{status}' is not a valid status"})
        fields: Json = {"status": status, "snoozed_until": until if status == "snoozed" else 0.0}
        if status == "open" and isinstance(actor, User):
            if actor.role == "agent":
                fields["assignee_id"] = actor.id  # an agent who opens a conversation takes it
            if self.settings.typed_owner:
                fields["assignee_agent_bot_id"] = None
        was = conversation.status
        self.change(conversation, actor, **fields)
        if status == "resolved" != was and self.store.state.inboxes[conversation.inbox_id].csat_survey_enabled:
            survey = NewMessage(content="Please rate the conversation", message_type="template")
            survey.content_type = "input_csat"
            self.post(conversation, survey)

    def assign(self, conversation: Conversation, actor: Actor | None, *, user_id: int = 0, bot_id: int = 0) -> None:
        """An unknown user unassigns without a word."""
        if bot_id in self.store.state.bots:
            fields: Json = {"assignee_id": None, "assignee_agent_bot_id": bot_id}
            if self.settings.typed_owner:
                fields["status"] = "pending"
        else:
            fields = {"assignee_id": user_id if user_id in self.store.state.users else None}
            fields["assignee_agent_bot_id"] = None
            owned = conversation.assignee_agent_bot_id and conversation.status == "pending"
            if self.settings.typed_owner and owned and fields["assignee_id"]:
                fields["status"] = "open"
        self.change(conversation, actor, **fields)

    def set_priority(self, conversation: Conversation, priority: str | None, actor: Actor | None) -> None:
        if priority and priority not in PRIORITIES:
            raise Refused(500, {"error": f"'{priority}' is not a valid priority"})
        self.change(conversation, actor, priority=priority or None)

    def set_labels(self, conversation: Conversation, labels: list[str], actor: Actor | None) -> None:
        """Replaces all."""
        self.change(conversation, actor, label_list=list(dict.fromkeys(label.strip() for label in labels)))

    def typing(self, conversation: Conversation, actor: Actor, *, on: bool, private: bool) -> None:
        person: Json = {"id": actor.id, "name": actor.name, "type": actor.type}
        if isinstance(actor, User):
            person["email"] = actor.email
        name = "conversation_typing_on" if on else "conversation_typing_off"
        self.events.emit(conversation_event(name, conversation, user=person, is_private=private))

    def _note_activity(self, conversation: Conversation, before: Json, names: set[str], actor: Actor | None) -> None:
        who = actor.name if actor else "System"
        lines: list[str] = []
        if "status" in names:
            verbs = {
                "open": "was reopened by",
                "resolved": "was marked resolved by",
                "pending": "was marked as pending by",
            }
            lines.append(f"Conversation {verbs.get(conversation.status, 'was snoozed by')} {who}")
        if "assignee_id" in names:
            user = self.store.state.users.get(conversation.assignee_id or 0)
            lines.append(f"Assigned to {user.name} by {who}" if user else f"Conversation unassigned by {who}")
        if "label_list" in names:
            added = [label for label in conversation.label_list if label not in before["label_list"]]
            removed = [label for label in before["label_list"] if label not in conversation.label_list]
            lines += [f"{who} added {', '.join(added)}"] if added else []
            lines += [f"{who} removed {', '.join(removed)}"] if removed else []
        for line in lines:
            self.messages.add(conversation, NewMessage(content=line, message_type="activity"))

    def post(self, conversation: Conversation, new: NewMessage) -> Message:
        """Not idempotent, like the original: each call makes a message."""
        self.messages.check(conversation, new)
        if new.content and new.message_type in {"outgoing", "template"}:
            new.content = render_liquid(new.content, self._drops(conversation, new))
        message = self.messages.add(conversation, new)
        self.events.emit(message_event("message_created", message))
        now = message.created_at
        if new.message_type == "incoming":
            self._contact_wrote(conversation, now)
        elif self._human(message):
            reply = conversation.first_reply_created_at or now
            self.change(conversation, None, first_reply_created_at=reply, waiting_since=0.0)
        return message

    def _contact_wrote(self, conversation: Conversation, now: float) -> None:
        state = self.store.state
        state.contacts[conversation.contact_id].last_activity_at = now
        fields: Json = {"waiting_since": conversation.waiting_since or now}
        if conversation.status == "snoozed":
            fields["status"] = "open"
        elif conversation.status == "resolved":
            fields["status"] = "pending" if state.inboxes[conversation.inbox_id].agent_bot_id else "open"
        self.change(conversation, None, **fields)
        self._greet(conversation)

    def _greet(self, conversation: Conversation) -> None:
        """The inbox's greeting, once per conversation: an outgoing template signed by nobody."""
        inbox = self.store.state.inboxes[conversation.inbox_id]
        said = (m.message_type == "template" for m in self.store.newest_messages(conversation.id))
        if inbox.greeting_enabled and inbox.greeting_message and not any(said):
            self.post(conversation, NewMessage(content=inbox.greeting_message, message_type="template"))

    def _human(self, message: Message) -> bool:
        """Counts as a person's reply: clears waiting_since, sets the first reply."""
        automatic = "automation_rule_id" in message.content_attributes
        sent_by_user = message.message_type == "outgoing" and message.sender_type == "User"
        return sent_by_user and not message.private and not automatic

    def _drops(self, conversation: Conversation, new: NewMessage) -> Json:
        state = self.store.state
        contact, inbox = state.contacts[conversation.contact_id], state.inboxes[conversation.inbox_id]
        agent = state.users.get(new.sender_id or 0) if new.sender_type == "User" else None
        first, _, last = contact.name.partition(" ")
        return {
            "contact": {
                "id": contact.id,
                "name": contact.name.title(),
                "first_name": first.capitalize(),
                "last_name": last.capitalize(),
                "email": contact.email,
                "phone_number": contact.phone_number,
                "custom_attribute": contact.custom_attributes,
            },
            "agent": {"name": agent.name, "email": agent.email} if agent else {},
            "conversation": {"display_id": conversation.id, "custom_attribute": conversation.custom_attributes},
            "inbox": {"name": inbox.name},
            "account": {"name": self.payloads.account["name"]},
        }

    def message_not_delivered(self, message_id: int, reason: str) -> None:
        message = self.store.state.messages.get(message_id)
        if message is not None:
            self.messages.set_status(message, "failed", reason)

    def bot_not_reached(self, conversation_id: int) -> None:
        conversation = self.store.state.conversations.get(conversation_id)
        if conversation is None or conversation.status != "pending" or self.settings.keep_pending_on_bot_failure:
            return
        self.change(conversation, None, status="open")
        line = "Conversation was marked open by system due to an error with the agent bot."
        self.messages.add(conversation, NewMessage(content=line, message_type="activity"))
