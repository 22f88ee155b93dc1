"""Inboxes, bots and agents over REST."""

import secrets
from typing import Any

from starlette.responses import Response

from app.local.chatwoot_desk import Desk
from app.local.chatwoot_gate import NOT_FOUND, Call, Endpoint, answer
from app.local.chatwoot_messages import Refused, invalid
from app.local.chatwoot_state import AgentBot, Inbox, User
from app.local.chatwoot_views import Views

Json = dict[str, Any]


class SettingsRoutes:
    def __init__(self, desk: Desk, views: Views) -> None:
        self.desk, self.views, self.store = desk, views, desk.store

    def endpoints(self) -> list[Endpoint]:
        inbox, bot = "/inboxes/{id:int}", "/agent_bots/{id:int}"
        return [
            Endpoint("GET", "/inboxes", self.inboxes),
            Endpoint("POST", "/inboxes", self.create_inbox, admin=True),
            Endpoint("GET", inbox, self.inbox),
            Endpoint("PATCH", inbox, self.update_inbox, admin=True),
            Endpoint("POST", f"{inbox}/reset_secret", self.reset_inbox_secret, admin=True),
            Endpoint("POST", f"{inbox}/set_agent_bot", self.set_agent_bot, admin=True),
            Endpoint("GET", f"{inbox}/agent_bot", self.inbox_bot),
            Endpoint("GET", "/inbox_members/{id:int}", self.members),
            Endpoint("POST", "/inbox_members", self.add_members, admin=True),
            Endpoint("GET", "/agents", self.agents),
            Endpoint("GET", "/agent_bots", self.bots),
            Endpoint("POST", "/agent_bots", self.create_bot, admin=True),
            Endpoint("GET", bot, self.bot),
            Endpoint("PATCH", bot, self.update_bot, admin=True),
            Endpoint("DELETE", bot, self.delete_bot, admin=True),
            Endpoint("POST", f"{bot}/reset_secret", self.reset_bot_secret, admin=True),
        ]

    # Inboxes

    def _inbox(self, number: int) -> Inbox:
        inbox = self.store.state.inboxes.get(number)
        if inbox is None:
            raise Refused(404, NOT_FOUND)
        return inbox

    def _shown(self, inbox: Inbox, call: Call) -> Json:
        admin = isinstance(call.actor, User) and call.actor.role == "administrator"
        return self.views.inbox(inbox, admin=admin)

    def inboxes(self, call: Call) -> Response:
        return answer({"payload": [self._shown(inbox, call) for inbox in self.store.state.inboxes.values()]})

    def inbox(self, call: Call) -> Response:
        return answer(self._shown(self._inbox(call.number("id")), call))

    def create_inbox(self, call: Call) -> Response:
        channel = call.mapping("channel") or {}
        if channel.get("type") != "api":
            raise Refused(422, {"error": "this twin has API channels only"})
        if not call.text("name"):
            raise invalid("Name can't be blank", "name")
        inbox = Inbox(
            id=self.store.next_id("inboxes"),
            name=call.text("name"),
            secret=secrets.token_hex(24),
            identifier=secrets.token_urlsafe(18),
            hmac_token=secrets.token_urlsafe(18),
        )
        self.store.state.inboxes[inbox.id] = inbox
        self._change_inbox(inbox, call)
        return answer(self._shown(inbox, call))

    def update_inbox(self, call: Call) -> Response:
        inbox = self._inbox(call.number("id"))
        self._change_inbox(inbox, call)
        return answer(self._shown(inbox, call))

    def _change_inbox(self, inbox: Inbox, call: Call) -> None:
        """`additional_attributes` of the channel are replaced, not merged."""
        for key in ("name", "greeting_message"):
            if key in call.params:
                setattr(inbox, key, call.text(key))
        for key in (
            "greeting_enabled",
            "lock_to_single_conversation",
            "enable_auto_assignment",
            "csat_survey_enabled",
            "allow_messages_after_resolved",
        ):
            if key in call.params:
                setattr(inbox, key, call.flag(key))
        channel = call.mapping("channel") or {}
        if "webhook_url" in channel:
            inbox.webhook_url = str(channel["webhook_url"] or "")
        if "hmac_mandatory" in channel:
            inbox.hmac_mandatory = bool(channel["hmac_mandatory"])
        if isinstance(channel.get("additional_attributes"), dict):
            inbox.additional_attributes = channel["additional_attributes"]
        self.store.touch()

    def reset_inbox_secret(self, call: Call) -> Response:
        inbox = self._inbox(call.number("id"))
        inbox.secret = secrets.token_hex(24)
        self.store.touch()
        return answer(self._shown(inbox, call))

    def set_agent_bot(self, call: Call) -> Response:
        inbox, number = self._inbox(call.number("id")), call.number("agent_bot")
        if number and number not in self.store.state.bots:
            raise Refused(404, NOT_FOUND)
        inbox.agent_bot_id = number
        self.store.touch()
        return answer()

    def inbox_bot(self, call: Call) -> Response:
        bot = self.store.state.bots.get(self._inbox(call.number("id")).agent_bot_id)
        return answer({"agent_bot": self.views.bot(bot) if bot else {}})

    def members(self, call: Call) -> Response:
        inbox = self._inbox(call.number("id"))
        users = [user for user in self.store.state.users.values() if user.id in inbox.members]
        return answer({"payload": [self.views.agent(user) for user in users]})

    def add_members(self, call: Call) -> Response:
        inbox = self._inbox(call.number("inbox_id"))
        inbox.members = sorted({*inbox.members, *(call.params.get("user_ids") or [])})
        self.store.touch()
        inner = Call(actor=call.actor, params={"id": inbox.id}, uploads=[])
        return self.members(inner)

    # People and bots

    def agents(self, _: Call) -> Response:
        return answer([self.views.agent(user) for user in self.store.state.users.values()])

    def profile(self, call: Call) -> Response:
        if not isinstance(call.actor, User):
            raise Refused(401, {"error": "Access to this endpoint is not authorized for bots"})
        return answer(self.views.profile(call.actor))

    def _bot(self, call: Call) -> AgentBot:
        bot = self.store.state.bots.get(call.number("id"))
        if bot is None:
            raise Refused(404, NOT_FOUND)
        return bot

    def bots(self, _: Call) -> Response:
        return answer([self.views.bot(bot, admin=True) for bot in self.store.state.bots.values()])

    def bot(self, call: Call) -> Response:
        return answer(self.views.bot(self._bot(call), admin=True))

    def create_bot(self, call: Call) -> Response:
        if not call.text("name"):
            raise invalid("Name can't be blank", "name")
        bot = AgentBot(
            id=self.store.next_id("bots"),
            name=call.text("name"),
            description=call.text("description"),
            outgoing_url=call.text("outgoing_url"),
            token=secrets.token_urlsafe(18),
            secret=secrets.token_hex(24),
        )
        self.store.state.bots[bot.id] = bot
        self.store.touch()
        return answer(self.views.bot(bot, admin=True))

    def update_bot(self, call: Call) -> Response:
        bot = self._bot(call)
        for key in ("name", "description", "outgoing_url"):
            if key in call.params:
                setattr(bot, key, call.text(key))
        self.store.touch()
        return answer(self.views.bot(bot, admin=True))

    def delete_bot(self, call: Call) -> Response:
        bot = self._bot(call)
        del self.store.state.bots[bot.id]
        for inbox in self.store.state.inboxes.values():
            inbox.agent_bot_id = 0 if inbox.agent_bot_id == bot.id else inbox.agent_bot_id
        self.store.touch()
        return answer()

    def reset_bot_secret(self, call: Call) -> Response:
        bot = self._bot(call)
        bot.secret = secrets.token_hex(24)
        self.store.touch()
        return answer(self.views.bot(bot, admin=True))
