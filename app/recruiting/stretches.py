"""Parts of a message between marks that end a thought. Unlike clauses they keep "14,50" and "32 - 40" whole."""

import functools
import re

import msgspec

from app.recruiting.clauses import says
from app.recruiting.text import Clause, read

_BREAK = re.compile(r"[!?;\n…؟؛|¿¡]|[.,:،](?=\s|$)|(?<!\d)\s-\s|\s-\s(?!\d)")


class Stretch(msgspec.Struct, frozen=True):
    """`start` and `end` are offsets in the message."""

    text: str
    start: int
    end: int

    @property
    def clause(self) -> Clause:
        """Its words as one clause, which knows the characters of the stretch."""
        return read(self.text).whole

    def says(self, section: str, language: str) -> bool:
        """It matches a section of any language's lexicon."""
        return says(self.clause, section, language)


@functools.lru_cache(maxsize=64)
def stretches(text: str) -> tuple[Stretch, ...]:
    """All stretches that hold a word."""
    found, at = [], 0
    for begin, stop in [*(match.span() for match in _BREAK.finditer(text)), (len(text), len(text))]:
        if (part := text[at:begin]) and any(c.isalnum() for c in part):
            found.append(Stretch(part, at, begin))
        at = stop
    return tuple(found)


def around(text: str, quote: str) -> tuple[Stretch, ...]:
    """The stretches that the quote lies in, as one or more; the whole text where it is not found letter by letter."""
    start = text.find(quote)
    if start < 0:
        return (Stretch(text, 0, len(text)),)
    return tuple(part for part in stretches(text) if part.start < start + len(quote) and part.end > start)


def before(text: str, stretch: Stretch) -> Stretch | None:
    """The stretch in front: "Salary expectation: | 2500 euro"."""
    earlier = [part for part in stretches(text) if part.end <= stretch.start]
    return earlier[-1] if earlier else None
