"""Text between two markups: WhatsApp's (*bold*, _italic_, ~strike~) and Chatwoot's Markdown with Liquid."""

import re

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#+|~])")
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", re.DOTALL)
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])(.+?)(?<=[^\s*])\*(?![\w*])", re.DOTALL)
_STRIKE = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~", re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^\s)]+)\)")
_BREAK = re.compile(r"\\\n")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()<>#+\-.!|~])")


def to_chatwoot(text: str) -> str:
    """Show `text` letter for letter: Markdown is escaped, and nothing is left to Liquid."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", without_liquid(text))


def without_liquid(text: str) -> str:
    """Chatwoot renders `{{…}}` in outgoing content and private notes, and a backslash does not stop Liquid: the braces
    are parted by a zero-width space."""
    return text.replace("{{", "{\u200b{").replace("{%", "{\u200b%")


def to_whatsapp(markdown: str) -> str:
    """What the dashboard's editor can write (bold, italic, strike, links) in WhatsApp's markup."""
    text = _BREAK.sub("\n", markdown)
    text = _BOLD.sub("\x01\\1\x01", text)
    text = _EMPHASIS.sub(r"_\1_", text)
    text = _STRIKE.sub(r"~\1~", text)
    text = _LINK.sub(lambda link: link[2] if link[1] == link[2] else f"{link[1]} ({link[2]})", text)
    return _ESCAPED.sub(r"\1", text.replace("\x01", "*")).strip()
