"""What WhatsApp can carry, and characters that have no place in a message."""

from collections.abc import Iterator, Sequence

from app.recruiting.hidden import HIDDEN
from app.recruiting.messages import Choice, Reply
from app.recruiting.phrases import BODY, BUTTON, BUTTONS, DESCRIPTION, ROW, ROWS, TEXT

CHOICE_ID = 200  # characters of a row's id (list messages); buttons take 256


def form_faults(reply: Reply) -> Iterator[tuple[str, int, int]]:
    """(what is wrong, start, end in the text) against the limits of text, button and list messages."""
    text = reply.text
    limit = BODY if reply.buttons or reply.rows else TEXT
    if not text.strip():
        yield "empty", 0, 0
    if len(text) > limit:
        yield "too_long", limit, len(text)
    for match in HIDDEN.finditer("".join((text, *_titles(reply)))):
        yield "hidden_character", min(match.start(), len(text)), min(match.end(), len(text))
        break
    if reply.buttons and reply.rows:
        yield "buttons_and_rows", 0, 0
    if len(reply.buttons) > BUTTONS or len(reply.rows) > ROWS:
        yield "too_many_choices", 0, 0
    if reply.rows and not 0 < len(reply.list_button) <= BUTTON:
        yield "list_button", 0, 0
    if _choices_wrong(reply.buttons, BUTTON) or _choices_wrong(reply.rows, ROW):
        yield "choice_limits", 0, 0


def _titles(reply: Reply) -> Iterator[str]:
    for choice in (*reply.buttons, *reply.rows):
        yield choice.title
        yield choice.description


def _choices_wrong(choices: Sequence[Choice], limit: int) -> bool:
    ids, titles = {choice.id for choice in choices}, {choice.title for choice in choices}
    too_long = any(
        not 0 < len(choice.title.strip()) <= limit
        or len(choice.title) > limit
        or len(choice.description) > DESCRIPTION
        or not 0 < len(choice.id) <= CHOICE_ID
        or "\n" in choice.title
        for choice in choices
    )
    return too_long or len(ids) < len(choices) or len(titles) < len(choices)
