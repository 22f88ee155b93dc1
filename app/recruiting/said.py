"""One message of a candidate as the rules read it, whether it arrived in this turn or stands in the transcript."""

from collections.abc import Sequence

import msgspec
import phonenumbers

from app.recruiting.amounts import western_digits
from app.recruiting.messages import ContactCard, InboundMessage, Kind, Location
from app.recruiting.places import place_words
from app.recruiting.profile import Fact
from app.recruiting.stretches import stretches

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


def heard(message: InboundMessage, *, wa_id: str = "", beside: Sequence[InboundMessage] = ()) -> Said:
    """An arriving message. A shared place speaks by its name and address, one's own contact card by its lines.

    `wa_id` is the candidate's number (digits) if it is known, `beside` are the turn's messages: who sends a card of
    somebody else has said nothing of themselves.
    """
    text = message.text
    if message.kind is Kind.LOCATION and message.location is not None:
        text = place_text(message.location)
    elif message.kind is Kind.CONTACTS and (card := own_card(message, wa_id, beside)) is not None:
        text = ", ".join(line for line in (card.name, *card.phones, *card.emails) if line)
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


def own_card(message: InboundMessage, wa_id: str, beside: Sequence[InboundMessage]) -> ContactCard | None:
    """The one card of the message if it is the candidate's: by their own number, or because they say so in the turn."""
    if len(message.contacts) != 1:
        return None
    card = message.contacts[0]
    if wa_id and any(_same_number(phone, wa_id) for phone in card.phones):
        return card
    parts = [part for other in beside if other.kind is Kind.TEXT for part in stretches(other.text)]
    if any(part.says("others", "") or "?" in other.text for other in beside for part in stretches(other.text)):
        return None
    return card if any(part.says("my_contact", "") for part in parts) else None


def _same_number(written: str, wa_id: str) -> bool:
    try:
        own = phonenumbers.parse(f"+{wa_id}")
        other = phonenumbers.parse(western_digits(written), phonenumbers.region_code_for_number(own))
    except phonenumbers.NumberParseException:
        return False
    return bool(own == other)


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
