"""Characters that nobody sees and that have no place in a message."""

import re

# Controls except line feed, overrides of writing direction, invisible separators, tag characters, private use.
HIDDEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2060-\u2064\u202d\u202e\ufeff\ufff9-\ufffd\ue000-\uf8ff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text without hidden characters."""
    return HIDDEN.sub("", text)
