"""REST answers of the Chatwoot twin, in the shapes of Chatwoot's jbuilder views."""

from typing import Any

from app.local.chatwoot_payloads import Payloads, iso
from app.local.chatwoot_state import MESSAGE_TYPES, AgentBot, Contact, Conversation, Inbox, Message, User

Json = dict[str, Any]


class Views:
    def __init__(self, payloads: Payloads) -> None:
        self.payloads, self.store = payloads, payloads.store

    def contact(self, contact: Contact, *, links: bool = True) -> Json:
        shown: Json = {
            "additional_attributes": contact.additional_attributes,
            "availability_status": "offline",
            "email": contact.email,
            "id": contact.id,
            "name": contact.name,
            "phone_number": contact.phone_number,
            "blocked": contact.blocked,
            "identifier": contact.identifier,
            "thumbnail": "",
            "custom_attributes": contact.custom_attributes,
            "created_at": int(contact.created_at),
        }
        if contact.last_activity_at:
            shown["last_activity_at"] = int(contact.last_activity_at)
        if links:
            inboxes = self.store.state.inboxes
            shown["contact_inboxes"] = [
                {"source_id": link.source_id, "inbox": self.inbox_slim(inboxes[link.inbox_id])}
                for link in self.store.links_of(contact.id)
            ]
        return shown

    def inbox_slim(self, inbox: Inbox) -> Json:
        shown = {"id": inbox.id, "avatar_url": "", "channel_id": inbox.id, "name": inbox.name}
        return {**shown, "channel_type": "Channel::Api", "provider": None}

    def inbox(self, inbox: Inbox, *, admin: bool) -> Json:
        shown = {
            **self.inbox_slim(inbox),
            "greeting_enabled": inbox.greeting_enabled,
            "greeting_message": inbox.greeting_message,
            "working_hours_enabled": False,
            "enable_email_collect": True,
            "csat_survey_enabled": inbox.csat_survey_enabled,
            "enable_auto_assignment": inbox.enable_auto_assignment,
            "auto_assignment_config": {},
            "out_of_office_message": None,
            "working_hours": [],
            "timezone": "UTC",
            "callback_webhook_url": None,
            "allow_messages_after_resolved": inbox.allow_messages_after_resolved,
            "lock_to_single_conversation": inbox.lock_to_single_conversation,
            "sender_name_type": "friendly",
            "business_name": None,
            "hmac_mandatory": inbox.hmac_mandatory,
            "webhook_url": inbox.webhook_url,
            "inbox_identifier": inbox.identifier,
            "additional_attributes": inbox.additional_attributes,
        }
        return {**shown, "hmac_token": inbox.hmac_token, "secret": inbox.secret} if admin else shown

    def bot(self, bot: AgentBot, *, admin: bool = False) -> Json:
        shown: Json = {
            "id": bot.id,
            "name": bot.name,
            "description": bot.description,
            "thumbnail": "",
            "outgoing_url": bot.outgoing_url,
            "bot_type": "webhook",
            "bot_config": {},
            "account_id": self.payloads.account["id"],
            "system_bot": False,
        }
        return {**shown, "access_token": bot.token, "secret": bot.secret} if admin else shown

    def agent(self, user: User) -> Json:
        return {
            "id": user.id,
            "account_id": self.payloads.account["id"],
            "availability_status": "online",
            "auto_offline": True,
            "confirmed": True,
            "email": user.email,
            "provider": "email",
            "available_name": user.name,
            "name": user.name,
            "role": user.role,
            "thumbnail": "",
        }

    def profile(self, user: User) -> Json:
        account = {**self.payloads.account, "status": "active", "role": user.role, "permissions": [user.role]}
        shown = {"access_token": user.token, "account_id": account["id"], "accounts": [account], "type": None}
        names = {"available_name": user.name, "display_name": None, "email": user.email, "uid": user.email}
        return {**shown, **names, "id": user.id, "name": user.name, "role": user.role, "confirmed": True}

    def message(self, message: Message) -> Json:
        shown: Json = {
            "id": message.id,
            "content": message.content,
            "inbox_id": message.inbox_id,
            "conversation_id": message.conversation_id,
            "message_type": MESSAGE_TYPES[message.message_type],
            "content_type": message.content_type,
            "status": message.status,
            "content_attributes": message.content_attributes,
            "created_at": int(message.created_at),
            "private": message.private,
            "source_id": message.source_id,
        }
        sender = self.payloads.sender(message, push=True)
        if sender:
            shown["sender"] = sender
        if message.attachments:
            shown["attachments"] = [self.payloads.attachment(item) for item in message.attachments]
        return shown

    def conversation(self, conversation: Conversation) -> Json:
        state, payloads = self.store.state, self.payloads
        meta: Json = {
            "sender": self.contact(state.contacts[conversation.contact_id], links=False),
            "channel": "Channel::Api",
            "hmac_verified": False,
        }
        assignee, assignee_type = payloads.assignee(conversation)
        if assignee:
            meta |= {"assignee": assignee, "assignee_type": assignee_type}
        team = state.records.get("teams", {}).get(conversation.team_id or 0)
        if team:
            meta["team"] = team
        last = next(self.store.newest_messages(conversation.id), None)
        spoken = (m for m in self.store.newest_messages(conversation.id) if m.message_type != "activity")
        last_spoken = next(spoken, None)
        return {
            "meta": meta,
            "id": conversation.id,
            "messages": [payloads.message_push(last)] if last else [],
            "account_id": payloads.account["id"],
            "uuid": conversation.uuid,
            "additional_attributes": conversation.additional_attributes,
            "agent_last_seen_at": int(conversation.agent_last_seen_at),
            "assignee_last_seen_at": 0,
            "can_reply": payloads.can_reply(conversation),
            "contact_last_seen_at": int(conversation.contact_last_seen_at),
            "custom_attributes": conversation.custom_attributes,
            "inbox_id": conversation.inbox_id,
            "labels": conversation.label_list,
            "muted": False,
            "snoozed_until": iso(conversation.snoozed_until) if conversation.snoozed_until else None,
            "status": conversation.status,
            "created_at": int(conversation.created_at),
            "updated_at": conversation.updated_at,
            "timestamp": int(conversation.last_activity_at),
            "first_reply_created_at": int(conversation.first_reply_created_at),
            "unread_count": payloads.unread(conversation),
            "last_non_activity_message": payloads.message_push(last_spoken) if last_spoken else None,
            "last_activity_at": int(conversation.last_activity_at),
            "priority": conversation.priority,
            "waiting_since": int(conversation.waiting_since),
            "sla_policy_id": None,
        }
