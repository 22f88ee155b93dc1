"""The doors of 360Dialog and Chatwoot: verify, parse every event, store once, answer 200.

Plain ASGI in front of FastAPI, because every candidate message, status and echo passes here (measured:
the framework costs more than the work). Nothing but one Redis write happens before the 200.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import msgspec
from redis.exceptions import RedisError
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import problem
from app.channels import chatwoot_inbound, whatsapp_inbound
from app.channels.chatwoot_inbound import Reading
from app.channels.signatures import SignatureRejected, verify_360dialog, verify_chatwoot
from app.channels.whatsapp_inbound import BodyRejected
from app.mailbox.intake import SHOWN, Intake, Item, Stored
from app.recruiting.events import AppSaid, CandidateSaid, Event, Quarantined, RecruiterTyping
from app.recruiting.messages import SILENT
from app.telemetry.metrics import WEBHOOK_EVENTS, WEBHOOK_REQUESTS, WEBHOOK_STORE_SECONDS

DIALOG360_PATH = "/webhooks/360dialog"
CHATWOOT_PATH = "/webhooks/chatwoot"
MAX_BODY = 3 * 1024 * 1024  # Meta: bodies up to 3 MB
BODY_SECONDS = 5.0  # 360Dialog gives up after 5 s
QUARANTINE = "quarantine"
_encoder = msgspec.json.Encoder()


def _encode(event: Event | RecruiterTyping) -> str:
    return _encoder.encode(event).decode()


@dataclass(frozen=True)
class Secrets:
    """Empty = unset = the door is closed."""

    dialog360: str
    chatwoot: str
    verify_token: str
    chatwoot_account_id: int


@dataclass(frozen=True)
class Answer:
    """What a door says; `outcome` is a label of webhook_requests_total."""

    status: int
    outcome: str
    kind: str = ""
    detail: str = ""
    body: bytes = b"ok"


@dataclass(frozen=True)
class Refused(Exception):
    """Raised inside a door; becomes its answer."""

    answer: Answer = field()


class WebhookDoor:
    """ASGI: serves the webhook paths, hands every other request to `app`."""

    def __init__(
        self, app: ASGIApp, intake: Intake, secrets: Secrets, reading: Callable[[], Reading] = Reading
    ) -> None:
        self._app = app
        self._reading = reading
        self._intake = intake
        self._secrets = secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in (DIALOG360_PATH, CHATWOOT_PATH):
            await self._app(scope, receive, send)
            return
        whatsapp = scope["path"] == DIALOG360_PATH
        scope["route_template"] = scope["path"]
        try:
            if scope["method"] == "POST":
                body = await _read(scope, receive)
                answer = await (self._dialog360(scope, body) if whatsapp else self._chatwoot(scope, body))
            elif whatsapp and scope["method"] == "GET":
                answer = self._challenge(scope)
            else:
                allowed = "GET or POST" if whatsapp else "POST"
                answer = Answer(405, "rejected_body", "method-not-allowed", f"use {allowed}")
        except Refused as refused:
            answer = refused.answer
        WEBHOOK_REQUESTS("whatsapp" if whatsapp else "chatwoot", answer.outcome).inc()
        await _answer(scope, send, answer)

    def _challenge(self, scope: Scope) -> Answer:
        """Meta's subscription handshake: echo `hub.challenge` when the token is ours."""
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        given = query.get("hub.verify_token", "").encode()
        token = self._secrets.verify_token
        if query.get("hub.mode") == "subscribe" and token and hmac.compare_digest(given, token.encode()):
            return Answer(200, "verified", body=query.get("hub.challenge", "").encode())
        return Answer(403, "rejected_signature", "challenge-refused", "hub.mode or hub.verify_token is not right")

    async def _dialog360(self, scope: Scope, body: bytes) -> Answer:
        if not self._secrets.dialog360:
            return Answer(503, "unavailable", "door-closed", "DIALOG360_WEBHOOK_SECRET is not set")
        try:
            verify_360dialog(dict(scope["headers"]), body, self._secrets.dialog360)
            inbound = whatsapp_inbound.parse(body)
        except SignatureRejected as error:
            return Answer(401, "rejected_signature", "signature-rejected", str(error))
        except BodyRejected as error:
            return Answer(400, "rejected_body", "body-rejected", str(error))
        items: list[Item] = [
            (
                address,
                key,
                _encode(event),
                isinstance(event, AppSaid) and event.message.kind not in SILENT,
                SHOWN if isinstance(event, CandidateSaid) else "",
            )
            for address, key, event in inbound.events
        ]
        now = time.time()
        for item in inbound.malformed:
            event = Quarantined(source="360dialog", reason=item.reason, body=item.raw, at=now)
            items.append((QUARANTINE, f"{now}:{len(items)}", _encode(event), False))
        stored = await self._store(items)
        _note("whatsapp", stored, ignored=inbound.ignored, malformed=len(inbound.malformed))
        return Answer(200, "accepted")

    async def _chatwoot(self, scope: Scope, body: bytes) -> Answer:
        if not self._secrets.chatwoot:
            return Answer(503, "unavailable", "door-closed", "CHATWOOT_WEBHOOK_SECRET is not set")
        try:
            verify_chatwoot(dict(scope["headers"]), body, self._secrets.chatwoot, time.time())
            events = chatwoot_inbound.parse(body, self._secrets.chatwoot_account_id, self._reading())
        except SignatureRejected as error:
            return Answer(401, "rejected_signature", "signature-rejected", str(error))
        except BodyRejected as error:
            return Answer(400, "rejected_body", "body-rejected", str(error))
        items: list[Item] = [
            (address, key, _encode(event), chatwoot_inbound.takes_over(event), chatwoot_inbound.desk_note(event))
            for address, key, event in events
        ]
        stored = await self._store(items)
        _note("chatwoot", stored, ignored=0 if items else 1, malformed=0)
        return Answer(200, "accepted")

    async def _store(self, items: list[Item]) -> Stored:
        if not items:
            return Stored(0, 0)
        began = time.perf_counter()
        try:
            stored = await self._intake.store(items)
        except (RedisError, OSError, TimeoutError):
            # Not 200: the vendor keeps the message and delivers it again.
            detail = "the message could not be stored; deliver it again"
            raise Refused(Answer(503, "unavailable", "store-unavailable", detail)) from None
        WEBHOOK_STORE_SECONDS.observe(time.perf_counter() - began)
        return stored


def _note(channel: str, stored: Stored, *, ignored: int, malformed: int) -> None:
    if stored.fresh > malformed:
        WEBHOOK_EVENTS(channel, "stored").inc(stored.fresh - malformed)
    if stored.repeated:
        WEBHOOK_EVENTS(channel, "duplicate").inc(stored.repeated)
    if ignored:
        WEBHOOK_EVENTS(channel, "ignored").inc(ignored)
    if malformed:
        WEBHOOK_EVENTS(channel, "quarantined").inc(malformed)


_TOO_LARGE = Answer(413, "too_large", "body-too-large", f"bodies may have up to {MAX_BODY} bytes")


async def _read(scope: Scope, receive: Receive) -> bytes:
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value) > MAX_BODY):
            raise Refused(_TOO_LARGE)
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(Answer(400, "rejected_body", "body-incomplete", "the body ended early"))
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > MAX_BODY:
                    raise Refused(_TOO_LARGE)
                if not message.get("more_body"):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError:
        raise Refused(
            Answer(408, "rejected_body", "body-too-slow", f"send the body within {BODY_SECONDS:g} s")
        ) from None


async def _answer(scope: Scope, send: Send, answer: Answer) -> None:
    if answer.status >= 400:
        body = problem(answer.status, answer.kind, answer.detail, scope.get("state", {}).get("request_id", ""))
        kind = b"application/problem+json"
    else:
        body, kind = answer.body, b"text/plain; charset=utf-8"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
