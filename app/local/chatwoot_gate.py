"""How a request enters the Chatwoot twin: token, rights, limits, parameters as Rails reads them."""

import re
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.local.chatwoot_events import ChatwootSettings
from app.local.chatwoot_messages import Refused, Upload
from app.local.chatwoot_payloads import Payloads
from app.local.chatwoot_state import Actor, AgentBot, Store, User
from app.local.twin_clock import TwinClock

Json = dict[str, Any]
NOT_FOUND = {"error": "Resource could not be found"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: path and query parameters, body and form in one mapping, like Rails' `params`."""

    actor: Actor
    params: Json
    uploads: list[Upload]

    def number(self, name: str, default: int = 0) -> int:
        """As Ruby's to_i: anything that is no number is the default."""
        value = str(self.params.get(name, "")).strip()
        return int(value) if re.fullmatch(r"-?\d+", value) else default

    def flag(self, name: str) -> bool:
        return self.params.get(name) in {True, "true", "1", "t"}  # True equals 1

    def text(self, name: str) -> str:
        value = self.params.get(name)
        return "" if value is None else str(value)

    def mapping(self, name: str) -> Json | None:
        """An object, or a JSON string of one (multipart)."""
        value = self.params.get(name)
        if isinstance(value, str) and value:
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                raise Refused(422, {"error": f"{name} is not valid JSON"}) from None
        return value if isinstance(value, dict) else None

    def within(self, key: str) -> Json:
        """The fields under `key`, or all of them: Rails wraps JSON bodies by the resource's name."""
        value = self.params.get(key)
        return value if isinstance(value, dict) else self.params


Handle = Callable[[Call], Response]


def answer(value: Any = None, status: int = 200) -> Response:
    """JSON; without a value an empty body (`head :ok`)."""
    if value is None:
        return Response(status_code=status)
    return Response(orjson.dumps(value), status, media_type="application/json")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`bots`: agent bot tokens may call it. `admin`: only administrators."""

    method: str
    path: str
    handle: Handle
    bots: bool = False
    admin: bool = False


class Gate:
    """Makes Starlette routes of endpoints under `/api/v1/accounts/<id>`."""

    def __init__(
        self, *, store: Store, payloads: Payloads, settings: ChatwootSettings, clock: TwinClock, account_id: int
    ) -> None:
        self.store, self.payloads, self.settings = store, payloads, settings
        self.clock, self.account_id = clock, account_id
        self._hits: dict[str, deque[float]] = defaultdict(deque)

    def routes(self, endpoints: list[Endpoint]) -> list[Route]:
        prefix = "/api/v1/accounts/{account_id:int}"
        return [
            Route(prefix + endpoint.path, self._enter(endpoint), methods=[endpoint.method]) for endpoint in endpoints
        ]

    def profile_route(self, handle: Handle) -> Route:
        return Route("/api/v1/profile", self._enter(Endpoint("GET", "/profile", handle)), methods=["GET"])

    def _enter(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def enter(request: Request) -> Response:
            self.payloads.base_url = str(request.base_url).rstrip("/")
            try:
                self._limit(request)
                actor = self._actor(request, endpoint)
                params, uploads = await read_params(request)
                return endpoint.handle(Call(actor=actor, params=params, uploads=uploads))
            except Refused as refusal:
                if isinstance(refusal.body, str):
                    return Response(refusal.body, refusal.status, media_type="text/plain")
                return answer(refusal.body, refusal.status)

        return enter

    def _limit(self, request: Request) -> None:
        """Rack::Attack answers in plain text and without Retry-After."""
        limits = [("ip", self.settings.requests_per_minute)]
        if request.url.path.endswith("/contacts/search"):
            limits.append(("search", self.settings.searches_per_minute))
        now = self.clock.now()
        for name, limit in limits:
            hits = self._hits[name]
            while hits and hits[0] <= now - 60:
                hits.popleft()
            if limit and len(hits) >= limit:
                raise Refused(429, "Retry later\n")
            hits.append(now)

    def _actor(self, request: Request, endpoint: Endpoint) -> Actor:
        # Both spellings arrive as HTTP_API_ACCESS_TOKEN; nginx drops the underscored one by default.
        token = request.headers.get("api_access_token") or request.headers.get("api-access-token")
        if not token:
            raise Refused(401, {"errors": ["You need to sign in or sign up before continuing."]})
        actor = self.store.actor(token)
        if actor is None:
            raise Refused(401, {"error": "Invalid Access Token"})
        if isinstance(actor, AgentBot) and not endpoint.bots:
            raise Refused(401, {"error": "Access to this endpoint is not authorized for bots"})
        if endpoint.admin and not (isinstance(actor, User) and actor.role == "administrator"):
            raise Refused(401, {"error": "You are not authorized to do this action"})
        if request.path_params.get("account_id", self.account_id) != self.account_id:
            raise Refused(404, NOT_FOUND)
        return actor


async def read_params(request: Request) -> tuple[Json, list[Upload]]:
    """Query, then body; path parameters win."""
    params: Json = dict(request.query_params)
    uploads: list[Upload] = []
    content_type = request.headers.get("content-type", "")
    if content_type.startswith(("multipart/", "application/x-www-form-urlencoded")):
        async with request.form() as form:
            for key, value in form.multi_items():
                if isinstance(value, UploadFile):
                    kind = value.content_type or ""
                    uploads.append(
                        Upload(filename=value.filename or "file", content_type=kind, content=await value.read())
                    )
                elif nested := re.fullmatch(r"(\w+)\[(\w+)\]", key):
                    params.setdefault(nested[1], {})[nested[2]] = value
                else:
                    params[key] = value
    else:
        raw = await request.body()
        try:
            body = orjson.loads(raw) if raw else {}
        except orjson.JSONDecodeError:
            raise Refused(400, {"status": 400, "error": "Bad Request"}) from None
        if isinstance(body, dict):
            params |= body
    return {**params, **request.path_params}, uploads
