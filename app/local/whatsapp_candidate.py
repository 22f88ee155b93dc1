"""What a candidate does on the phone, as the webhook items that WhatsApp makes of it."""

import base64
import binascii
from typing import Any, Literal

import msgspec
import orjson

from app.local.sample_files import sample_file
from app.local.twin_clock import TwinClock
from app.local.whatsapp_items import (
    contact_card,
    contact_of,
    place_of,
    preference_item,
    sender_of,
    system_item,
    unsupported_content,
)
from app.local.whatsapp_network import Network
from app.local.whatsapp_state import (
    INBOUND_MEDIA_SECONDS,
    WINDOW_SECONDS,
    Attached,
    Candidate,
    Option,
    PhoneMessage,
    Store,
    new_bsuid,
    new_wamid,
)
from app.local.whatsapp_webhooks import Account, Update, WebhookHub, WhatsAppSettings

Json = dict[str, Any]
MEDIA = {"image": "image/jpeg", "video": "video/mp4", "sticker": "image/webp", "document": "application/pdf"}
MEDIA |= {"audio": "audio/mpeg", "voice": "audio/ogg; codecs=opus"}


class PhoneError(Exception):
    """The phone cannot do that; the text says why."""


class Say(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An action on the phone. `option`: number (from 1), id or title of a button or row of `message_id` (default:
    the newest message with options). `ago`: seconds before now; `wamid`: chosen id, to repeat a message.
    `raw` is merged into the webhook item last."""

    type: Literal[
        "text",
        "tap",
        "voice",
        "audio",
        "image",
        "video",
        "sticker",
        "document",
        "location",
        "contacts",
        "reaction",
        "edit",
        "revoke",
        "order",
        "unsupported",
    ] = "text"
    text: str = ""
    option: str | int = ""
    message_id: str = ""
    emoji: str = ""
    mime_type: str = ""
    filename: str = ""
    content_base64: str = ""
    latitude: float = 0.0
    longitude: float = 0.0
    name: str = ""
    address: str = ""
    contacts: list[Json] = []
    reply_to: str = ""
    forwarded: bool = False
    referral: Json = {}
    ago: float = 0.0
    wamid: str = ""
    raw: Json = {}


class CandidatePhone:
    """Turns actions into messages of the chat and webhook updates."""

    def __init__(
        self,
        *,
        store: Store,
        network: Network,
        hub: WebhookHub,
        clock: TwinClock,
        account: Account,
        settings: WhatsAppSettings,
    ) -> None:
        self.store, self.network, self.hub, self.clock = store, network, hub, clock
        self.account, self.settings = account, settings

    def act(self, candidate: Candidate, say: Say) -> PhoneMessage:
        """Raises PhoneError when the phone could not do that."""
        at = self.clock.now() - say.ago
        message = PhoneMessage(
            id=say.wamid or new_wamid(candidate.wa_id if candidate.phone_visible else ""),
            candidate=candidate.id,
            mine=True,
            type=say.type,
            at=at,
            text=say.text,
            reply_to=say.reply_to,
            shown_at=at,
        )
        content = self._content(candidate, say, message)
        item = self._item(candidate, message, say, content)
        self.network.read_all(candidate)
        if say.type in {"reaction", "edit", "revoke"}:
            self._apply(candidate, say)
        elif message.id not in self.store.state.messages:
            self.store.add(message)
        candidate.window_until = max(candidate.window_until, at + WINDOW_SECONDS)
        self.store.touch(candidate.id)
        self.hub.emit(Update(key="messages", item=item, contacts=[contact_of(candidate)]))
        message.status = "delivered" if message.status == "sent" else message.status
        return message

    def _item(self, candidate: Candidate, message: PhoneMessage, say: Say, content: Json) -> Json:
        item: Json = {"id": message.id, "timestamp": str(int(message.at)), **sender_of(candidate), **content}
        context: Json = {}
        if say.reply_to:
            target = self._message(candidate, say.reply_to)
            author = candidate.wa_id if target.mine else self.account.display_phone_number
            context = {"from": author, "id": target.id}
        if say.forwarded:
            context["forwarded"] = True
        if context:
            item["context"] = {**item.get("context", {}), **context}
        if say.referral:
            item["referral"] = say.referral
        return {**item, **say.raw}

    def _message(self, candidate: Candidate, wamid: str) -> PhoneMessage:
        message = self.store.state.messages.get(wamid)
        if message is None or message.candidate != candidate.id:
            raise PhoneError(f"no message {wamid!r} in this chat")
        return message

    def _content(self, candidate: Candidate, say: Say, message: PhoneMessage) -> Json:
        match say.type:
            case "text":
                content = self._text(say)
            case "tap":
                content = self._tap(candidate, say, message)
            case "location":
                message.text = say.name or f"{say.latitude},{say.longitude}"
                content = {"type": "location", "location": place_of(say.latitude, say.longitude, say.name, say.address)}
            case "contacts":
                message.text = say.name or "contact"
                content = {"type": "contacts", "contacts": say.contacts or [contact_card(say.name, say.text)]}
            case "order":
                product = {"product_retailer_id": "sku", "quantity": 1, "item_price": 9.95, "currency": "EUR"}
                order = {"catalog_id": "1", "text": say.text, "product_items": [product]}
                content = {"type": "order", "order": order}
            case "unsupported":
                # What WhatsApp cannot forward to a business: polls, events, view-once pictures.
                content = unsupported_content(say.text or "poll")
            case "reaction" | "edit" | "revoke":
                content = self._about_another(candidate, say)
            case _:
                content = self._media(say, message)
        return content

    def _text(self, say: Say) -> Json:
        if not say.text:
            raise PhoneError("an empty text cannot be sent")
        return {"type": "text", "text": {"body": say.text}}

    def _about_another(self, candidate: Candidate, say: Say) -> Json:
        """Reactions, edits and deletions name an earlier message."""
        target = self._message(candidate, say.message_id or self._last(candidate, mine=say.type != "reaction"))
        if say.type == "reaction":
            emoji = {"emoji": say.emoji} if say.emoji else {}
            return {"type": "reaction", "reaction": {"message_id": target.id, **emoji}}
        if not target.mine:
            raise PhoneError("only one's own messages can be edited or deleted")
        if not self.settings.coexistence:
            return unsupported_content(say.type)
        if say.type == "edit":
            changed = {"type": "text", "text": {"body": say.text}}
            return {"type": "edit", "edit": {"original_message_id": target.id, "message": changed}}
        return {"type": "revoke", "revoke": {"original_message_id": target.id}}

    def _apply(self, candidate: Candidate, say: Say) -> None:
        target = self._message(candidate, say.message_id or self._last(candidate, mine=say.type != "reaction"))
        if say.type == "reaction":
            target.reactions = {key: value for key, value in target.reactions.items() if key != "candidate"}
            if say.emoji:
                target.reactions["candidate"] = say.emoji
        elif say.type == "edit":
            target.text, target.edited = say.text, True
        else:
            target.text, target.revoked = "", True

    def _last(self, candidate: Candidate, *, mine: bool) -> str:
        for message in reversed(self.store.chat(candidate.id)):
            if message.mine == mine and message.shown_at:
                return message.id
        raise PhoneError("there is no message yet to which this could refer")

    def _tap(self, candidate: Candidate, say: Say, message: PhoneMessage) -> Json:
        target, option = self.find_option(candidate, say)
        message.text, message.reply_to, message.tapped = option.title, target.id, option.id
        target.tapped = option.id
        context = {"context": {"from": self.account.display_phone_number, "id": target.id}}
        if option.kind == "reply":
            reply = {"type": "button_reply", "button_reply": {"id": option.id, "title": option.title}}
            return {"type": "interactive", "interactive": reply, **context}
        if option.kind == "row":
            row = {"id": option.id, "title": option.title}
            if option.description:
                row["description"] = option.description
            return {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": row}, **context}
        if option.kind == "quick_reply":
            return {"type": "button", "button": {"payload": option.id, "text": option.title}, **context}
        if option.kind == "location":
            place = {"latitude": say.latitude, "longitude": say.longitude}
            return {"type": "location", "location": place, **context}
        if option.kind == "contact_info":
            cards = [{**contact_card(candidate.name, candidate.wa_id), "origin": "contact_request"}]
            return {"type": "contacts", "contacts": cards, **context}
        if option.kind == "flow":
            reply = {"name": "flow", "body": "Sent", "response_json": orjson.dumps(say.raw).decode()}
            return {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": reply}, **context}
        raise PhoneError(f"{option.title!r} opens {option.url}: nothing is sent to the business")

    def find_option(self, candidate: Candidate, say: Say) -> tuple[PhoneMessage, Option]:
        """By number, id, or title (without regard to case)."""
        shown = [message for message in self.store.chat(candidate.id) if message.options and message.shown_at]
        if say.message_id:
            shown = [message for message in shown if message.id == say.message_id]
        if not shown:
            raise PhoneError("no message with buttons is on the screen")
        target = shown[-1]
        wanted = str(say.option).strip()
        for number, option in enumerate(target.options, start=1):
            if wanted in {str(number), option.id} or wanted.casefold() == option.title.casefold():
                return target, option
        offered = " | ".join(option.title for option in target.options)
        raise PhoneError(f"no button or row {wanted!r}; on the screen: {offered}")

    def _media(self, say: Say, message: PhoneMessage) -> Json:
        kind = "audio" if say.type == "voice" else say.type
        try:
            content = base64.b64decode(say.content_base64, validate=True)
        except binascii.Error:
            raise PhoneError("content_base64 is not base64") from None
        content, mime_type = (content, say.mime_type or MEDIA[say.type]) if content else sample_file(say.type, say.text)
        media = self.store.keep_media(
            content,
            mime_type=say.mime_type or mime_type,
            filename=say.filename,
            expires_at=self.clock.now() + INBOUND_MEDIA_SECONDS,
        )
        message.file = Attached(media_id=media.id, mime_type=media.mime_type, filename=say.filename)
        wire: Json = {"id": media.id, "mime_type": media.mime_type, "sha256": media.sha256}
        if kind == "audio":
            wire["voice"] = say.type == "voice"
        if kind == "document":
            wire["filename"] = say.filename or "document"
        if say.text and say.type in {"image", "video", "document"}:
            wire["caption"] = say.text
        return {"type": kind, kind: wire}

    def announce_preference(self, candidate: Candidate) -> None:
        """WhatsApp's own switch for marketing messages was turned."""
        item, name = preference_item(candidate, int(self.clock.now())), "user_preferences"
        self.hub.emit(Update(key=name, item=item, contacts=[contact_of(candidate)], name=name))

    def change_identity(
        self, candidate: Candidate, *, wa_id: str, announce: Literal["system", "field", "both", "none"]
    ) -> None:
        """A new phone number (or, with `wa_id` empty, only a new BSUID). The BSUID changes with the number."""
        before = msgspec.structs.replace(candidate)
        candidate.past_ids = [*candidate.past_ids, *filter(None, (candidate.wa_id, candidate.bsuid))]
        if candidate.bsuid:
            self.store.forget_alias(candidate.bsuid)
            candidate.bsuid = new_bsuid(candidate.bsuid[:2])
        if wa_id:
            self.store.forget_alias(candidate.wa_id)
            candidate.wa_id = wa_id
        self.store.index(candidate)
        self.store.touch(candidate.id)
        now = str(int(self.clock.now()))
        ids = {"previous": before.bsuid, "current": candidate.bsuid}
        if announce in {"system", "both"}:
            self.hub.emit(Update(key="messages", item=system_item(before, candidate, now, number=bool(wa_id))))
        if announce in {"field", "both"}:
            item: Json = {"user_id": ids, "detail": "User id changed", "timestamp": now}
            if candidate.wa_id and candidate.phone_visible:
                item["wa_id"] = candidate.wa_id
            self.hub.emit(
                Update(key="user_id_update", item=item, contacts=[contact_of(candidate)], name="user_id_update")
            )
