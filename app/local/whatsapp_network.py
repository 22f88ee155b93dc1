"""Between business and phone: a message is accepted, sent, shown on the phone, read; each step is a status."""

import asyncio
from collections import defaultdict, deque
from typing import Any

from app.local.twin_clock import TwinClock
from app.local.whatsapp_errors import GraphError, status_error
from app.local.whatsapp_items import contact_of
from app.local.whatsapp_rules import Draft
from app.local.whatsapp_state import Candidate, PhoneMessage, Store, new_wamid
from app.local.whatsapp_templates import fill_template
from app.local.whatsapp_webhooks import Update, WebhookHub, WhatsAppSettings

TYPING_SECONDS = 25.0
RANK = {"accepted": 0, "sent": 1, "delivered": 2, "read": 3, "played": 4}


class Network:
    """Carries business messages to phones. One task per message on its way."""

    def __init__(self, *, store: Store, hub: WebhookHub, clock: TwinClock, settings: WhatsAppSettings) -> None:
        self.store, self.hub, self.clock, self.settings = store, hub, clock, settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._pairs: dict[str, tuple[float, float]] = {}
        self._recent: deque[float] = deque()
        self._waiting: dict[str, list[PhoneMessage]] = defaultdict(list)

    def busy(self) -> bool:
        """Something is on its way to a phone."""
        return bool(self._tasks)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def accept(self, draft: Draft) -> PhoneMessage:
        """Takes a checked draft, or raises what the API answers at once."""
        candidate = self.store.by_alias(draft.to)
        self._check_media(draft)
        template = fill_template(draft, self.store.state.templates) if draft.template is not None else None
        self._throttle(draft.to)
        error = self._undeliverable(draft, candidate, template.category if template else "service")
        if error is not None and self._at_once(error.code):
            raise error
        message = PhoneMessage(
            id=new_wamid(candidate.wa_id if candidate else "" if draft.by_user_id else draft.to),
            candidate=candidate.id if candidate else "",
            mine=False,
            type=draft.type,
            at=self.clock.now(),
            text=draft.text,
            header=draft.header,
            footer=draft.footer,
            options=draft.options,
            list_button=draft.list_button,
            file=draft.file,
            reply_to=draft.reply_to,
            status="accepted",
            opaque=draft.opaque,
            category=template.category.lower() if template else "service",
            sent_to=draft.to,
            by_user_id=draft.by_user_id,
        )
        if draft.type == "reaction":
            message.reply_to = draft.target
        self.store.add(message)
        self._start(self._carry(message, error))
        return message

    def _check_media(self, draft: Draft) -> None:
        if draft.file is None or not draft.file.media_id:
            return
        media = self.store.state.media.get(draft.file.media_id)
        if media is None or media.expires_at < self.clock.now():
            raise GraphError(131009, f"Media id {draft.file.media_id} does not exist or has expired")
        kind = media.mime_type.split("/")[0]
        if draft.type in {"image", "audio", "video"} and kind != draft.type:
            raise GraphError(131053, f"Media of type {media.mime_type} cannot be sent as {draft.type}")
        draft.file.mime_type, draft.file.filename = media.mime_type, draft.file.filename or media.filename

    def _throttle(self, to: str) -> None:
        """One message per `pair_seconds` and recipient with bursts, and a total per second."""
        settings, now = self.settings, self.clock.now()
        if settings.messages_per_second:
            while self._recent and self._recent[0] <= now - 1:
                self._recent.popleft()
            if len(self._recent) >= settings.messages_per_second:
                raise GraphError(130429, "Cloud API message throughput has been reached.")
            self._recent.append(now)
        if settings.pair_burst:
            level, since = self._pairs.get(to, (float(settings.pair_burst), now))
            level = min(float(settings.pair_burst), level + (now - since) / settings.pair_seconds)
            if level < 1:
                raise GraphError(131056, "Too many messages sent to the same phone number in a short period of time")
            self._pairs[to] = (level - 1, now)

    def _undeliverable(self, draft: Draft, candidate: Candidate | None, category: str) -> GraphError | None:
        if candidate is None:
            return GraphError(131026, "Message undeliverable: the recipient is not on WhatsApp or cannot receive it")
        if category == "MARKETING" and candidate.marketing_opt_out:
            return GraphError(131050, "The recipient has chosen to stop receiving marketing messages from you")
        if draft.template is None and self.clock.now() > candidate.window_until:
            return GraphError(
                131047, "Message failed to send because more than 24 hours have passed since the customer last replied"
            )
        return None

    def _at_once(self, code: int) -> bool:
        policy = {131026: self.settings.unknown_recipients, 131047: self.settings.window_errors}
        return policy.get(code) == "response"

    def _start(self, coroutine: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, message: PhoneMessage, error: GraphError | None) -> None:
        await asyncio.sleep(self.settings.sent_seconds)
        candidate = self.store.state.candidates.get(message.candidate)
        if error is not None or candidate is None:
            self.fail(message, error or GraphError(131026, "Message undeliverable"))
            return
        self._advance(message, "sent")
        await asyncio.sleep(self.settings.delivered_seconds)
        if not candidate.online or self._waiting[candidate.id]:
            self._waiting[candidate.id].append(message)
            return
        self._show(message, candidate)

    def _show(self, message: PhoneMessage, candidate: Candidate) -> None:
        message.shown_at = self.clock.now()
        if message.type == "reaction":
            self._react(message)
        candidate.typing_until = 0.0
        self._advance(message, "delivered")
        if candidate.reads:
            self._start(self._read_later(message))

    async def _read_later(self, message: PhoneMessage) -> None:
        await asyncio.sleep(self.settings.read_seconds)
        self._advance(message, "read")

    def _react(self, message: PhoneMessage) -> None:
        target = self.store.state.messages.get(message.reply_to)
        if target is not None and target.candidate == message.candidate:
            target.reactions = {**target.reactions, "business": message.text}

    def come_online(self, candidate: Candidate) -> None:
        """Delivers what waited for the phone, in order."""
        for message in self._waiting.pop(candidate.id, []):
            self._show(message, candidate)

    def resume(self) -> None:
        """After a restart: what was accepted or waited for a phone goes on its way again."""
        for message in self.store.state.messages.values():
            candidate = self.store.state.candidates.get(message.candidate)
            if candidate is None or message.mine or message.shown_at:
                continue
            if message.status == "sent":
                self._waiting[candidate.id].append(message)
            elif message.status == "accepted":
                self._start(self._carry(message, None))
        for candidate in self.store.state.candidates.values():
            if candidate.online:
                self.come_online(candidate)

    def read_all(self, candidate: Candidate) -> None:
        """The candidate opens the chat: everything shown is read."""
        for message in self.store.chat(candidate.id):
            if not message.mine and message.shown_at:
                self._advance(message, "read")

    def play(self, message: PhoneMessage) -> None:
        """A voice message was listened to."""
        self._advance(message, "played")

    def _advance(self, message: PhoneMessage, status: str) -> None:
        if message.status == "failed" or RANK[status] <= RANK[message.status]:
            return
        message.status = status
        self.store.touch(message.candidate)
        self.hub.emit(self._status(message, status))

    def fail(self, message: PhoneMessage, error: GraphError) -> None:
        message.status = "failed"
        message.error = status_error(error.code, error.details)
        self.store.touch(message.candidate)
        self.hub.emit(self._status(message, "failed"))

    def _status(self, message: PhoneMessage, status: str) -> Update:
        candidate = self.store.state.candidates.get(message.candidate)
        item: dict[str, Any] = {"id": message.id, "status": status, "timestamp": str(int(self.clock.now()))}
        if candidate is None:
            item["recipient_user_id" if message.by_user_id else "recipient_id"] = message.sent_to
        else:
            if candidate.wa_id and (candidate.phone_visible or not message.by_user_id):
                item["recipient_id"] = candidate.wa_id
            # A failed send to a phone number names no user id.
            if candidate.bsuid and (status != "failed" or message.by_user_id):
                item["recipient_user_id"] = candidate.bsuid
        if message.opaque:
            item["biz_opaque_callback_data"] = message.opaque
        if status in {"sent", "delivered"}:
            item["pricing"] = {
                "billable": True,
                "pricing_model": "PMP",
                "type": "regular",
                "category": message.category,
            }
        if status == "failed":
            item["errors"] = [message.error]
        contacts = [contact_of(candidate)] if candidate and status != "failed" else []
        return Update(key="statuses", item=item, contacts=contacts)

    def mark_read(self, message_id: str, *, typing: bool) -> None:
        """A read receipt of the business: marks this and all earlier messages; may show "typing" for 25 s."""
        message = self.store.state.messages.get(message_id)
        if message is None or not message.mine:
            raise GraphError(131009, "Parameter value is not valid: message_id is not a message that was received")
        candidate = self.store.state.candidates[message.candidate]
        for earlier in self.store.chat(candidate.id):
            if earlier.mine:
                earlier.status = "read"
            if earlier.id == message_id:
                break
        if typing:
            candidate.typing_at = self.clock.now()
            candidate.typing_until = candidate.typing_at + TYPING_SECONDS
        self.store.touch(candidate.id)
