"""The candidate's side of the twin: phones, what they do and show (`/_twin/…`)."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.local.twin_control import ControlError, answer, controlled, json_of, news, number_of, object_of
from app.local.whatsapp_candidate import CandidatePhone, PhoneError, Say
from app.local.whatsapp_state import Candidate, PhoneMessage, Template, new_bsuid

Json = dict[str, Any]


class NewCandidate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`bsuid` "auto" makes one up. `phone_visible` defaults to: no username is set."""

    id: str = ""
    wa_id: str = ""
    bsuid: str = ""
    parent_bsuid: str = ""
    name: str = "Candidate"
    username: str = ""
    phone_visible: bool | None = None
    online: bool = True
    reads: bool = True
    marketing_opt_out: bool = False


class NewIdentity(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`announce`: as a system message (Meta today), as field `user_id_update`, both ways, or not at all."""

    wa_id: str = ""
    announce: Literal["system", "field", "both", "none"] = "system"


class RawWebhook(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Any body, posted as a webhook and signed; `text` instead of `body` when it shall not be JSON."""

    body: Any = None
    text: str | None = None
    headers: dict[str, str] | None = None
    times: int = 1


class PhoneControl:
    """Handlers of the candidate's routes; `{who}` is a candidate's id, phone number or BSUID."""

    def __init__(self, phone: CandidatePhone) -> None:
        self.phone, self.store, self.network = phone, phone.store, phone.network

    def routes(self) -> list[Route]:
        table = [
            ("/_twin/candidates", self.candidates, ["GET", "POST"]),
            ("/_twin/candidates/{who}", self.candidate, ["GET", "PATCH"]),
            ("/_twin/candidates/{who}/say", self.say, ["POST"]),
            ("/_twin/candidates/{who}/read", self.read, ["POST"]),
            ("/_twin/candidates/{who}/play", self.play, ["POST"]),
            ("/_twin/candidates/{who}/identity", self.identity, ["POST"]),
            ("/_twin/candidates/{who}/screen", self.screen, ["GET"]),
            ("/_twin/candidates/{who}/stream", self.stream, ["GET"]),
            ("/_twin/media/{media_id}", self.media, ["GET"]),
            ("/_twin/templates", self.templates, ["GET", "PUT"]),
            ("/_twin/webhook", self.webhook, ["POST"]),
        ]
        return [Route(path, controlled(handler), methods=methods) for path, handler, methods in table]

    def _who(self, request: Request) -> Candidate:
        who = request.path_params["who"]
        found = self.store.state.candidates.get(who) or self.store.by_alias(who.removeprefix("+"))
        if found is None:
            raise ControlError(f"no candidate {who!r}; POST /_twin/candidates makes one", 404)
        return found

    async def candidates(self, request: Request) -> Response:
        if request.method == "GET":
            return answer(list(self.store.state.candidates.values()))
        new = msgspec.convert(await json_of(request), NewCandidate)
        wa_id = re.sub(r"[\s()+.-]", "", new.wa_id)
        known = self.store.state.candidates.get(new.id) or next(
            filter(None, map(self.store.by_alias, filter(None, (wa_id, new.bsuid)))), None
        )
        if known is not None:
            return answer(known)
        bsuid = new_bsuid() if new.bsuid == "auto" else new.bsuid
        if not (wa_id or bsuid):
            raise ControlError("a candidate needs wa_id or bsuid")
        fields: Json = {**msgspec.to_builtins(new), "id": new.id or secrets.token_hex(4), "wa_id": wa_id}
        fields |= {"bsuid": bsuid}
        if new.phone_visible is None:
            fields["phone_visible"] = not new.username
        candidate = Candidate(**fields)
        self.store.state.candidates[candidate.id] = candidate
        self.store.index(candidate)
        self.store.touch(candidate.id)
        return answer(candidate, 201)

    async def candidate(self, request: Request) -> Response:
        candidate = self._who(request)
        if request.method == "PATCH":
            changes = await object_of(request)
            allowed = {"name", "username", "phone_visible", "online", "reads", "marketing_opt_out"}
            if changes.keys() - allowed:
                raise ControlError(f"only these can be changed: {sorted(allowed)}")
            msgspec.convert({**msgspec.to_builtins(candidate), **changes}, Candidate)
            was_online, opted_out = candidate.online, candidate.marketing_opt_out
            for key, value in changes.items():
                setattr(candidate, key, value)
            if candidate.online and not was_online:
                self.network.come_online(candidate)
            if candidate.marketing_opt_out != opted_out:
                self.phone.announce_preference(candidate)
            self.store.touch(candidate.id)
        return answer(candidate)

    async def say(self, request: Request) -> Response:
        candidate = self._who(request)
        say = msgspec.convert(await json_of(request), Say)
        try:
            message = self.phone.act(candidate, say)
        except PhoneError as error:
            raise ControlError(str(error)) from None
        return answer(self.message_view(message), 201)

    async def read(self, request: Request) -> Response:
        candidate = self._who(request)
        self.network.read_all(candidate)
        return answer(self.screen_view(candidate))

    async def play(self, request: Request) -> Response:
        candidate = self._who(request)
        message = self.store.state.messages.get(str((await object_of(request)).get("message_id")))
        if message is None or message.candidate != candidate.id or message.mine:
            raise ControlError("no such message of the business in this chat", 404)
        self.network.play(message)
        return answer(self.message_view(message))

    async def identity(self, request: Request) -> Response:
        candidate = self._who(request)
        new = msgspec.convert(await json_of(request), NewIdentity)
        self.phone.change_identity(candidate, wa_id=new.wa_id.lstrip("+"), announce=new.announce)
        return answer(candidate)

    async def screen(self, request: Request) -> Response:
        """With `after=<revision>&wait=<seconds>`: answers as soon as the screen is newer, at the latest then."""
        candidate = self._who(request)
        after, wait = number_of(request, "after", -1), number_of(request, "wait", 0)
        if candidate.revision <= after and wait > 0:
            await news(request, self.store.bell, candidate.id, min(wait, 60.0))
        return answer(self.screen_view(candidate))

    async def stream(self, request: Request) -> Response:
        """Server-sent events: the whole screen at each change, a comment every 15 s in between."""
        candidate = self._who(request)

        async def events() -> AsyncIterator[bytes]:
            while True:
                shown = candidate.revision
                yield b"event: screen\ndata: " + orjson.dumps(self.screen_view(candidate)) + b"\n\n"
                while candidate.revision == shown:
                    if not await self.store.bell.wait(candidate.id, 15.0):
                        yield b": still here\n\n"

        return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def media(self, request: Request) -> Response:
        media = self.store.state.media.get(request.path_params["media_id"])
        if media is None:
            raise ControlError("no such media", 404)
        return Response(self.store.blobs[media.id], media_type=media.mime_type)

    async def templates(self, request: Request) -> Response:
        if request.method == "PUT":
            self.store.state.templates = msgspec.convert(await json_of(request), list[Template])
            self.store.dirty = True
        return answer(self.store.state.templates)

    async def webhook(self, request: Request) -> Response:
        raw = msgspec.convert(await json_of(request), RawWebhook)
        body = raw.text.encode() if raw.text is not None else orjson.dumps(raw.body)
        sent = [self.phone.hub.post(body, "raw", headers=raw.headers) for _ in range(raw.times)]
        if None in sent:
            raise ControlError("no webhook is registered: POST /v1/configs/webhook first", 409)
        return answer({"ids": [delivery.id for delivery in sent if delivery]}, 202)

    def screen_view(self, candidate: Candidate) -> Json:
        """What the phone shows, oldest first: own messages, and those of the business that have arrived."""
        now = self.phone.clock.now()
        shown = [message for message in self.store.chat(candidate.id) if message.mine or message.shown_at]
        shown.sort(key=lambda message: message.at if message.mine else message.shown_at)
        return {
            "candidate": msgspec.to_builtins(candidate),
            "revision": candidate.revision,
            "now": now,
            "typing": candidate.typing_until > now,
            "typing_at": candidate.typing_at,
            "typing_until": candidate.typing_until,
            "window_open": candidate.window_until > now,
            "window_until": candidate.window_until,
            "messages": [self.message_view(message) for message in shown if message.type != "reaction"],
        }

    def message_view(self, message: PhoneMessage) -> Json:
        quoted = self.store.state.messages.get(message.reply_to)
        view: Json = {
            "id": message.id,
            "from": "candidate" if message.mine else "business",
            "type": message.type,
            "at": message.at if message.mine else message.shown_at,
            "text": message.text,
            "header": message.header,
            "footer": message.footer,
            "options": [
                {"number": number, **msgspec.to_builtins(option)} for number, option in enumerate(message.options, 1)
            ],
            "list_button": message.list_button,
            "status": message.status,
            "reactions": message.reactions,
            "edited": message.edited,
            "revoked": message.revoked,
            "tapped": message.tapped,
            "reply_to": message.reply_to,
            "quoted": quoted.text if quoted else "",
            "category": message.category,
        }
        if message.file is not None:
            link = f"/_twin/media/{message.file.media_id}" if message.file.media_id else message.file.link
            view["file"] = {**msgspec.to_builtins(message.file), "url": link}
        return view


async def network_quiet(control: PhoneControl) -> None:
    """Nothing on its way to a phone and no webhook unanswered."""
    # Polled: the work lies in four places, and only tests ask.
    while control.network.busy() or control.phone.hub.busy():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
