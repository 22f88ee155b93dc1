"""Message templates: which exist, and how one reads with its parameters filled in."""

import re
from typing import Any

from app.local.whatsapp_errors import GraphError
from app.local.whatsapp_rules import Draft
from app.local.whatsapp_state import Option, Template

_HOLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")

# What a fresh twin knows: one template per use of the product, in Meta's form.
DEFAULT_TEMPLATES: list[Template] = [
    Template(
        name="conversation_follow_up",
        language=language,
        category="UTILITY",
        components=[
            {"type": "BODY", "text": text},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": button}]},
        ],
    )
    for language, text, button in (
        ("en", "Hello {{1}}, we have an answer to your question. May we continue here?", "Continue"),
        ("nl", "Hallo {{1}}, we hebben een antwoord op je vraag. Zullen we hier verdergaan?", "Verdergaan"),
        ("de", "Hallo {{1}}, wir haben eine Antwort auf Ihre Frage. Dürfen wir hier weitermachen?", "Weiter"),
        ("pl", "Dzień dobry {{1}}, mamy odpowiedź na Twoje pytanie. Czy możemy kontynuować tutaj?", "Kontynuuj"),
    )
]


def fill_template(draft: Draft, templates: list[Template]) -> Template:
    """Writes the filled text into the draft. Raises GraphError 132000, 132001, 132005, 132012, 132015, 132016."""
    content = draft.template or {}
    name, language = content["name"], content["language"]["code"]
    found = next((item for item in templates if item.name == name and item.language == language), None)
    if found is None:
        raise GraphError(132001, f"template name ({name}) does not exist in {language}")
    if found.status == "PAUSED":
        raise GraphError(132015, f"template {name} is paused because of low quality")
    if found.status != "APPROVED":
        raise GraphError(132016 if found.status == "DISABLED" else 132001, f"template {name} is {found.status.lower()}")
    given = {str(item.get("type", "")).lower(): item.get("parameters", []) for item in content.get("components", [])}
    for component in found.components:
        kind = component["type"].lower()
        if kind == "header" and component.get("format", "TEXT") == "TEXT":
            draft.header = _filled(component["text"], given.get("header", []), "header")
        elif kind == "header":
            _check_file(component["format"].lower(), given.get("header", []))
        elif kind == "body":
            draft.text = _filled(component["text"], given.get("body", []), "body")
        elif kind == "footer":
            draft.footer = component["text"]
        elif kind == "buttons":
            draft.options = [_button(button, index, content) for index, button in enumerate(component["buttons"])]
    if len(draft.text) > 1024:
        raise GraphError(132005, "Translated text too long")
    return found


def _filled(text: str, parameters: list[dict[str, Any]], where: str) -> str:
    holes = list(dict.fromkeys(_HOLE.findall(text)))
    if len(holes) != len(parameters):
        raise GraphError(
            132000,
            f"{where}: number of localizable_params ({len(parameters)}) does not match the expected {len(holes)}",
        )
    values: dict[str, str] = {}
    for hole, parameter in zip(holes, parameters, strict=True):
        key = parameter.get("parameter_name", hole)
        value = parameter.get("text") or parameter.get(str(parameter.get("type")), {})
        shown = value.get("fallback_value", "") if isinstance(value, dict) else str(value)
        if key not in holes or not shown:
            raise GraphError(132012, f"{where}: parameter {key} does not fit the template's format")
        values[key] = shown
    return _HOLE.sub(lambda match: values[match[1]], text)


def _check_file(kind: str, parameters: list[dict[str, Any]]) -> None:
    if len(parameters) != 1:
        raise GraphError(
            132000, f"header: number of localizable_params ({len(parameters)}) does not match the expected 1"
        )
    file = parameters[0].get(kind)
    if parameters[0].get("type") != kind or not isinstance(file, dict) or not (file.get("link") or file.get("id")):
        raise GraphError(132012, f"header: Format mismatch, expected {kind.upper()}")


def _button(button: dict[str, Any], index: int, content: dict[str, Any]) -> Option:
    """The payload of a quick reply is given when sending, or is the button's text; the end of a link must be given."""
    payload = ending = ""
    for component in content.get("components", []):
        if str(component.get("type", "")).lower() == "button" and str(component.get("index")) == str(index):
            payload = next((p.get("payload", "") for p in component.get("parameters", []) if "payload" in p), "")
            ending = next((str(p["text"]) for p in component.get("parameters", []) if p.get("type") == "text"), "")
    if button["type"] == "QUICK_REPLY":
        return Option(id=payload or button["text"], title=button["text"], kind="quick_reply")
    url = str(button.get("url", ""))
    if _HOLE.search(url) and not ending:
        raise GraphError(131008, f"buttons: Button at index {index} of type Url requires a parameter")
    return Option(id="", title=button["text"], kind="url", url=_HOLE.sub(lambda _: ending, url))
