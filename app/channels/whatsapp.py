"""Sending through 360Dialog: one outbox row is one call; what a refusal means is read from body and status."""

import re
from typing import Any

import httpx
import msgspec
import orjson

from app.channels.errors import Ambiguous, Halted, Rejected, Retry, SendError, WindowClosed
from app.recruiting.messages import Choice, Reply

# Meta's error codes by what to do (error-codes page; throttles come as HTTP 400).
TRANSIENT = frozenset({1, 2, 131000, 131016, 131057, 133004})
THROTTLED = frozenset({4, 80007, 130429})
PAIR_THROTTLED = 131056  # this recipient only: wait 4^n s
WINDOW = 131047
RECIPIENT = frozenset({131021, 131026, 131030})
ACCOUNT = frozenset({0, 3, 10, 190, 368, 130497, 131031, 131042, 131045, 133010}) | frozenset(range(200, 300))
# 360Dialog's own throttle is HTTP 400 with this text.
RATE_TEXT = re.compile(r"rate limit", re.IGNORECASE)
BUSY_SECONDS = 30.0
TEXT_LENGTH = 4096  # characters of a text message
HOLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# Files that may stand above a template's text.
HEADERS = frozenset({"image", "video", "document"})


class Recipient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a message goes: a phone number without `+` wins over a BSUID when both are known."""

    wa_id: str = ""
    bsuid: str = ""


class Template(msgspec.Struct, frozen=True):
    """A message template as 360Dialog lists it."""

    name: str
    language: str
    status: str = ""
    category: str = ""
    components: list[dict[str, Any]] = []

    @property
    def text(self) -> str:
        """Its body, holes as `{{1}}`."""
        return str(self._part("BODY").get("text") or "")

    @property
    def holes(self) -> list[tuple[str, str]]:
        """What has to be filled in as text, in order: `header` or `body`, with the hole's number or name."""
        parts = {"header": str(self._part("HEADER").get("text") or ""), "body": self.text}
        return [(part, hole) for part, text in parts.items() for hole in dict.fromkeys(HOLE.findall(text))]

    @property
    def is_text(self) -> bool:
        """Nothing but text has to be filled in: no file above, no end of a link or code below."""
        buttons = [each for each in self._part("BUTTONS").get("buttons") or [] if isinstance(each, dict)]
        if any(each.get("type") == "COPY_CODE" or HOLE.search(str(each.get("url") or "")) for each in buttons):
            return False
        return str(self._part("HEADER").get("format") or "TEXT").upper() == "TEXT"

    def filled(self, values: dict[str, str]) -> str:
        """Its body with `values` by hole, as the candidate reads it."""
        return HOLE.sub(lambda hole: values.get(hole[1], hole[0]), self.text)

    def _part(self, kind: str) -> dict[str, Any]:
        return next((part for part in self.components if str(part.get("type", "")).upper() == kind), {})


class _Templates(msgspec.Struct):
    waba_templates: list[Template] = []


class WhatsApp:
    """One client per process; `base_url` is 360Dialog's, or its twin's."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def send(self, recipient: Recipient, body: dict[str, Any], outbox_id: str) -> str:
        """Send one message; returns the wamid. `outbox_id` comes back in every status. Raises SendError."""
        envelope = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **_to(recipient),
            "biz_opaque_callback_data": outbox_id,
            **body,
        }
        answer = await self._post("/messages", envelope)
        messages = answer.get("messages")
        if not (isinstance(messages, list) and messages and isinstance(messages[0].get("id"), str)):
            raise Ambiguous("accepted without a message id")
        return str(messages[0]["id"])

    async def templates(self) -> list[Template]:
        """The number's approved templates. Raises SendError."""
        try:
            response = await self._http.get("/v1/configs/templates", params={"limit": 1000})
        except httpx.HTTPError:
            raise Retry("360Dialog cannot be reached", kind="network") from None
        if response.status_code != 200:
            raise refusal(response.status_code, response.content)
        try:
            listed = msgspec.json.decode(response.content, type=_Templates).waba_templates
        except msgspec.MsgspecError:
            raise Retry("360Dialog listed its templates in an unknown shape") from None
        return [template for template in listed if template.status.lower() == "approved"]

    async def show_typing(self, message_id: str) -> None:
        """Mark the message and all before it read, show typing (clears on reply or after 25 s). Raises SendError."""
        await self._post(
            "/messages",
            {
                "messaging_product": "whatsapp",
                "status": "read",
                "message_id": message_id,
                "typing_indicator": {"type": "text"},
            },
        )

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await self._http.post(
                path, content=orjson.dumps(body), headers={"content-type": "application/json"}
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise Retry("360Dialog cannot be reached", kind="network") from None
        except httpx.HTTPError:
            raise Ambiguous("360Dialog did not answer") from None
        if response.status_code == 200:
            try:
                answer = orjson.loads(response.content)
            except orjson.JSONDecodeError:
                raise Ambiguous("360Dialog answered 200 with a body that is not JSON") from None
            return answer if isinstance(answer, dict) else {}
        raise refusal(response.status_code, response.content)


def _to(recipient: Recipient) -> dict[str, str]:
    # Without `+` the business's own country code may be prefixed.
    return {"to": f"+{recipient.wa_id}"} if recipient.wa_id else {"recipient": recipient.bsuid}


def refusal(status: int, content: bytes) -> SendError:  # noqa: PLR0911 one return per class of the vendor's table
    """Classify a non-200 answer by its body first: throttles are HTTP 400, some account errors 403."""
    code, title = _error_of(content)
    if code in TRANSIENT:
        return Retry("transient", code=code)
    if code in THROTTLED or status == 429 or RATE_TEXT.search(title):
        return Retry("throttled", code=code, retry_after=BUSY_SECONDS if status != 429 else 5.0, kind="throttled")
    if code == PAIR_THROTTLED:
        return Retry("too many messages to this recipient", code=code, retry_after=6.0, kind="throttled")
    if code == WINDOW:
        return WindowClosed("service window closed", code=code)
    if status in (401, 403) or (code in ACCOUNT and code != 0):
        return Halted("account or key refused", code=code or status)
    if status >= 500:
        # A body that names an error proves that nothing was sent; a gateway's page proves nothing.
        return Retry("vendor error", code=code or status) if code or status == 503 else Ambiguous("gateway error")
    kind = "recipient" if code in RECIPIENT else "template" if 132000 <= code < 133000 else "content"
    return Rejected("refused", code=code or status, kind=kind)


def _error_of(content: bytes) -> tuple[int, str]:
    """(code, text used for classification only). Every shape seen: Meta's `error`, 360Dialog's `meta` and `errors`."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return 0, content[:200].decode("utf-8", "replace")
    if not isinstance(body, dict):
        return 0, ""
    error = body.get("error")
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        error = errors[0]
    if isinstance(error, str):
        return 0, error
    if not isinstance(error, dict):
        meta = body.get("meta")
        error = meta if isinstance(meta, dict) else body
    code = error.get("code")
    text = error.get("message") or error.get("developer_message") or error.get("title") or error.get("detail") or ""
    return (code if isinstance(code, int) else 0), str(text)


def parts_of(text: str, most: int = TEXT_LENGTH) -> list[str]:
    """A long text in messages that WhatsApp takes, cut between paragraphs, lines or words if there are any."""
    parts = []
    while len(text) > most:
        ends = (text.rfind(end, most // 2, most + 1) for end in ("\n\n", "\n", " "))
        cut = next((at for at in ends if at > 0), most)
        parts.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [part for part in [*parts, text] if part]


def text_body(text: str, reply_to: str = "") -> dict[str, Any]:
    """A plain text message (up to `TEXT_LENGTH` characters), optionally quoting a message."""
    body: dict[str, Any] = {"type": "text", "text": {"body": text, "preview_url": False}}
    return body | ({"context": {"message_id": reply_to}} if reply_to else {})


def template_body(params: dict[str, Any]) -> dict[str, Any]:
    """The wire form of Chatwoot's `template_params`: name, language, processed_params.

    Parameters are numbered or named strings, flat (`{"1": "Anna"}`) or by component (`{"body": {…}, "header": {…},
    "buttons": [{"type": "url", "parameter": …}]}`; a file in the header has `media_url` and `media_type`).
    Raises Rejected when the name is missing or the header's file is of no kind that WhatsApp takes there.
    """
    name = str(params.get("name") or "")
    if not name:
        raise Rejected("the template has no name", kind="template")
    given = params.get("processed_params") or {}
    parts = given if isinstance(given, dict) else {str(n): value for n, value in enumerate(given, 1)}
    if not any(isinstance(value, dict | list) for value in parts.values()):
        parts = {"body": parts}
    header, body, buttons = (parts.get(part) or {} for part in ("header", "body", "buttons"))
    components = [
        *([{"type": "header", "parameters": _header(header)}] if isinstance(header, dict) and header else []),
        *([{"type": "body", "parameters": _parameters(body)}] if isinstance(body, dict) and body else []),
        *_buttons(buttons),
    ]
    template: dict[str, Any] = {"name": name, "language": {"code": str(params.get("language") or "en")}}
    return {"type": "template", "template": template | ({"components": components} if components else {})}


def _header(header: dict[str, Any]) -> list[dict[str, Any]]:
    link = str(header.get("media_url") or "").strip()
    if not link:
        return _parameters({hole: value for hole, value in header.items() if not hole.startswith("media_")})
    kind = str(header.get("media_type") or "").lower()
    if kind not in HEADERS:
        raise Rejected("the template's header takes a picture, a film or a document", kind="template")
    named = {"filename": str(header["media_name"])} if kind == "document" and header.get("media_name") else {}
    return [{"type": kind, kind: {"link": link, **named}}]


def _parameters(values: dict[str, Any]) -> list[dict[str, Any]]:
    """WhatsApp refuses line ends, tabs and more than four spaces in a parameter."""
    return [
        {"type": "text", "text": " ".join(str(value).split()), **({} if hole.isdigit() else {"parameter_name": hole})}
        for hole, value in values.items()
    ]


def _buttons(buttons: object) -> list[dict[str, Any]]:
    """Only those with something to fill in; `index` is their place among all."""
    listed = enumerate(buttons if isinstance(buttons, list) else [])
    return [_button(index, each) for index, each in listed if isinstance(each, dict) and each.get("parameter")]


def _button(index: int, button: dict[str, Any]) -> dict[str, Any]:
    kind, value = str(button.get("type") or "url").lower(), str(button["parameter"]).strip()
    field = {"copy_code": "coupon_code", "quick_reply": "payload"}.get(kind, "text")
    return {"type": "button", "sub_type": kind, "index": index, "parameters": [{"type": field, field: value}]}


def reply_body(reply: Reply) -> dict[str, Any]:
    """The wire form of a Reply: text, reply buttons or a list."""
    if reply.buttons:
        action: dict[str, Any] = {
            "buttons": [{"type": "reply", "reply": {"id": c.id, "title": c.title}} for c in reply.buttons]
        }
        return {
            "type": "interactive",
            "interactive": {"type": "button", "body": {"text": reply.text}, "action": action},
        }
    if reply.rows:
        action = {"button": reply.list_button, "sections": [{"rows": [_row(choice) for choice in reply.rows]}]}
        return {"type": "interactive", "interactive": {"type": "list", "body": {"text": reply.text}, "action": action}}
    return text_body(reply.text)


def _row(choice: Choice) -> dict[str, str]:
    row = {"id": choice.id, "title": choice.title}
    return row | ({"description": choice.description} if choice.description else {})
