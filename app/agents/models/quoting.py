"""A candidate's messages as a model sees them: numbered, dated, quoted data that cannot end its own quotation."""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import orjson

from app.agents import turn_view
from app.agents.state import Json, TurnInput
from app.recruiting.said import Said

MOST_CHARACTERS = 6000  # of one message, where a model wants to know what it is about
MOST_OF_A_FILE = 40_000  # of one message that is read for facts: about twelve full pages, or an hour of speech
_ESCAPED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def as_data(value: object) -> str:
    """JSON in which no angle bracket stands, so that no text in it can close the tag it is put in."""
    return orjson.dumps(value).decode().translate(_ESCAPED)


def numbered(messages: Sequence[Said], zone: ZoneInfo, most: int = MOST_CHARACTERS) -> list[Json]:
    """Messages from 1, each with the local day and time it was sent at: relative days are resolved against these."""
    return [
        {
            "n": number,
            "sent": f"{dt.datetime.fromtimestamp(said.at, zone):%A %Y-%m-%d %H:%M}",
            "kind": said.kind.value,
            "text": said.text[:most],
        }
        for number, said in enumerate(messages, start=1)
    ]


def beyond(messages: Sequence[Said], most: int = MOST_OF_A_FILE) -> dict[str, int]:
    """By message id the characters that `numbered` cuts off, of messages too long for it."""
    return {said.message_id: len(said.text) - most for said in messages if len(said.text) > most}


def moment(turn: TurnInput, zone: ZoneInfo) -> str:
    """The turn's own time, which is the only clock a prompt knows."""
    return f"{dt.datetime.fromtimestamp(turn['now'], zone):%A %Y-%m-%d %H:%M} ({zone.key})"


def last_words(turn: TurnInput, lines: int) -> list[Json]:
    """The end of the conversation so far, both sides, without message ids."""
    return [
        {"author": line["author"], "text": line["text"][:MOST_CHARACTERS]}
        for line in turn_view.lines(turn)[-lines:]
        if line["text"].strip()
    ]
