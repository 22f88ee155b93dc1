"""360Dialog's routes: messages, media, webhook registration, templates."""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.local.twin_clock import TwinClock
from app.local.whatsapp_errors import GatewayError, GraphError, render_error
from app.local.whatsapp_network import Network
from app.local.whatsapp_rules import check_message, part, text_of
from app.local.whatsapp_state import UPLOADED_MEDIA_SECONDS, StoredMedia, Template, WebhookTarget
from app.local.whatsapp_webhooks import WebhookHub

Handler = Callable[[Request], Awaitable[Response]]

URL_SECONDS = 300
UPLOADS_PER_SECOND = 25  # 360Dialog: per number
MEGABYTE = 1024 * 1024
# Largest upload by type.
CAPS = {"image": 5 * MEGABYTE, "audio": 16 * MEGABYTE, "video": 16 * MEGABYTE, "application": 100 * MEGABYTE}
CAPS |= {"text": 100 * MEGABYTE, "sticker": 500 * 1024}
ACCEPTED = re.compile(
    r"audio/(aac|mp4|mpeg|amr|ogg)|image/(jpeg|png|webp)|video/(mp4|3gpp)|text/plain|application/"
    r"(pdf|msword|vnd\.ms-(excel|powerpoint)|vnd\.openxmlformats-officedocument\.[\w.-]+)"
)


class VendorApi:
    """Handlers of the vendor's routes. `api_key` is the one key of the one number."""

    def __init__(self, *, api_key: str, network: Network, hub: WebhookHub, clock: TwinClock) -> None:
        self.api_key, self.network, self.hub, self.clock = api_key, network, hub, clock
        self.store = network.store
        self._media_errors: list[float] = []
        self._uploads: list[float] = []

    def routes(self) -> list[Route]:
        table: list[tuple[str, Handler, list[str]]] = [
            ("/messages", self.messages, ["POST"]),
            ("/media", self.upload, ["POST"]),
            ("/v1/configs/webhook", self.number_webhook, ["GET", "POST"]),
            ("/waba_webhook", self.waba_webhook, ["GET", "POST"]),
            ("/v1/configs/templates", self.templates, ["GET", "POST"]),
            ("/v1/configs/templates/{name}", self.remove_template, ["DELETE"]),
            ("/whatsapp_business/attachments/", self.attachment, ["GET"]),
            ("/{media_id:int}", self.media, ["GET", "DELETE"]),
        ]
        return [Route(path, self._guarded(handler), methods=methods) for path, handler, methods in table]

    def _guarded(self, handler: Handler) -> Handler:
        async def wrapped(request: Request) -> Response:
            try:
                self._authorise(request.headers.get("D360-API-KEY", ""))
                return await handler(request)
            except GatewayError as error:
                return _answer(error.body(), error.status)
            except GraphError as error:
                status, body, media_type = render_error(error.code, error.details)
                return Response(body, status, media_type=media_type)

        return wrapped

    def _authorise(self, key: str) -> None:
        if not hmac.compare_digest(key.encode(), self.api_key.encode()):
            raise GatewayError(401, "Invalid api_key")

    async def messages(self, request: Request) -> Response:
        body = await _json(request)
        if body.get("status") is not None:
            return self._receipt(body)
        draft = check_message(body)
        message = self.network.accept(draft)
        candidate = self.store.state.candidates.get(message.candidate)
        contact = {"input": str(body.get("to") or body["recipient"])}
        if draft.by_user_id:
            contact["user_id"] = draft.to
        else:
            contact["wa_id"] = candidate.wa_id if candidate else draft.to
        entry = {"id": message.id, **({"message_status": "accepted"} if draft.template else {})}
        return _answer({"messaging_product": "whatsapp", "contacts": [contact], "messages": [entry]})

    def _receipt(self, body: dict[str, Any]) -> Response:
        if body.get("messaging_product") != "whatsapp":
            raise GraphError(100, "The parameter messaging_product is required.")
        if body["status"] != "read":
            raise GraphError(100, "Param status must be one of {READ}")
        message_id = text_of(body, "message_id", limit=512, path="")
        typing = "typing_indicator" in body
        if typing and part(body, "typing_indicator", path="").get("type") != "text":
            raise GraphError(100, "Param typing_indicator['type'] must be one of {TEXT}")
        self.network.mark_read(message_id, typing=typing)
        return _answer({"success": True})

    async def upload(self, request: Request) -> Response:
        now = self.clock.now()
        self._uploads = [at for at in self._uploads if at > now - 1]
        if len(self._uploads) >= UPLOADS_PER_SECOND:
            raise GatewayError(400, "You have exceeded the endpoint rate limit.")
        self._uploads.append(now)
        # Closing the form deletes the temporary file behind a large upload.
        async with request.form(max_part_size=101 * MEGABYTE) as form:
            file = form.get("file")
            if form.get("messaging_product") != "whatsapp":
                raise GraphError(100, "The parameter messaging_product is required.")
            if not isinstance(file, UploadFile):
                raise GraphError(100, "The parameter file is required.")
            mime_type = str(form.get("type") or file.content_type or "").split(";")[0].strip()
            content, name = await file.read(), file.filename or ""
        if not ACCEPTED.fullmatch(mime_type):
            raise GraphError(100, f"Param file must be a file with one of the supported types, got {mime_type!r}")
        cap = CAPS["sticker"] if mime_type == "image/webp" else CAPS[mime_type.split("/", maxsplit=1)[0]]
        if len(content) > cap:
            raise GraphError(131053, f"File size {len(content)} exceeds the limit of {cap} bytes for {mime_type}")
        expires_at = self.clock.now() + UPLOADED_MEDIA_SECONDS
        media = self.store.keep_media(content, mime_type=mime_type, filename=name, expires_at=expires_at)
        return _answer({"id": media.id})

    async def media(self, request: Request) -> Response:
        """Twenty error answers within an hour block this route for half an hour."""
        now = self.clock.now()
        self._media_errors = [at for at in self._media_errors if at > now - 3600]
        if len(self._media_errors) >= 20 and self._media_errors[-1] > now - 1800:
            raise GatewayError(403, "Endpoint blocked: too many failed media requests")
        media = self.store.state.media.get(str(request.path_params["media_id"]))
        if media is None or media.expires_at < now:
            self._media_errors.append(now)
            raise GraphError(100, "Unsupported get request. Object with this ID does not exist or has expired")
        if request.method == "DELETE":
            self.store.drop_media(media.id)
            return _answer({"success": True})
        described = {"mime_type": media.mime_type, "sha256": media.sha256, "file_size": media.size, "id": media.id}
        return _answer({"messaging_product": "whatsapp", "url": self._url(media), **described})

    def _url(self, media: StoredMedia) -> str:
        """Names Meta's host, as 360Dialog's answer does: the client swaps it."""
        expiry = int(self.clock.now()) + URL_SECONDS
        path = "https://lookaside.fbsbx.com/whatsapp_business/attachments/"
        return f"{path}?mid={media.id}&ext={expiry}&hash={self._hash(media.id, expiry)}"

    def _hash(self, media_id: str, expiry: int) -> str:
        digest = hmac.new(self.api_key.encode(), f"{media_id}.{expiry}".encode(), hashlib.sha256)
        return digest.hexdigest()[:32]

    async def attachment(self, request: Request) -> Response:
        query = request.query_params
        media = self.store.state.media.get(query.get("mid", ""))
        expiry = int(query["ext"]) if query.get("ext", "").isdigit() else 0
        valid = hmac.compare_digest(query.get("hash", "").encode(), self._hash(query.get("mid", ""), expiry).encode())
        if media is None or not valid or expiry < self.clock.now():
            return Response("Not Found", 404, media_type="text/plain")
        return Response(self.store.blobs[media.id], media_type=media.mime_type)

    async def number_webhook(self, request: Request) -> Response:
        return await self._webhook(request, self.store.state.number_webhook)

    async def waba_webhook(self, request: Request) -> Response:
        return await self._webhook(request, self.store.state.waba_webhook)

    async def _webhook(self, request: Request, slot: WebhookTarget) -> Response:
        if request.method == "POST":
            body = await _json(request)
            url, headers = body.get("url"), body.get("headers", {})
            if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
                raise GraphError(100, "Param headers must be an object of strings.")
            slot.url, slot.headers = _checked_url(url), headers
            self.store.dirty = True
        return _answer({"url": slot.url, "headers": slot.headers})

    async def templates(self, request: Request) -> Response:
        state = self.store.state
        if request.method == "POST":
            try:
                template = msgspec.convert(await _json(request), Template)
            except msgspec.ValidationError as error:
                raise GraphError(100, str(error)) from None
            same = [t for t in state.templates if (t.name, t.language) == (template.name, template.language)]
            if same:
                raise GraphError(100, f"Content in this language already exists: {template.name}")
            state.templates.append(template)
            self.store.dirty = True
            return _answer(msgspec.to_builtins(template), 201)
        listed = msgspec.to_builtins(state.templates)
        return _answer({"count": len(listed), "total": len(listed), "waba_templates": listed})

    async def remove_template(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.store.state.templates = [item for item in self.store.state.templates if item.name != name]
        self.store.dirty = True
        return _answer({"meta": {"success": True}})


def _answer(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise GraphError(100, "The request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise GraphError(100, "The request body must be a JSON object")
    return body


def _checked_url(url: object) -> str:
    """360Dialog refuses hosts with "_" and ports; on this machine ports are needed."""
    parts = urlsplit(url if isinstance(url, str) else "")
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host:
        raise GraphError(100, "Param url must be a http(s) URL.")
    if host not in {"127.0.0.1", "localhost", "::1"} and ("_" in host or parts.port is not None):
        raise GraphError(100, "Param url: the host must not contain '_' and must not name a port.")
    return str(url)
