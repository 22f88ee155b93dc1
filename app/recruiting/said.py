"""One message of a candidate as the rules read it, whether it arrived in this turn or stands in the transcript."""

import msgspec

from app.recruiting.messages import InboundMessage, Kind, Location
from app.recruiting.places import place_words
from app.recruiting.profile import Fact

# Kinds whose text is the candidate's own words; voice and documents count once something has turned them into text.
READABLE = frozenset({Kind.TEXT, Kind.VOICE, Kind.AUDIO, Kind.IMAGE, Kind.VIDEO, Kind.DOCUMENT, Kind.EDIT})


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """`at` in Unix seconds. `choice_id` is set for tapped buttons and rows, whose `text` is the title."""

    message_id: str
    text: str
    at: float
    kind: Kind = Kind.TEXT
    choice_id: str = ""
    location: Location | None = None

    @property
    def source(self) -> str:
        """Where the words come from, as facts name it."""
        if self.kind is Kind.DOCUMENT:
            return "cv"
        return "voice" if self.kind in {Kind.VOICE, Kind.AUDIO} else "chat"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A value read in a message, with the exact words."""

    field: str
    value: dict[str, object]
    quote: str
    confidence: float = 1.0


def heard(message: InboundMessage) -> Said:
    """An arriving message. A shared place speaks by its name and address."""
    text = message.text
    if message.kind is Kind.LOCATION and message.location is not None:
        text = place_text(message.location)
    return Said(
        message_id=message.message_id,
        text=text,
        at=message.sent_at,
        kind=message.kind,
        choice_id=message.choice_id,
        location=message.location,
    )


def place_text(location: Location) -> str:
    """The words of a shared place; the transcript stores the same, so that quotes are found in it."""
    return place_words(location)


def as_fact(found: Found, said: Said) -> Fact:
    """The found value with its message."""
    return Fact(
        field=found.field,
        value=dict(found.value),
        quote=found.quote,
        message_id=said.message_id,
        source=said.source,
        confidence=found.confidence,
    )
