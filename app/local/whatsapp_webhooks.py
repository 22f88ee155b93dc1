"""The twin's webhooks: envelopes as Meta writes them, signed and repeated as 360Dialog does."""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import orjson

from app.local.twin_faults import Fault, FaultBook
from app.local.webhook_sender import Delivery, RetryPolicy, WebhookSender
from app.local.whatsapp_state import PendingUpdate, Store, WebhookTarget

Json = dict[str, Any]


class WhatsAppSettings(msgspec.Struct, kw_only=True):
    """May be changed while the twin runs (`PATCH /_twin/settings`). Seconds are real time.

    `window_errors`, `unknown_recipients`: whether 131047 and 131026 come as a `failed` status (as Meta does) or as
    the answer of the request. A `pair_burst` or `messages_per_second` of 0 lifts that limit. Edits and deletions are
    announced as such on `coexistence` numbers only, elsewhere as `unsupported`.
    """

    sent_seconds: float = 0.05
    delivered_seconds: float = 0.1
    read_seconds: float = 0.3
    retry_seconds: float = 1.0
    batch_max: int = 1
    batch_seconds: float = 0.05
    batch_shape: Literal["changes", "entries", "arrays"] = "changes"
    window_errors: Literal["status", "response"] = "status"
    unknown_recipients: Literal["status", "response"] = "status"
    pair_burst: int = 45
    pair_seconds: float = 6.0
    messages_per_second: int = 0
    coexistence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The business number whose updates are posted."""

    waba_id: str
    phone_number_id: str
    display_phone_number: str

    def metadata(self) -> Json:
        return {"display_phone_number": self.display_phone_number, "phone_number_id": self.phone_number_id}


@dataclass(slots=True, kw_only=True)
class Update:
    """One item of a webhook: `key` is messages, statuses or a rarer array; `contacts` accompany it."""

    key: str
    item: Json
    contacts: list[Json] = field(default_factory=list)
    name: str = "messages"

    @property
    def label(self) -> str:
        return f"{self.key}:{self.item.get('status') or self.item.get('type') or ''}"


def signature(body: bytes, secret: str) -> str:
    """Lower-case hex HMAC-SHA256 over the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def envelope(updates: list[Update], account: Account, shape: str) -> Json:
    """`changes`: one change per update; `entries`: one entry per update; `arrays`: neighbours of one kind share
    a change, their contacts listed once."""
    groups: list[list[Update]] = []
    for update in updates:
        if shape == "arrays" and groups and (groups[-1][0].key, groups[-1][0].name) == (update.key, update.name):
            groups[-1].append(update)
        else:
            groups.append([update])
    changes = [{"value": _value(group, account), "field": group[0].name} for group in groups]
    if shape == "entries":
        entries = [{"id": account.waba_id, "changes": [change]} for change in changes]
    else:
        entries = [{"id": account.waba_id, "changes": changes}]
    return {"object": "whatsapp_business_account", "entry": entries}


def _value(group: list[Update], account: Account) -> Json:
    value: Json = {"messaging_product": "whatsapp", "metadata": account.metadata()}
    contacts: list[Json] = []
    for update in group:
        contacts.extend(contact for contact in update.contacts if contact not in contacts)
    if contacts:
        value["contacts"] = contacts
    value[group[0].key] = [update.item for update in group]
    return value


class WebhookHub:
    """Collects updates into posts and hands them to the sender; ordered faults bend its ways."""

    def __init__(
        self,
        *,
        account: Account,
        store: Store,
        sender: WebhookSender,
        faults: FaultBook,
        settings: WhatsAppSettings,
        default: WebhookTarget,
        secret: str,
    ) -> None:
        self._account, self._store, self._sender, self._faults = account, store, sender, faults
        self._settings, self._default, self._secret = settings, default, secret
        self._batch: list[Update] = []
        self._held: list[list[Update]] = []
        self._delayed = 0
        self._flush: asyncio.TimerHandle | None = None

    def target(self) -> WebhookTarget:
        """The number's webhook wins over the account's."""
        state = self._store.state
        return next((t for t in (state.number_webhook, state.waba_webhook, self._default) if t.url), WebhookTarget())

    def emit(self, update: Update) -> None:
        if self._settings.batch_max <= 1:
            self._dispatch([update])
            return
        self._batch.append(update)
        if len(self._batch) >= self._settings.batch_max:
            self.flush()
        elif self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(self._settings.batch_seconds, self.flush)

    def flush(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        batch, self._batch = self._batch, []
        if batch:
            self._dispatch(batch)

    def _dispatch(self, updates: list[Update]) -> None:
        body = self._encode(updates)
        label = ",".join(update.label for update in updates)
        fault = self._faults.take(f"WEBHOOK {label}", body.decode())
        if fault is not None:
            self._bend(fault, updates, body, label)
            return
        self.post(body, label)
        held, self._held = self._held, []
        for late in held:
            self.post(self._encode(late), ",".join(update.label for update in late))

    def _bend(self, fault: Fault, updates: list[Update], body: bytes, label: str) -> None:
        loop = asyncio.get_running_loop()
        if fault.action == "duplicate":
            self.post(body, label)
            self.post(body, label)
        elif fault.action == "delay":
            self._delayed += 1
            loop.call_later(fault.seconds, self._post_delayed, body, label)
        elif fault.action == "reorder":
            self._held.append(updates)
            loop.call_later(fault.seconds, self._release, updates)

    def _post_delayed(self, body: bytes, label: str) -> None:
        self._delayed -= 1
        self.post(body, label)

    def _release(self, updates: list[Update]) -> None:
        if updates in self._held:
            self._held.remove(updates)
            self.post(self._encode(updates), ",".join(update.label for update in updates))

    def _encode(self, updates: list[Update]) -> bytes:
        return orjson.dumps(envelope(updates, self._account, self._settings.batch_shape))

    def post(self, body: bytes, label: str, *, headers: dict[str, str] | None = None) -> Delivery | None:
        """Posts a raw body, signed; None when no webhook is registered (360Dialog drops such updates)."""
        target = self.target()
        if not target.url:
            return None
        return self._sender.send(
            Delivery(
                url=target.url,
                body=body,
                label=label,
                headers=dict(target.headers if headers is None else headers),
                sign=self._sign,
                policy=self._policy(),
            )
        )

    def _sign(self, body: bytes) -> dict[str, str]:
        return {"X-360dialog-Signature": signature(body, self._secret)} if self._secret else {}

    def _policy(self) -> RetryPolicy:
        # Exactly 200 counts, anything else is repeated for 7 days.
        return RetryPolicy(
            attempts=200,
            first_delay=self._settings.retry_seconds,
            accepts=lambda status: status == 200,
            retries=lambda _: True,
        )

    def busy(self) -> bool:
        """An update waits for its batch, is held back, or was not answered yet."""
        return bool(self._batch or self._held or self._delayed or self._sender.pending())

    def remember(self) -> None:
        """Writes what was not yet accepted into the state, for the next start."""
        self._store.state.pending = [
            PendingUpdate(label=delivery.label, body=delivery.body.decode()) for delivery in self._sender.pending()
        ]

    def resume(self) -> None:
        pending, self._store.state.pending = self._store.state.pending, []
        for update in pending:
            self.post(update.body.encode(), update.label)
