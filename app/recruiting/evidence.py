"""A fact stands only on the candidate's own words: the quote must occur in the message it names."""

import re
import unicodedata

_SPACE = re.compile(r"\s+")


def folded(text: str) -> str:
    """NFKC, runs of white space as one blank, edges trimmed. Case and accents stay: they are the candidate's."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def occurs(quote: str, text: str) -> bool:
    """Whether the words stand in the text. An empty quote proves nothing."""
    needle = folded(quote)
    return bool(needle) and needle in folded(text)
