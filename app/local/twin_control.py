"""Controls that both twins share under `/_twin`: faults, settings, clock, deliveries, waiting for quiet."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.local.twin_clock import Bell, TwinClock
from app.local.twin_faults import FaultBook
from app.local.webhook_sender import Delivery, WebhookSender

Handler = Callable[[Request], Awaitable[Response]]


class ControlError(Exception):
    """What was wrong with an order to the twin; `status` is the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def answer(value: Any, status: int = 200) -> Response:
    """JSON of builtins and msgspec structs."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def json_of(request: Request) -> Any:
    """The body; {} when there is none. Raises ControlError."""
    raw = await request.body()
    try:
        return orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as error:
        raise ControlError(f"the body is not JSON: {error}") from None


async def object_of(request: Request) -> dict[str, Any]:
    value = await json_of(request)
    if not isinstance(value, dict):
        raise ControlError("the body must be a JSON object")
    return value


def controlled(handler: Handler) -> Handler:
    """Turns what was wrong with an order into a JSON answer `{"error": …}`."""

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except ControlError as error:
            return answer({"error": str(error)}, error.status)
        except (msgspec.ValidationError, re.error) as error:
            return answer({"error": str(error)}, 400)

    return wrapped


async def news(request: Request, bell: Bell, key: str, seconds: float) -> None:
    """Returns when the key rings, the caller hangs up, or time is over: a long poll must not outlive its caller."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    waits = {asyncio.create_task(bell.wait(key, seconds)), asyncio.create_task(gone())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def number_of(request: Request, name: str, default: float) -> float:
    try:
        return float(request.query_params.get(name, default))
    except ValueError:
        raise ControlError(f"{name} must be a number") from None


class Controls:
    """`settings` is changed in place; `quiet` returns when nothing is under way in the twin."""

    def __init__(
        self,
        *,
        faults: FaultBook,
        clock: TwinClock,
        sender: WebhookSender,
        settings: msgspec.Struct,
        quiet: Callable[[], Awaitable[None]],
    ) -> None:
        self._faults, self._clock, self._sender, self._settings, self._quiet = faults, clock, sender, settings, quiet

    def routes(self) -> list[Route]:
        return [
            Route("/_twin/faults", controlled(self.faults), methods=["GET", "POST", "DELETE"]),
            Route("/_twin/settings", controlled(self.settings), methods=["GET", "PATCH"]),
            Route("/_twin/clock", controlled(self.clock), methods=["GET", "POST"]),
            Route("/_twin/deliveries", controlled(self.deliveries)),
            Route("/_twin/deliveries/replay", controlled(self.replay), methods=["POST"]),
            Route("/_twin/idle", controlled(self.idle)),
        ]

    async def faults(self, request: Request) -> Response:
        if request.method == "POST":
            return answer(self._faults.order(await json_of(request)), 201)
        if request.method == "DELETE":
            return answer({"removed": self._faults.clear(request.query_params.get("id", ""))})
        return answer(self._faults.faults)

    async def settings(self, request: Request) -> Response:
        if request.method == "PATCH":
            apply_settings(self._settings, await object_of(request))
        return answer(self._settings)

    async def clock(self, request: Request) -> Response:
        """`advance` moves the twin's time by seconds."""
        if request.method == "POST":
            advance = (await object_of(request)).get("advance", 0)
            if not isinstance(advance, int | float):
                raise ControlError("advance must be a number of seconds")
            self._clock.advance(float(advance))
        return answer({"now": self._clock.now(), "offset": self._clock.offset})

    async def deliveries(self, request: Request) -> Response:
        """The newest webhooks, oldest first; `state` and `label` (a regex) choose."""
        state, label = request.query_params.get("state", ""), request.query_params.get("label", "")
        chosen = [
            delivery_view(delivery)
            for delivery in self._sender.log
            if state in {"", delivery.state} and re.search(label, delivery.label)
        ]
        return answer({"count": len(chosen), "deliveries": chosen})

    async def replay(self, request: Request) -> Response:
        order = await object_of(request)
        found = next((item for item in self._sender.log if item.id == order.get("id")), None)
        if found is None:
            raise ControlError("no such delivery; GET /_twin/deliveries lists them", 404)
        for _ in range(int(order.get("times", 1))):
            self._sender.send(repeat(found))
        return answer({"sent": int(order.get("times", 1))})

    async def idle(self, request: Request) -> Response:
        """When nothing is under way any more, or 408 after `timeout` seconds."""
        try:
            async with asyncio.timeout(number_of(request, "timeout", 10.0)):
                await self._quiet()
        except TimeoutError:
            return answer({"idle": False}, 408)
        return answer({"idle": True})


def apply_settings(settings: msgspec.Struct, changes: dict[str, Any]) -> None:
    """Changes fields in place after checking them together. Raises ControlError, msgspec.ValidationError."""
    unknown = changes.keys() - set(settings.__struct_fields__)
    if unknown:
        raise ControlError(f"unknown settings {sorted(unknown)}; known: {list(settings.__struct_fields__)}")
    checked = msgspec.convert({**msgspec.to_builtins(settings), **changes}, type(settings))
    for field in changes:
        setattr(settings, field, getattr(checked, field))


def repeat(delivery: Delivery) -> Delivery:
    """The same bytes once more, as a vendor's redelivery."""
    return Delivery(
        url=delivery.url,
        body=delivery.body,
        label=delivery.label,
        sign=delivery.sign,
        policy=delivery.policy,
        headers=delivery.headers,
    )


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "label": delivery.label,
        "state": delivery.state,
        "url": delivery.url,
        "attempts": [
            {"at": a.at, "seconds": a.seconds, "status": a.status, "error": a.error} for a in delivery.attempts
        ],
        "body": delivery.body.decode("utf-8", "replace"),
    }
