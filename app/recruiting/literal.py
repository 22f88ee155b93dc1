"""People's words in Markdown: shown letter for letter, and links can still be clicked."""

import re

# A bare link. Chatwoot's renderer (markdown-it with linkify) finds links before it takes escapes out, so that a
# backslash would become part of one. It ends before whatever could begin markup, an entity or Liquid.
LINK = re.compile(r"https?://(?:[^\s<>\[\](){}|\\^`*\"~&]|~(?!~)|&(?!#?\w+;))+", re.IGNORECASE)
_SPECIAL = re.compile(
    rf"(?P<link>{LINK.pattern})"
    # Headings, lists and lines under headings; four spaces in front would make code.
    r"|^(?P<indent>[ \t]*)(?P<first>[#+=-]?)"
    # `_` between letters is no emphasis: escaped, it would spoil e-mail addresses.
    r"|(?<![^\W_])_|_(?![^\W_])|[\\`*{}\[\]<>|~&]",
    re.IGNORECASE | re.MULTILINE,
)
_NO_BREAK_SPACE = "\u00a0"


def literal(text: str) -> str:
    """Markdown that shows `text` as it is (CommonMark, with the tables and strikes of markdown-it)."""
    return _SPECIAL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    if found["link"]:
        return found["link"]
    if found["indent"] is None:
        return f"\\{found[0]}"
    indent = found["indent"].expandtabs(4)
    kept = indent if len(indent) < 4 else _NO_BREAK_SPACE * len(indent)
    return kept + (f"\\{found['first']}" if found["first"] else "")
