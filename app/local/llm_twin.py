"""Anthropic and OpenAI on this machine: both wire protocols over one script, with faults, quirks and prompt caches.

`create_llm_twin(config)` is an ASGI app: Anthropic's clients take its URL, OpenAI's its URL with `/v1`.
Under `/_twin/`: `requests` (what was asked; DELETE resets the twin), `faults` (HTTP: twin_faults), `quirks` (answers
that go wrong), `clock`.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import orjson
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.local import llm_anthropic, llm_openai
from app.local.errors import LocalServerError
from app.local.llm_anthropic import Refused
from app.local.llm_cache import CommonPrefixCache, MarkedPrefixCache
from app.local.llm_embeddings import Embeddings
from app.local.llm_script import Answer, Asked, Json, Quirk, Script, plainest, spoilt
from app.local.twin_clock import TwinClock
from app.local.twin_control import answer, controlled, json_of, object_of
from app.local.twin_faults import Fault, FaultBook, FaultMiddleware, plain_error

_KEPT_REQUESTS = 1000
_DROPS = 8  # pieces of a body that trickles


def unheard(audio: bytes, filename: str) -> str:
    """The transcript of a twin that was given no ears."""
    return f"[{len(audio)} bytes of audio in {filename}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmTwinConfig:
    """Empty keys accept any. `script` answers models, `transcribe` gets bytes and file name."""

    anthropic_key: str = ""
    openai_key: str = ""
    script: Script = plainest
    transcribe: Callable[[bytes, str], str] = unheard
    embeddings: Callable[[], Embeddings] = Embeddings
    now: Callable[[], float] = time.time


@dataclass(slots=True)
class Seen:
    """One request as it arrived, without keys."""

    path: str
    vendor: str
    at: float
    body: Json = field(default_factory=dict)


class LlmTwin:
    """State and handlers. `script` may be exchanged while it runs."""

    def __init__(self, config: LlmTwinConfig) -> None:
        self.config = config
        self.script = config.script
        self.clock = TwinClock(config.now)
        self.faults = FaultBook()
        self.quirks: list[Quirk] = []
        self.requests: deque[Seen] = deque(maxlen=_KEPT_REQUESTS)
        self.embeddings = config.embeddings()
        self.reset()

    def reset(self) -> None:
        """As at the start: nothing asked, nothing wrong, caches empty. The script stays."""
        self.clock.offset = 0.0
        self.faults.clear()
        self.quirks.clear()
        self.requests.clear()
        self._marked = MarkedPrefixCache(self.clock.now)
        self._common = CommonPrefixCache()

    def asked(self, vendor: str = "", model: str = "") -> list[Seen]:
        """Requests for answers by models, oldest first."""
        return [
            seen
            for seen in self.requests
            if seen.path in {"/v1/messages", "/v1/responses"}
            and seen.vendor.startswith(vendor)
            and seen.body.get("model", "").startswith(model)
        ]

    async def messages(self, request: Request) -> Response:
        """POST /v1/messages."""
        raw, body = await self._body(request, "anthropic")
        asked = llm_anthropic.read_request(body, request.headers.get("anthropic-version", ""))
        said, quirk = await self._said(replace(asked, account=_key(request)), raw)
        truncate = quirk is not None and quirk.kind == "truncate"
        answered = llm_anthropic.message(asked, said, self._marked, truncate=truncate)
        return self._send(asked, answered, llm_anthropic.events(answered), quirk)

    async def responses(self, request: Request) -> Response:
        """POST /v1/responses."""
        raw, body = await self._body(request, "openai")
        asked = llm_openai.read_request(body)
        said, quirk = await self._said(replace(asked, account=_key(request)), raw)
        truncate = quirk is not None and quirk.kind == "truncate"
        answered = llm_openai.response(asked, said, self._common, truncate=truncate)
        return self._send(asked, answered, llm_openai.events(answered), quirk)

    async def _said(self, asked: Asked, raw: str) -> tuple[Answer, Quirk | None]:
        """The script's answer, spoilt by what was ordered or else by the script itself. Raises Refused."""
        said = self.script(asked)
        if said.status:
            raise Refused(said.status, "the script says so")
        quirk = self._quirk(asked.vendor, raw) or said.quirk
        if quirk is not None and quirk.kind == "stall":
            await asyncio.sleep(quirk.seconds)
        return spoilt(said, quirk), quirk

    async def embed(self, request: Request) -> Response:
        """POST /v1/embeddings."""
        _, body = await self._body(request, "openai")
        return answer(await self.embeddings.answer(body))

    async def transcriptions(self, request: Request) -> Response:
        """POST /v1/audio/transcriptions, multipart."""
        self._authorise(request, "openai")
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Refused(400, "file is required")
            audio, name = await file.read(), file.filename or ""
            fields = {key: value for key, value in form.items() if isinstance(value, str)}
        self.requests.append(Seen(path=request.url.path, vendor="openai", at=self.clock.now(), body=fields))
        text = self.config.transcribe(audio, name)
        if fields.get("response_format") == "text":
            return Response(text, media_type="text/plain")
        return answer({"text": text, "usage": {"type": "duration", "seconds": len(audio) / 2000}})

    async def models(self, request: Request) -> Response:
        """GET /v1/models: a probe that costs nothing."""
        self._authorise(request, "anthropic" if "anthropic-version" in request.headers else "openai")
        return answer({"object": "list", "data": [], "has_more": False})

    def _authorise(self, request: Request, vendor: str) -> None:
        given = _key(request)
        key = self.config.anthropic_key if vendor == "anthropic" else self.config.openai_key
        if not given or (key and given != key):
            raise Refused(401, "invalid API key" if vendor == "anthropic" else "Incorrect API key provided")

    async def _body(self, request: Request, vendor: str) -> tuple[str, Json]:
        self._authorise(request, vendor)
        raw = await request.body()
        try:
            body: Any = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise Refused(400, "the request body is not valid JSON") from None
        if not isinstance(body, dict):
            raise Refused(400, "the request body is not an object")
        self.requests.append(Seen(path=request.url.path, vendor=vendor, at=self.clock.now(), body=body))
        return raw.decode(), body

    def _quirk(self, vendor: str, raw: str) -> Quirk | None:
        return next((quirk for quirk in self.quirks if quirk.hits(vendor, raw)), None)

    def _send(self, asked: Asked, answered: Json, events: Iterator[tuple[str, Json]], quirk: Quirk | None) -> Response:
        seconds = quirk.seconds if quirk is not None and quirk.kind == "trickle" else 0.0
        if asked.body.get("stream"):
            lines = [_event(name, data) for name, data in events]
            if quirk is not None and quirk.kind == "cut":
                lines = lines[: len(lines) // 2]
            return StreamingResponse(_slowly(lines, seconds), media_type="text/event-stream")
        body = orjson.dumps(answered)
        if quirk is not None and quirk.kind == "cut":
            # The promised length never comes: the server breaks the connection.
            return StreamingResponse(
                _slowly([body[: len(body) // 2]], 0.0),
                headers={"content-length": str(len(body))},
                media_type="application/json",
            )
        if not seconds:
            return Response(body, media_type="application/json")
        step = max(1, len(body) // _DROPS)
        pieces = [body[start : start + step] for start in range(0, len(body), step)]
        return StreamingResponse(_slowly(pieces, seconds), media_type="application/json")


def _key(request: Request) -> str:
    # Anthropic's client sends a bearer token since 2.x; older ones and curl send x-api-key.
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return bearer or request.headers.get("x-api-key", "")


def _event(name: str, data: Json) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps({"type": name, **data}) + b"\n\n"


async def _slowly(pieces: list[bytes], seconds: float) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(seconds / len(pieces))


def _vendor_errors(handler: Callable[[Request], Any], error_body: Callable[[int, str], Json]) -> Any:
    """Answers what the vendor refuses in the vendor's words."""

    async def wrapped(request: Request) -> Response:
        try:
            response: Response = await handler(request)
        except Refused as refused:
            return answer(error_body(refused.status, str(refused)), refused.status)
        except LocalServerError as error:
            return answer(error_body(503, str(error)), 503)
        return response

    return wrapped


def _control(twin: LlmTwin) -> list[Route]:
    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            twin.reset()
        return answer(list(twin.requests))

    async def quirks(request: Request) -> Response:
        if request.method == "POST":
            order = await json_of(request)
            twin.quirks += msgspec.convert(order if isinstance(order, list) else [order], list[Quirk])
        elif request.method == "DELETE":
            twin.quirks.clear()
        return answer(twin.quirks)

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            return answer(twin.faults.order(await json_of(request)), 201)
        if request.method == "DELETE":
            return answer({"removed": twin.faults.clear(request.query_params.get("id", ""))})
        return answer(twin.faults.faults)

    async def clock(request: Request) -> Response:
        if request.method == "POST":
            twin.clock.advance(float((await object_of(request)).get("advance", 0)))
        return answer({"now": twin.clock.now()})

    table = [("requests", requests), ("quirks", quirks), ("faults", faults), ("clock", clock)]
    verbs = ["GET", "POST", "DELETE"]
    return [Route(f"/_twin/{name}", controlled(handler), methods=verbs) for name, handler in table]


def create_llm_twin(config: LlmTwinConfig | None = None) -> Starlette:
    """The twin is at `app.state.twin`, for those who share its process."""
    twin = LlmTwin(config or LlmTwinConfig())

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        twin.embeddings.close()

    vendor_routes = [
        ("/v1/messages", twin.messages, llm_anthropic.error_body),
        ("/v1/responses", twin.responses, llm_openai.error_body),
        ("/v1/embeddings", twin.embed, llm_openai.error_body),
        ("/v1/audio/transcriptions", twin.transcriptions, llm_openai.error_body),
    ]
    app = Starlette(
        routes=[
            *_control(twin),
            *(Route(path, _vendor_errors(handler, body), methods=["POST"]) for path, handler, body in vendor_routes),
            Route("/v1/models", _vendor_errors(twin.models, llm_openai.error_body)),
        ],
        middleware=[Middleware(FaultMiddleware, book=twin.faults, render=_fault_answer)],
        lifespan=lifespan,
    )
    app.state.twin = twin
    return app


def _fault_answer(fault: Fault) -> tuple[int, bytes, str]:
    """An ordered status as an error document that both vendors' clients can read."""
    if fault.body is not None:
        return plain_error(fault)
    message = "ordered by a test"
    both = (
        llm_openai.error_body(fault.status, message)["error"] | llm_anthropic.error_body(fault.status, message)["error"]
    )
    return fault.status, orjson.dumps({"type": "error", "error": both}), "application/json"
