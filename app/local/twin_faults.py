"""Faults that a test orders from a twin: refusals, delays, connections that hang or break, lost webhooks."""

import asyncio
import re
import secrets
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Action = Literal[
    "respond",  # refuse with `status` and `body` (or the vendor's error `code`); nothing is done
    "delay",  # answer after `seconds`
    "hang",  # nothing is done and no answer comes
    "drop",  # nothing is done and the connection breaks
    "accept_then_hang",  # done, but no answer comes
    "accept_then_drop",  # done, but the connection breaks
    "accept_then_respond",  # done, but the answer is `status` and `body`
    "duplicate",  # webhooks only: sent twice
    "reorder",  # webhooks only: sent after the next one (or after `seconds`, when none follows)
]


class Fault(msgspec.Struct, kw_only=True):
    """Acts on calls whose "METHOD /path" matches the regex `on` (webhooks: "WEBHOOK <label>") and whose body
    contains `match`. Lets `skip` such calls pass, then acts on every `every`th, `times` times (null: for ever)."""

    on: str
    action: Action
    match: str = ""
    times: int | None = 1
    skip: int = 0
    every: int = 1
    status: int = 500
    code: int = 0
    body: Any = None
    headers: dict[str, str] = {}
    seconds: float = 1.0
    id: str = msgspec.field(default_factory=lambda: secrets.token_hex(4))
    seen: int = 0
    used: int = 0

    def hits(self, call: str, body: str) -> bool:
        """Counts the call; true if this fault acts on it."""
        spent = self.times is not None and self.used >= self.times
        if spent or not re.search(self.on, call) or self.match not in body:
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.seen - self.skip) % self.every:
            return False
        self.used += 1
        return True


class FaultBook:
    """The faults in force, oldest first; the first that hits a call acts."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def order(self, order: Any) -> list[Fault]:
        """One fault or a list of them, as JSON values. Raises msgspec.ValidationError, re.error."""
        orders = msgspec.convert(order if isinstance(order, list) else [order], list[Fault])
        for fault in orders:
            re.compile(fault.on)
            if fault.every < 1:
                raise msgspec.ValidationError("every must be 1 or more")
        self.faults.extend(orders)
        return orders

    def clear(self, fault_id: str = "") -> int:
        """Removes one fault, or all; returns how many."""
        kept = [fault for fault in self.faults if fault_id and fault.id != fault_id]
        removed = len(self.faults) - len(kept)
        self.faults = kept
        return removed

    def take(self, call: str, body: str) -> Fault | None:
        return next((fault for fault in self.faults if fault.hits(call, body)), None)


Render = Callable[[Fault], tuple[int, bytes, str]]
"""The vendor's way to write an error: status, body, content type."""


class FaultMiddleware:
    """Applies the book to every vendor route (not to `/_twin/…`)."""

    def __init__(self, app: ASGIApp, book: FaultBook, render: Render) -> None:
        self.app, self.book, self.render = app, book, render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_twin") or not self.book.faults:
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        fault = self.book.take(f"{scope['method']} {scope['path']}", body.decode("utf-8", "replace"))
        replay = _replay(body, receive)
        if fault is None:
            await self.app(scope, replay, send)
            return
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
            await self.app(scope, replay, send)
            return
        if fault.action.startswith("accept_then_"):
            await self.app(scope, replay, _swallow)
        await self._end(fault, receive, send)

    async def _end(self, fault: Fault, receive: Receive, send: Send) -> None:
        if fault.action.endswith("hang"):
            while (await receive())["type"] != "http.disconnect":
                pass
        elif fault.action.endswith("drop"):
            # ASGI has no "close": a promised body that never comes makes the server break the connection.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        else:
            status, content, content_type = self.render(fault)
            headers = {"content-type": content_type, **fault.headers}
            raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": status, "headers": raw})
            await send({"type": "http.response.body", "body": content})


def plain_error(fault: Fault) -> tuple[int, bytes, str]:
    """`body` as given: text stays text, anything else is JSON."""
    if isinstance(fault.body, str):
        return fault.status, fault.body.encode(), "text/plain"
    return fault.status, orjson.dumps(fault.body if fault.body is not None else {}), "application/json"


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again


async def _swallow(message: Message) -> None:
    """The vendor did the work; its answer is lost."""
