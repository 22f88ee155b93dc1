"""What the Cloud API checks in `POST /messages`, type by type. Pure: a body goes in, a draft or a GraphError comes out.

Limits are those of Meta's messages reference; every length counts characters.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from app.local.whatsapp_errors import GraphError
from app.local.whatsapp_state import Attached, Option

Json = dict[str, Any]

_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_PHONE = re.compile(r"[0-9]{5,20}")
TYPES = ("audio", "contacts", "document", "image", "interactive", "location", "reaction", "sticker", "template")


class Draft(msgspec.Struct, kw_only=True):
    """A message that passed the checks, as a phone would show it. `target` = the message a reaction is about."""

    type: str
    to: str
    by_user_id: bool = False
    reply_to: str = ""
    opaque: str = ""
    text: str = ""
    header: str = ""
    footer: str = ""
    options: list[Option] = []
    list_button: str = ""
    file: Attached | None = None
    target: str = ""
    template: Json | None = None


def part(holder: Json, key: str, *, path: str) -> Json:
    """An object that must be there."""
    value = holder.get(key)
    if value is None:
        raise GraphError(131008, f"Required parameter {path}{key} is missing")
    if not isinstance(value, dict):
        raise GraphError(100, f"Param {path}{key} must be a JSON object.")
    return value


def text_of(holder: Json, key: str, *, limit: int, path: str, required: bool = True, code: int = 131009) -> str:
    """A string of 1 to `limit` characters ("" when absent and not required)."""
    value = holder.get(key)
    if value is None and not required:
        return ""
    if value is None or value == "":
        raise GraphError(131008, f"Required parameter {path}['{key}'] is missing")
    if not isinstance(value, str):
        raise GraphError(100, f"Param {path}['{key}'] must be a string.")
    if len(value) > limit:
        raise GraphError(code, f"Param {path}['{key}'] must be at most {limit} characters long.")
    return value


def recipient(body: Json) -> tuple[str, bool]:
    """Digits of `to`, or the BSUID of `recipient` with True; `to` wins when both are given."""
    to = body.get("to")
    if to:
        digits = re.sub(r"[\s()+.-]", "", str(to))
        if not _PHONE.fullmatch(digits):
            raise GraphError(131009, "Parameter value is not valid: to must be a phone number")
        return digits, False
    user = body.get("recipient")
    if not user:
        raise GraphError(100, "The parameter to is required.")
    if not isinstance(user, str) or not _BSUID.fullmatch(user):
        raise GraphError(131009, "Parameter value is not valid: recipient must be a business-scoped user id")
    return user, True


def check_message(body: Json) -> Draft:
    """Checks envelope and content. Media ids, templates and windows need state and are checked by the twin."""
    if body.get("messaging_product") != "whatsapp":
        raise GraphError(100, "The parameter messaging_product is required.")
    if body.get("recipient_type", "individual") != "individual":
        raise GraphError(100, "Param recipient_type must be one of {INDIVIDUAL}")
    to, by_user_id = recipient(body)
    kind = str(body.get("type", "text"))
    if kind not in _CHECKS:
        allowed = ", ".join(sorted({*TYPES, "text", "video"})).upper()
        raise GraphError(100, f"Param type must be one of {{{allowed}}} - got {str(kind)[:40]!r}.")
    draft = Draft(type=kind, to=to, by_user_id=by_user_id)
    draft.opaque = text_of(body, "biz_opaque_callback_data", limit=512, path="", required=False, code=100)
    if "context" in body:
        if kind == "reaction":
            raise GraphError(131009, "A reaction cannot be sent as a contextual reply")
        draft.reply_to = text_of(part(body, "context", path=""), "message_id", limit=512, path="context")
    if kind == "contacts":
        _contacts(draft, body)
    else:
        _CHECKS[kind](draft, part(body, kind, path=""))
    return draft


def _text(draft: Draft, content: Json) -> None:
    draft.text = text_of(content, "body", limit=4096, path="text", code=100)
    if not isinstance(content.get("preview_url", False), bool):
        raise GraphError(100, "Param text['preview_url'] must be a boolean.")


def _media(draft: Draft, content: Json) -> None:
    kind = draft.type
    media_id, link = content.get("id"), content.get("link")
    if bool(media_id) == bool(link):
        raise GraphError(131008, f"Required parameter {kind}: exactly one of id and link")
    if link and not re.match(r"https?://", str(link)):
        raise GraphError(131009, f"Param {kind}['link'] is not a valid URI.")
    draft.file = Attached(media_id=str(media_id or ""), link=str(link or ""))
    if kind in {"image", "video", "document"}:
        draft.text = text_of(content, "caption", limit=1024, path=kind, required=False, code=100)
    elif "caption" in content:
        raise GraphError(100, f"Unexpected key 'caption' on param '{kind}'.")
    if kind == "document":
        draft.file.filename = text_of(content, "filename", limit=240, path=kind, required=False)
    elif "filename" in content:
        raise GraphError(100, f"Unexpected key 'filename' on param '{kind}'.")


def _location(draft: Draft, content: Json) -> None:
    for key, limit in (("latitude", 90), ("longitude", 180)):
        try:
            degrees = float(content[key])
        except KeyError:
            raise GraphError(131008, f"Required parameter location['{key}'] is missing") from None
        except (TypeError, ValueError):
            raise GraphError(131009, f"Param location['{key}'] must be a number.") from None
        if not -limit <= degrees <= limit:
            raise GraphError(131009, f"Param location['{key}'] must be between -{limit} and {limit}.")
    parts = [str(content.get(key) or "") for key in ("name", "address")]
    draft.text = ", ".join([*filter(None, parts), f"{content['latitude']},{content['longitude']}"])


def _contacts(draft: Draft, body: Json) -> None:
    cards = body.get("contacts")
    if not isinstance(cards, list) or not cards:
        raise GraphError(131008, "Required parameter contacts is missing")
    names = []
    for card in cards:
        name = part(card if isinstance(card, dict) else {}, "name", path="contacts.")
        names.append(text_of(name, "formatted_name", limit=1024, path="contacts.name"))
        if not any(name.get(key) for key in ("first_name", "last_name", "middle_name", "suffix", "prefix")):
            raise GraphError(131009, "contacts.name needs formatted_name and at least one other part of the name")
    draft.text = ", ".join(names)


def _reaction(draft: Draft, content: Json) -> None:
    draft.target = text_of(content, "message_id", limit=512, path="reaction")
    emoji = content.get("emoji")
    if not isinstance(emoji, str):
        raise GraphError(131008, "Required parameter reaction['emoji'] is missing")
    if len(emoji) > 16 or re.search(r"\w", emoji):
        raise GraphError(131009, "Param reaction['emoji'] must be one emoji or an empty string")
    draft.text = emoji


def _template(draft: Draft, content: Json) -> None:
    text_of(content, "name", limit=512, path="template")
    text_of(part(content, "language", path="template."), "code", limit=16, path="template.language")
    components = content.get("components", [])
    if not isinstance(components, list) or not all(isinstance(item, dict) for item in components):
        raise GraphError(100, "Param template['components'] must be an array of objects.")
    draft.template = content


def _interactive(draft: Draft, content: Json) -> None:
    kind = str(content.get("type"))
    if kind not in _INTERACTIVE:
        raise GraphError(131009, f"Param interactive['type'] must be one of {{{', '.join(_INTERACTIVE)}}}")
    body_limit, check = _INTERACTIVE[kind]
    draft.text = text_of(part(content, "body", path="interactive."), "text", limit=body_limit, path="interactive.body")
    if "footer" in content:
        footer = part(content, "footer", path="interactive.")
        draft.footer = text_of(footer, "text", limit=60, path="interactive.footer")
    if "header" in content:
        _header(draft, part(content, "header", path="interactive."), kind)
    check(draft, part(content, "action", path="interactive."))


def _header(draft: Draft, header: Json, kind: str) -> None:
    shape = str(header.get("type"))
    if shape == "text":
        draft.header = text_of(header, "text", limit=60, path="interactive.header")
    elif shape in {"image", "video", "document"} and kind != "list":
        holder = Draft(type=str(shape), to=draft.to)
        _media(holder, part(header, str(shape), path="interactive.header."))
        draft.file = holder.file
    else:
        raise GraphError(131009, f"Param interactive.header['type'] is not valid for interactive type {kind}")


def _buttons(draft: Draft, action: Json) -> None:
    buttons = action.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise GraphError(131009, "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
    for button in buttons:
        if not isinstance(button, dict) or button.get("type") != "reply":
            raise GraphError(131009, "Param interactive.action.buttons[].type must be 'reply'")
        reply = part(button, "reply", path="interactive.action.buttons[].")
        option_id = text_of(reply, "id", limit=256, path="interactive.action.buttons[].reply")
        if option_id != option_id.strip():
            raise GraphError(131009, "Button id must not begin or end with a space")
        title = text_of(reply, "title", limit=20, path="interactive.action.buttons[].reply")
        draft.options.append(Option(id=option_id, title=title))
    _unique(draft.options, "button", titles=True)


def _unique(options: list[Option], what: str, *, titles: bool) -> None:
    if len({option.id for option in options}) < len(options):
        raise GraphError(131009, f"Duplicated {what} id: ids must be unique within a message")
    if titles and len({option.title for option in options}) < len(options):
        raise GraphError(131009, f"Duplicated {what} title: titles must be unique within a message")


def _list(draft: Draft, action: Json) -> None:
    draft.list_button = text_of(action, "button", limit=20, path="interactive.action")
    sections = action.get("sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= 10:
        raise GraphError(131009, "Invalid sections count. Min allowed sections: 1, Max allowed sections: 10")
    for section in sections:
        holder = section if isinstance(section, dict) else {}
        path = "interactive.action.sections[]"
        title = text_of(holder, "title", limit=24, path=path, required=len(sections) > 1)
        rows = holder.get("rows")
        if not isinstance(rows, list) or not rows:
            raise GraphError(131008, f"Required parameter {path}.rows is missing")
        for row in rows:
            cells = row if isinstance(row, dict) else {}
            draft.options.append(
                Option(
                    id=text_of(cells, "id", limit=200, path=f"{path}.rows[]"),
                    title=text_of(cells, "title", limit=24, path=f"{path}.rows[]"),
                    description=text_of(cells, "description", limit=72, path=f"{path}.rows[]", required=False),
                    section=title,
                    kind="row",
                )
            )
    if len(draft.options) > 10:
        raise GraphError(131009, "Total row count exceed max allowed count: 10")
    _unique(draft.options, "row", titles=False)


def _cta_url(draft: Draft, action: Json) -> None:
    if action.get("name") != "cta_url":
        raise GraphError(131009, "Param interactive.action['name'] must be 'cta_url'")
    parameters = part(action, "parameters", path="interactive.action.")
    label = text_of(parameters, "display_text", limit=20, path="interactive.action.parameters")
    url = text_of(parameters, "url", limit=2000, path="interactive.action.parameters")
    if not re.match(r"https?://", url):
        raise GraphError(131009, "Param interactive.action.parameters['url'] is not a valid URI.")
    draft.options.append(Option(id="", title=label, kind="url", url=url))


def _asks(name: str, kind: str, title: str) -> Callable[[Draft, Json], None]:
    """Interactive messages with one fixed button, e.g. "Send location"."""

    def check(draft: Draft, action: Json) -> None:
        if action.get("name") != name:
            raise GraphError(131009, f"Param interactive.action['name'] must be '{name}'")
        draft.options.append(Option(id="", title=title, kind=kind))

    return check


def _flow(draft: Draft, action: Json) -> None:
    if action.get("name") != "flow":
        raise GraphError(131009, "Param interactive.action['name'] must be 'flow'")
    parameters = part(action, "parameters", path="interactive.action.")
    text_of(parameters, "flow_message_version", limit=8, path="interactive.action.parameters")
    if not (parameters.get("flow_id") or parameters.get("flow_name")):
        raise GraphError(131008, "Required parameter flow_id or flow_name is missing")
    label = text_of(parameters, "flow_cta", limit=20, path="interactive.action.parameters")
    draft.options.append(Option(id=str(parameters.get("flow_token", "")), title=label, kind="flow"))


_CHECKS: dict[str, Callable[[Draft, Json], None]] = {
    "text": _text,
    "image": _media,
    "audio": _media,
    "video": _media,
    "document": _media,
    "sticker": _media,
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "template": _template,
    "interactive": _interactive,
}
_INTERACTIVE: dict[str, tuple[int, Callable[[Draft, Json], None]]] = {
    "button": (1024, _buttons),
    "list": (4096, _list),
    "cta_url": (1024, _cta_url),
    "location_request_message": (1024, _asks("send_location", "location", "Send location")),
    "request_contact_info": (1024, _asks("request_contact_info", "contact_info", "Share phone number")),
    "flow": (1024, _flow),
}
