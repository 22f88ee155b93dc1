"""Chatwoot renders Liquid in outgoing messages: braces in our text come out changed."""

import re
from typing import Any

_CODE = re.compile(r"`.*?`", re.DOTALL)
_OUTPUT = re.compile(r"\{\{\s*([\w.\-]*)\s*((?:\|[^{}]*)?)\}\}")
_DEFAULT = re.compile(r"\|\s*default:\s*(['\"])(.*?)\1\s*")


def render_liquid(content: str, drops: dict[str, Any]) -> str:
    """Replaces `{{ path }}` outside backticks; unknown paths vanish. Broken syntax leaves the text as it is.

    Only output tags with the `default` filter are played; a text with `{% … %}` is left alone.
    """
    outside = _CODE.sub("", content)
    rest = _OUTPUT.sub("", outside)
    if "{{" in rest or "{%" in outside:
        return content
    parts: list[str] = []
    position = 0
    for code in _CODE.finditer(content):
        parts += [_render(content[position : code.start()], drops), code.group()]
        position = code.end()
    return "".join([*parts, _render(content[position:], drops)])


def _render(text: str, drops: dict[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found: Any = drops
        for step in match[1].split("."):
            found = found.get(step) if isinstance(found, dict) else None
        default = _DEFAULT.fullmatch(match[2])
        if found in (None, "") and default:
            return default[2]
        return "" if found is None else str(found)

    return _OUTPUT.sub(value, text)
