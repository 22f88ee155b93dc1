"""The outermost ASGI layer of ordinary requests: request id, access line, rate, errors and duration."""

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from random import getrandbits
from typing import Any, Final, TypeAlias

from app.draining import DRAINING
from app.telemetry.logs import begin_request, get_logger
from app.telemetry.metrics import HTTP_IN_FLIGHT, HTTP_REQUESTS, HTTP_SECONDS, status_class

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

UNMATCHED: Final = "unmatched"
# Letters must occur: a caller cannot make us log a phone number as an id.
_ACCEPTED: Final = re.compile(rb"(?=.*[A-Za-z])[A-Za-z0-9_\-]{8,64}\Z")
_PLATFORM: Final = re.compile(rb"[A-Za-z0-9_\-]{1,64}\Z")
# Railway drops lines beyond 500 a second and replica, errors among them; four processes share that.
_LINES_PER_SECOND: Final = 50

log = get_logger()


class RequestContext:
    """Pure ASGI middleware (about 10 µs; a BaseHTTPMiddleware costs 300).

    Gives each request an id (the caller's `X-Request-ID` if it is a plain token), binds it to the logs of everything
    the request starts, returns it, and records route template, status and duration; never a query string.
    A route outside the framework names itself in `scope["route_template"]`.
    While the process drains, answers ask the client to close the connection and go elsewhere.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._budget = _LineBudget(_LINES_PER_SECOND)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, platform_id = _ids(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id
        begin_request(request_id)
        header = (b"x-request-id", request_id.encode())
        status = 500
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
                if DRAINING.active:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        HTTP_IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            HTTP_IN_FLIGHT.dec()
            self._record(scope, status, time.perf_counter() - started, platform_id)

    def _record(self, scope: Scope, status: int, seconds: float, platform_id: str) -> None:
        route: str = scope.get("route_template") or str(getattr(scope.get("route"), "path", UNMATCHED))
        HTTP_REQUESTS(route, scope["method"], status_class(status)).inc()
        HTTP_SECONDS(route).observe(seconds)
        suppressed = self._budget.take(urgent=status >= 500)
        if suppressed < 0:
            return
        fields: dict[str, object] = {"route": route, "method": scope["method"], "status": status}
        fields["duration_ms"] = round(seconds * 1000, 2)
        if platform_id:
            fields["railway_request_id"] = platform_id
        if suppressed:
            fields["suppressed_count"] = suppressed
        (log.error if status >= 500 else log.info)("http.request", **fields)


class _LineBudget:
    """At most `limit` lines in any second of the clock, twice that for urgent ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._second = 0
        self._written = 0
        self._suppressed = 0

    def take(self, *, urgent: bool) -> int:
        """How many lines were suppressed since the last one; -1 when this one has to be, too."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= (self._limit * 2 if urgent else self._limit):
            self._suppressed += 1
            return -1
        self._written += 1
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed


def _ids(headers: list[tuple[bytes, bytes]]) -> tuple[str, str]:
    """The request's id and Railway's own, empty when there is none."""
    request_id = platform_id = ""
    for name, value in headers:
        if name == b"x-request-id" and _ACCEPTED.match(value):
            request_id = value.decode()
        elif name == b"x-railway-request-id" and _PLATFORM.match(value):
            platform_id = value.decode()
    # Unique is enough, secret it need not be; `random` is seeded anew in each forked worker.
    return request_id or f"{getrandbits(96):024x}", platform_id
