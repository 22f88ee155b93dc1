"""The two lanes: what a row's `kind` and `body` mean at its vendor."""

from typing import Any

import msgspec

from app.channels.chatwoot import Chatwoot, Desk, NotFound
from app.channels.errors import Rejected
from app.channels.whatsapp import Recipient, WhatsApp, reply_body, text_body
from app.database.conversations import ChatwootLink, Conversations
from app.database.outbox import ClaimedRow
from app.recruiting.messages import Reply


class WhatsAppLane:
    """Rows to the candidate: `reply` (body `reply`) and `text` (body `text`, optional `reply_to`); `to` = recipient."""

    settles_each = True

    def __init__(self, whatsapp: WhatsApp) -> None:
        self._whatsapp = whatsapp

    async def send(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str:  # noqa: ARG002 the lane's shape
        """Raises SendError."""
        recipient = msgspec.convert(row.body["to"], Recipient)
        if row.kind == "reply":
            body = reply_body(msgspec.convert(row.body["reply"], Reply))
        elif row.kind == "text":
            body = text_body(row.body["text"], row.body.get("reply_to", ""))
        else:
            raise Rejected(f"unknown kind of row {row.kind!r}")
        return await self._whatsapp.send(recipient, body, row.id)

    async def find(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str | None:  # noqa: ARG002
        """WhatsApp cannot be asked; its status webhook settles the row (see Statuses.fold)."""
        return None


class ChatwootLane:
    """Rows to the recruiter: `incoming`, `outgoing`, `note` (body `text`) and `status` (body `status`)."""

    settles_each = False

    def __init__(self, chatwoot: Chatwoot, conversations: Conversations) -> None:
        self._chatwoot = chatwoot
        self._conversations = conversations

    async def send(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str:
        """Raises SendError. A conversation that a recruiter deleted is made again, once, and says so."""
        desk = await self._desk(row, conversation_id, address)
        try:
            return await self._write(row, desk.conversation_id)
        except NotFound:
            desk = await self._make_desk(conversation_id, address)
            note = {
                "message_type": "outgoing",
                "private": True,
                "content": "This conversation was deleted here and made again; what was said before is in the record.",
            }
            await self._chatwoot.say(desk.conversation_id, note, f"{row.id}:remade")
            return await self._write(row, desk.conversation_id)

    async def find(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str | None:
        """Chatwoot's id of the message that carries our row id."""
        if row.kind == "status":  # safe to repeat
            return None
        try:
            found = await self._chatwoot.find((await self._desk(row, conversation_id, address)).conversation_id, row.id)
        except NotFound:
            return None
        return str(found) if found else None

    async def _write(self, row: ClaimedRow, display_id: int) -> str:
        if row.kind == "status":
            await self._chatwoot.set_status(display_id, row.body["status"])
            return f"status:{row.id}"
        message: dict[str, Any] = {"content": row.body["text"]}
        match row.kind:
            case "incoming":
                message |= {"message_type": "incoming"}
            case "outgoing":
                message |= {"message_type": "outgoing"}
            case "note":
                message |= {"message_type": "outgoing", "private": True}
            case _:
                raise Rejected(f"unknown kind of row {row.kind!r}")
        return str(await self._chatwoot.say(display_id, message, row.id))

    async def _desk(self, row: ClaimedRow, conversation_id: str, address: str) -> Desk:
        if "desk" in row.body:  # known when the turn was opened: no look-up
            return msgspec.convert(row.body["desk"], Desk)
        opened = await self._conversations.find(address)
        if opened is not None and opened.chatwoot.conversation_id:
            return Desk(contact_id=opened.chatwoot.contact_id, conversation_id=opened.chatwoot.conversation_id)
        return await self._make_desk(conversation_id, address)

    async def _make_desk(self, conversation_id: str, address: str) -> Desk:
        opened = await self._conversations.find(address)
        if opened is None:
            raise Rejected("the conversation is not in the record")
        phone = f"+{opened.recipient.wa_id}" if opened.recipient.wa_id else ""
        name = opened.profile_name or "WhatsApp candidate"
        desk = await self._chatwoot.open_desk(opened.address, name=name, phone=phone)
        link = ChatwootLink(contact_id=desk.contact_id, conversation_id=desk.conversation_id)
        await self._conversations.set_chatwoot(conversation_id, link)
        return desk
