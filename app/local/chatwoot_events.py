"""Chatwoot's webhooks: three paths with their own filters, retries and failures."""

import asyncio
import hashlib
import hmac
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from app.local.chatwoot_payloads import Payloads, rails_json
from app.local.chatwoot_state import AgentBot, Conversation, Message, Store
from app.local.twin_faults import FaultBook
from app.local.webhook_sender import Delivery, RetryPolicy, WebhookSender

Json = dict[str, Any]

BOT_EVENTS = {
    "message_created",
    "message_updated",
    "conversation_opened",
    "conversation_resolved",
    "conversation_status_changed",
    "conversation_updated",
}
BOT_ONLY_EVENTS = {"conversation_opened", "conversation_resolved"}
ACCOUNT_ONLY_EVENTS = {"contact_created", "contact_updated"}


class ChatwootSettings(msgspec.Struct, kw_only=True):
    """May be changed while the twin runs (`PATCH /_twin/settings`). Seconds are real time.

    `job_seconds` lie between an event and the building of its payload, up to `jitter_seconds` more are random, so
    that events overtake each other. `webhook_retries`: 1 = at most once (today), 3 = after PR 15952. A limit of 0 is
    lifted (our own address is on the allow list). `typed_owner`: later than 4.15.1, an
    assigned bot owns a pending conversation and a person's assignment opens it. `assignment_v2` false: the older
    auto-assignment, which swallows the status event of a conversation that opens (issue 9277).
    """

    job_seconds: float = 0.02
    jitter_seconds: float = 0.0
    webhook_timeout: float = 5.0
    webhook_retries: int = 1
    retry_seconds: float = 3.0
    attachment_lag_seconds: float = 0.0
    messages_per_minute: int = 200
    searches_per_minute: int = 100
    requests_per_minute: int = 0
    keep_pending_on_bot_failure: bool = False
    typed_owner: bool = False
    assignment_v2: bool = True


class Failures(Protocol):
    """What the desk does when a webhook could not be delivered."""

    def message_not_delivered(self, message_id: int, reason: str) -> None: ...

    def bot_not_reached(self, conversation_id: int) -> None: ...


@dataclass(slots=True, kw_only=True)
class Event:
    """Something that happened; the record it is about is read again when the webhook is built."""

    name: str
    conversation: int = 0
    message: int = 0
    contact: int = 0
    inbox: int = 0
    extra: Json = field(default_factory=dict)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and hex HMAC over "<timestamp>.<raw body>"."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


class Dispatcher:
    """Turns events into deliveries. No order is promised between two of them."""

    def __init__(
        self,
        *,
        store: Store,
        payloads: Payloads,
        sender: WebhookSender,
        faults: FaultBook,
        settings: ChatwootSettings,
        failures: Callable[[], Failures],
    ) -> None:
        self._store, self._payloads, self._sender = store, payloads, sender
        self._faults, self._settings, self._failures = faults, settings, failures
        self._jobs: set[asyncio.Task[None]] = set()
        self._random = random.Random(0)  # noqa: S311 - jitter that a failing test can repeat

    def busy(self) -> bool:
        return bool(self._jobs or self._sender.pending())

    async def close(self) -> None:
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    def emit(self, event: Event) -> None:
        """The bot's payload is built now, those of inbox and account webhooks in a job."""
        self._to_bots(event)
        if event.name not in BOT_ONLY_EVENTS:
            self._start(self._job(event))

    def automation(self, conversation: Conversation, name: str) -> None:
        """An automation rule's or macro's own webhook: conversation form, no signature, no delivery id."""
        inbox = self._store.state.inboxes[conversation.inbox_id]
        if inbox.webhook_url:
            body = rails_json({**self._payloads.conversation(conversation), "event": name})
            self._sender.send(
                Delivery(
                    url=inbox.webhook_url,
                    body=body,
                    label=f"automation:{name}",
                    sign=lambda _: {},
                    policy=self._policy(None),
                )
            )

    def _start(self, coroutine: Any) -> None:
        job: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _job(self, event: Event) -> None:
        pause = self._settings.job_seconds + self._random.random() * self._settings.jitter_seconds
        await asyncio.sleep(pause)
        body = self._payload(event)
        if body is None:
            return
        for hook in self._store.state.records.get("webhooks", {}).values():
            if event.name in hook["subscriptions"]:
                await self._send(event, hook["url"], hook["secret"], body, path="account")
        inbox = self._store.state.inboxes.get(event.inbox)
        if inbox is not None and inbox.webhook_url and event.name not in ACCOUNT_ONLY_EVENTS:
            await self._send(event, inbox.webhook_url, inbox.secret, body, path="inbox")

    def _payload(self, event: Event) -> Json | None:
        """None when the record is gone by now: Chatwoot discards such jobs."""
        state, extra = self._store.state, {**event.extra, "event": event.name}
        if event.contact:
            contact = state.contacts.get(event.contact)
            return {**self._payloads.contact(contact), **extra} if contact else None
        conversation = state.conversations.get(event.conversation)
        if conversation is None or conversation.contact_inbox_id not in state.contact_inboxes:
            return None
        if event.message:
            message = state.messages.get(event.message)
            return {**self._payloads.message(message), **extra} if message else None
        shown = self._payloads.conversation(conversation)
        if event.name.startswith("conversation_typing"):
            return {**extra, "conversation": shown}
        return {**shown, **extra}

    def _to_bots(self, event: Event) -> None:
        conversation = self._store.state.conversations.get(event.conversation)
        if conversation is None or event.name not in BOT_EVENTS:
            return
        numbers = {self._store.state.inboxes[conversation.inbox_id].agent_bot_id, conversation.assignee_agent_bot_id}
        bots = [bot for bot in self._store.state.bots.values() if bot.id in numbers and bot.outgoing_url]
        body = self._payload(event) if bots else None
        for bot in bots:
            if body is not None:
                self._start(self._send(event, bot.outgoing_url, bot.secret, body, path="bot", bot=bot))

    async def _send(
        self, event: Event, url: str, secret: str, body: Json, *, path: str, bot: AgentBot | None = None
    ) -> None:
        raw = rails_json(body)
        label = f"{path}:{event.name}"
        copies = 1
        fault = self._faults.take(f"WEBHOOK {label}", raw.decode())
        if fault is not None and fault.action == "drop":
            return
        if fault is not None and fault.action in {"delay", "reorder"}:
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.action == "duplicate":
            copies = 2
        for _ in range(copies):
            self._sender.send(self._delivery(event, url, secret, raw, label, bot))

    def _delivery(self, event: Event, url: str, secret: str, raw: bytes, label: str, bot: AgentBot | None) -> Delivery:
        def headers(body: bytes) -> dict[str, str]:
            if not secret:
                return {}
            timestamp = str(int(time.time()))  # receivers compare it with their own clock, not with the twin's
            return {"X-Chatwoot-Timestamp": timestamp, "X-Chatwoot-Signature": sign(secret, timestamp, body)}

        delivery = Delivery(
            url=url,
            body=raw,
            label=label,
            sign=headers,
            policy=self._policy(bot),
            on_end=lambda done: self._ended(event, done, bot),
        )
        delivery.headers = {"accept": "application/json", "X-Chatwoot-Delivery": delivery.id}
        return delivery

    def _policy(self, bot: AgentBot | None) -> RetryPolicy:
        settings = self._settings
        return RetryPolicy(
            attempts=3 if bot else settings.webhook_retries,
            first_delay=settings.retry_seconds,
            factor=1.0,
            timeout=settings.webhook_timeout,
            accepts=lambda status: 200 <= status < 300,
            retries=(lambda s: s in {429, 500}) if bot else (lambda s: s in {0, 429} or s >= 500),
        )

    def _ended(self, event: Event, delivery: Delivery, bot: AgentBot | None) -> None:
        if delivery.state == "delivered":
            return
        attempt = delivery.attempts[-1]
        reason = attempt.error or f"{attempt.status} from the webhook"
        if bot is not None and event.name in {"message_created", "message_updated"}:
            self._failures().bot_not_reached(event.conversation)
        elif delivery.label.startswith("inbox:") and event.message:
            self._failures().message_not_delivered(event.message, reason)


def message_event(name: str, message: Message) -> Event:
    return Event(name=name, conversation=message.conversation_id, message=message.id, inbox=message.inbox_id)


def conversation_event(name: str, conversation: Conversation, **extra: Any) -> Event:
    return Event(name=name, conversation=conversation.id, inbox=conversation.inbox_id, extra=extra)
