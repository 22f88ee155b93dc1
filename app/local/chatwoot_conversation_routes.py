"""Conversations and messages over REST."""

import uuid
from datetime import datetime
from typing import Any

from starlette.responses import Response

from app.local.chatwoot_desk import Desk
from app.local.chatwoot_gate import NOT_FOUND, Call, Endpoint, answer
from app.local.chatwoot_messages import NewMessage, Refused, could_not_create, invalid, sender_fields
from app.local.chatwoot_payloads import iso
from app.local.chatwoot_state import AgentBot, Conversation, Message
from app.local.chatwoot_views import Views

Json = dict[str, Any]
PAGE = 25


class ConversationRoutes:
    def __init__(self, desk: Desk, views: Views) -> None:
        self.desk, self.views, self.store = desk, views, desk.store

    def endpoints(self) -> list[Endpoint]:
        one = "/conversations/{id:int}"
        return [
            Endpoint("GET", "/conversations", self.index),
            Endpoint("POST", "/conversations", self.create, bots=True),
            Endpoint("GET", one, self.show, bots=True),
            Endpoint("PATCH", one, self.update, bots=True),
            Endpoint("DELETE", one, self.delete, admin=True),
            Endpoint("POST", f"{one}/toggle_status", self.toggle_status, bots=True),
            Endpoint("POST", f"{one}/toggle_priority", self.toggle_priority, bots=True),
            Endpoint("POST", f"{one}/toggle_typing_status", self.toggle_typing, bots=True),
            Endpoint("POST", f"{one}/custom_attributes", self.custom_attributes, bots=True),
            Endpoint("POST", f"{one}/update_last_seen", self.update_last_seen),
            Endpoint("POST", f"{one}/assignments", self.assign, bots=True),
            Endpoint("GET", f"{one}/labels", self.labels, bots=True),
            Endpoint("POST", f"{one}/labels", self.set_labels, bots=True),
            Endpoint("GET", f"{one}/messages", self.messages),
            Endpoint("POST", f"{one}/messages", self.create_message, bots=True),
            Endpoint("PATCH", f"{one}/messages/{{message_id:int}}", self.update_message),
            Endpoint("DELETE", f"{one}/messages/{{message_id:int}}", self.delete_message),
            Endpoint("POST", f"{one}/messages/{{message_id:int}}/retry", self.retry_message),
        ]

    def _conversation(self, call: Call) -> Conversation:
        conversation = self.store.state.conversations.get(call.number("id"))
        if conversation is None:
            raise Refused(404, NOT_FOUND)
        return conversation

    def _message(self, call: Call) -> Message:
        message = self.store.state.messages.get(call.number("message_id"))
        if message is None or message.conversation_id != self._conversation(call).id:
            raise Refused(404, NOT_FOUND)
        return message

    def index(self, call: Call) -> Response:
        """Newest activity first; without `status` only the open ones."""
        status, inbox_id = call.text("status") or "open", call.number("inbox_id")
        found = [
            item
            for item in self.store.state.conversations.values()
            if status in {"all", item.status} and inbox_id in {0, item.inbox_id}
        ]
        counts = {
            "mine_count": sum(item.assignee_id == call.actor.id for item in found),
            "assigned_count": sum(item.assignee_id is not None for item in found),
            "unassigned_count": sum(item.assignee_id is None for item in found),
            "all_count": len(found),
        }
        kind = call.text("assignee_type")
        if kind == "me":
            found = [item for item in found if item.assignee_id == call.actor.id]
        elif kind in {"assigned", "unassigned"}:
            found = [item for item in found if (item.assignee_id is None) == (kind == "unassigned")]
        found.sort(key=lambda item: item.last_activity_at, reverse=True)
        page = max(1, call.number("page", 1))
        shown = [self.views.conversation(item) for item in found[(page - 1) * PAGE : page * PAGE]]
        return answer({"data": {"meta": counts, "payload": shown}})

    def create(self, call: Call) -> Response:
        state = self.store.state
        inbox, contact = state.inboxes.get(call.number("inbox_id")), state.contacts.get(call.number("contact_id"))
        source_id = call.text("source_id")
        if inbox is not None and contact is not None:
            link = self.desk.contacts.link(contact, inbox.id, source_id or str(uuid.uuid4()))
            if link is None:
                raise could_not_create("source_id should be unique")
        else:
            found = (item for item in state.contact_inboxes.values() if item.source_id == source_id)
            link = next(found, None)
            if link is None:
                raise Refused(404, NOT_FOUND)
        fields: Json = {key: call.mapping(key) or {} for key in ("custom_attributes", "additional_attributes")}
        if call.text("status"):
            fields["status"] = call.text("status")
        if call.params.get("assignee_id"):
            fields["assignee_id"] = call.number("assignee_id")
        if call.params.get("team_id"):
            fields["team_id"] = call.number("team_id")
        conversation = self.desk.open_conversation(link, fields)
        message = call.mapping("message")
        if message:
            inner = Call(actor=call.actor, params={"id": conversation.id, **message}, uploads=call.uploads)
            self.desk.post(conversation, self._new_message(inner))
        return answer(self.views.conversation(conversation))

    def show(self, call: Call) -> Response:
        return answer(self.views.conversation(self._conversation(call)))

    def update(self, call: Call) -> Response:
        conversation = self._conversation(call)
        if "priority" in call.params:
            self.desk.set_priority(conversation, call.params["priority"], call.actor)
        return answer(self.views.conversation(conversation))

    def delete(self, call: Call) -> Response:
        """Without any webhook (issue 8633)."""
        self.store.drop_conversation(self._conversation(call).id)
        self.store.touch()
        return answer()

    def toggle_status(self, call: Call) -> Response:
        conversation, status = self._conversation(call), call.text("status")
        handoff = isinstance(call.actor, AgentBot) and conversation.status == "pending" and status == "open"
        if not status:
            status = "resolved" if conversation.status == "open" else "open"
        self.desk.set_status(conversation, status, call.actor, _until(call.params.get("snoozed_until")))
        if handoff:
            self.desk.change(conversation, call.actor, waiting_since=self.desk.clock.now())
        payload = {
            "success": None if handoff else True,
            "conversation_id": conversation.id,
            "current_status": conversation.status,
            "snoozed_until": iso(conversation.snoozed_until) if conversation.snoozed_until else None,
        }
        return answer({"meta": {}, "payload": payload})

    def toggle_priority(self, call: Call) -> Response:
        self.desk.set_priority(self._conversation(call), call.params.get("priority"), call.actor)
        return answer()

    def toggle_typing(self, call: Call) -> Response:
        on, private = call.text("typing_status") == "on", call.flag("is_private")
        self.desk.typing(self._conversation(call), call.actor, on=on, private=private)
        return answer()

    def custom_attributes(self, call: Call) -> Response:
        """Replaces all, unless asked to `merge` (pull request 15119)."""
        conversation, given = self._conversation(call), call.mapping("custom_attributes") or {}
        for value in given.values():
            too_long = isinstance(value, str) and len(value) >= 1500
            if too_long or (isinstance(value, int) and value >= 9_999_999_999):
                raise invalid("Custom attributes is invalid", "custom_attributes")
        merged = {**conversation.custom_attributes, **given} if call.flag("merge") else given
        self.desk.change(conversation, call.actor, custom_attributes=merged)
        return answer({"custom_attributes": conversation.custom_attributes})

    def update_last_seen(self, call: Call) -> Response:
        conversation = self._conversation(call)
        conversation.agent_last_seen_at = self.desk.clock.now()
        self.store.touch()
        return answer(self.views.conversation(conversation))

    def assign(self, call: Call) -> Response:
        """`assignee_id` wins over `team_id`; an unknown user unassigns and answers null."""
        conversation, state = self._conversation(call), self.store.state
        if call.text("assignee_type") == "AgentBot":
            bot = state.bots.get(call.number("assignee_id"))
            self.desk.assign(conversation, call.actor, bot_id=bot.id if bot else 0)
            return _or_null(self.views.bot(bot) if bot else None)
        if "assignee_id" in call.params:
            self.desk.assign(conversation, call.actor, user_id=call.number("assignee_id"))
            user = state.users.get(conversation.assignee_id or 0)
            return _or_null(self.views.agent(user) if user else None)
        if "team_id" in call.params:
            team = state.records.get("teams", {}).get(call.number("team_id"))
            self.desk.change(conversation, call.actor, team_id=team["id"] if team else None)
            return _or_null(team)
        return _or_null(None)

    def labels(self, call: Call) -> Response:
        return answer({"payload": self._conversation(call).label_list})

    def set_labels(self, call: Call) -> Response:
        conversation, labels = self._conversation(call), call.params.get("labels")
        given = labels.split(",") if isinstance(labels, str) else [str(label) for label in labels or []]
        self.desk.set_labels(conversation, given, call.actor)
        return answer({"payload": conversation.label_list})

    def messages(self, call: Call) -> Response:
        """`after` 100 upwards, `before` 20, both 1,000 (then `after` is inclusive), neither the last 20."""
        conversation = self._conversation(call)
        after, before = call.number("after"), call.number("before")
        found = self.store.messages_of(conversation.id)
        if after and before:
            found = [message for message in found if after <= message.id < before][:1000]
        elif before:
            found = [message for message in found if message.id < before][-20:]
        elif after:
            found = [message for message in found if message.id > after][:100]
        else:
            found = found[-20:]
        contact = self.store.state.contacts[conversation.contact_id]
        meta = {
            "labels": conversation.label_list,
            "additional_attributes": conversation.additional_attributes,
            "contact": self.views.payloads.contact_push(contact),
            "agent_last_seen_at": iso(conversation.agent_last_seen_at) if conversation.agent_last_seen_at else None,
            "assignee_last_seen_at": None,
        }
        return answer({"meta": meta, "payload": [self.views.message(message) for message in found]})

    def create_message(self, call: Call) -> Response:
        message = self.desk.post(self._conversation(call), self._new_message(call))
        shown = self.views.message(message)
        if call.text("echo_id"):
            shown["echo_id"] = call.text("echo_id")
        return answer(shown)

    def _new_message(self, call: Call) -> NewMessage:
        kind = call.text("message_type") or "outgoing"
        if kind not in {"incoming", "outgoing", "template"}:
            raise could_not_create(f"'{kind}' is not a valid message_type")
        content_attributes = dict(call.mapping("content_attributes") or {})
        for key in ("external_created_at", "in_reply_to"):
            if call.params.get(key):
                content_attributes[key] = call.params[key]
        additional = {"template_params": call.mapping("template_params")} if call.mapping("template_params") else {}
        if call.params.get("campaign_id"):
            additional["campaign_id"] = call.params["campaign_id"]
        conversation = self._conversation(call)
        if kind == "outgoing":
            bot = self.store.state.bots.get(call.number("sender_id"))
            named = bot if call.text("sender_type") == "AgentBot" else None
            sender_type, sender_id = sender_fields(named or call.actor)
        else:
            # A template message, too, is signed by the contact: a trap of the original.
            sender_type, sender_id = "Contact", conversation.contact_id
        return NewMessage(
            content=call.text("content") if call.params.get("content") is not None else None,
            message_type=kind,
            private=call.flag("private"),
            content_type=call.text("content_type") or "text",
            content_attributes=content_attributes,
            additional_attributes=additional,
            source_id=call.text("source_id") or None,
            sender_type=sender_type,
            sender_id=sender_id,
            uploads=call.uploads,
        )

    def update_message(self, call: Call) -> Response:
        message = self._message(call)
        self.desk.messages.set_status(message, call.text("status"), call.text("external_error") or None)
        return answer(self.views.message(message))

    def retry_message(self, call: Call) -> Response:
        message = self._message(call)
        self.desk.messages.retry(message)
        return answer(self.views.message(message))

    def delete_message(self, call: Call) -> Response:
        message = self._message(call)
        self.desk.messages.delete(message)
        return answer(self.views.message(message))


def _or_null(value: Json | None) -> Response:
    return answer(value) if value is not None else Response("null", media_type="application/json")


def _until(value: Any) -> float:
    """Unix seconds or ISO 8601."""
    if value in (None, ""):
        return 0.0
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        raise Refused(422, {"error": "snoozed_until is not a time"}) from None
