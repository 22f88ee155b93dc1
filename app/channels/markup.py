"""Text between two markups: WhatsApp's (*bold*, _italic_, ~strike~) and Chatwoot's Markdown with Liquid."""

import re

from app.recruiting.literal import LINK, literal

# WhatsApp takes a mark at the edges of words, and within one line.
_WHATSAPP = re.compile(
    rf"```(?P<block>.+?)```|`[^`\n]+`|{LINK.pattern}"
    r"|(?<![\w*~])(?P<mark>[*_~])(?!\s|(?P=mark))(?P<inner>[^\n]{0,1000}?(?!(?P=mark))\S)(?P=mark)(?![\w*~])",
    re.DOTALL | re.IGNORECASE,
)
_MARKDOWNS = {"*": "**", "_": "_", "~": "~~"}

# What is kept as it is: escaped letters, code, addresses.
_ADDRESS = r"(?:https?://|mailto:|tel:)"
_KEPT = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])|(?P<code>```.+?```|`[^`]+`)"
    rf"|<(?P<auto>{_ADDRESS}[^\s<>]+)>"
    rf"|\[(?P<label>[^\[\]]+)\]\(<?(?P<target>{_ADDRESS}[^\s<>)]+)>?(?:\s+\"[^\"]*\")?\)"
    rf"|(?P<link>{LINK.pattern})",
    re.DOTALL | re.IGNORECASE,
)
_SCHEME = re.compile(r"^(?:mailto|tel):")
# Their places, in a plane of Unicode that is nobody's.
_FIRST_PLACE, _LAST_PLACE = 0xF0000, 0x10FFFF
_PLACES = re.compile(f"[{chr(_FIRST_PLACE)}-{chr(_LAST_PLACE)}]")
_PARAGRAPH_END = re.compile(r"(\n[ \t]*\n)")
_LINE_END = re.compile(r"[ \t]*\n[ \t]*")
_STRIKE = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~", re.DOTALL)
_UNDERSCORED = re.compile(r"(?<!\w)__(?=[^\s_])(.+?)(?<=[^\s_])__(?!\w)", re.DOTALL)
_STARS = re.compile(r"(\*+)")


def to_chatwoot(text: str) -> str:
    """Show `text` letter for letter: Markdown is escaped, and nothing is left to Liquid."""
    return without_liquid(literal(text))


def to_markdown(text: str) -> str:
    """What was written on WhatsApp as it looks there: its marks become Markdown, all else is letter for letter."""
    return without_liquid(_marked(text, ""))


def _marked(text: str, within: str) -> str:
    """`within`: marks that are on already."""
    out, end = "", 0
    for found in _WHATSAPP.finditer(text):
        out += literal(text[end : found.start()]) + _shown(found, within)
        end = found.end()
    return out + literal(text[end:])


def _shown(found: re.Match[str], within: str) -> str:
    if mark := found["mark"]:
        if mark in within:
            return literal(found[0])
        return f"{_MARKDOWNS[mark]}{_marked(found['inner'], within + mark)}{_MARKDOWNS[mark]}"
    if "\n" in (found["block"] or ""):
        lines = found["block"].strip("\n")
        return f"\n```\n{lines}\n```\n"
    return found[0]


def without_liquid(text: str) -> str:
    """Chatwoot renders `{{…}}` in outgoing content and private notes, and a backslash does not stop Liquid: the braces
    are parted by a zero-width space."""
    return text.replace("{{", "{\u200b{").replace("{%", "{\u200b%")


def to_whatsapp(markdown: str) -> str:
    """What the dashboard's editor can write (bold, italic, strike, links) in WhatsApp's markup.

    An escaped mark loses its backslash: WhatsApp knows no escapes, and may take the mark for its own.
    """
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        whole = found["escaped"] or found["code"] or found["link"]
        address = _SCHEME.sub("", found["auto"] or found["target"] or "")
        if len(kept) > _LAST_PLACE - _FIRST_PLACE:
            return whole or address
        kept.append(whole or address)
        place = chr(_FIRST_PLACE + len(kept) - 1)
        label = found["label"]
        named = label and label not in (found["target"], address, re.sub(r"^https?://|/$", "", address))
        return f"{label} ({place})" if named else place

    def put_back(found: re.Match[str]) -> str:
        number = ord(found[0]) - _FIRST_PLACE
        return kept[number] if number < len(kept) else found[0]

    paragraphs = _PARAGRAPH_END.split(_KEPT.sub(keep, markdown.replace("\\\n", "\n")))
    return _PLACES.sub(put_back, "".join(map(_emphasised, paragraphs))).strip()


def _emphasised(paragraph: str) -> str:
    starred = _starred(_UNDERSCORED.sub(r"**\1**", paragraph))
    return _STRIKE.sub(lambda found: f"~{_on_each_line('~', found[1])}~", starred)


def _starred(text: str) -> str:
    """Two stars are bold, one is italic; each closes what was opened last, as in CommonMark."""
    pieces = _STARS.split(text)  # text, stars, text, …, text
    heads, tails = [""] * len(pieces), [""] * len(pieces)
    left = [len(piece) for piece in pieces]
    open_: list[int] = []
    for at in range(1, len(pieces), 2):
        before, after = pieces[at - 1][-1:], pieces[at + 1][:1]
        while before.strip() and (opener := _opener(open_, left, left[at], inside_word=_in_word(after))) is not None:
            del open_[open_.index(opener) + 1 :]
            size = 2 if min(left[opener], left[at]) > 1 else 1
            mark = "*" if size == 2 else "_"
            tails[opener], heads[at] = mark + tails[opener], heads[at] + mark
            left[opener], left[at] = left[opener] - size, left[at] - size
            pieces[opener + 1 : at : 2] = [_on_each_line(mark, each) for each in pieces[opener + 1 : at : 2]]
            if not left[opener]:
                open_.pop()
        if left[at] and after.strip() and (left[at] > 1 or not _in_word(before)):
            open_.append(at)
    pieces[1::2] = [heads[at] + "*" * left[at] + tails[at] for at in range(1, len(pieces), 2)]
    return "".join(pieces)


def _opener(open_: list[int], left: list[int], stars: int, *, inside_word: bool) -> int | None:
    """What so many stars close; one star inside a word closes nothing: WhatsApp shows none there."""
    if not stars or (stars == 1 and inside_word):
        return None
    fitting = (at for at in reversed(open_) if stars > 2 or (left[at] > 1 if stars == 2 else left[at] % 2))
    return next(fitting, None)


def _in_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def _on_each_line(mark: str, text: str) -> str:
    """WhatsApp ends every mark with the line."""
    return _LINE_END.sub(lambda found: f"{mark}{found[0]}{mark}", text)
