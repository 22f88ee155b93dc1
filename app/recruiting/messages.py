"""What candidates and we say to each other, free of any vendor's wire format."""

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """Type of an inbound message, in WhatsApp's own terms (webhooks reference, `messages[].type`)."""

    TEXT = "text"
    CHOICE = "choice"  # a tapped button or list row
    VOICE = "voice"
    AUDIO = "audio"
    IMAGE = "image"
    VIDEO = "video"
    STICKER = "sticker"
    DOCUMENT = "document"
    LOCATION = "location"
    CONTACTS = "contacts"
    REACTION = "reaction"
    EDIT = "edit"
    REVOKE = "revoke"
    ORDER = "order"
    UNSUPPORTED = "unsupported"


# These change what is shown or known, but nobody expects an answer to them.
SILENT = frozenset({Kind.REACTION, Kind.REVOKE})


class Media(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file as WhatsApp announces it; `media_id` lives 7 days at the vendor."""

    media_id: str
    mime_type: str = ""
    sha256: str = ""
    filename: str = ""


class Location(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """WGS84 degrees."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class ContactCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shared contact; `phones` as written in the card."""

    name: str = ""
    phones: list[str] = []
    emails: list[str] = []


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a candidate.

    `message_id` is the vendor's id (personal data: a wamid encodes the phone number, never log it);
    `sent_at` is the vendor's time in Unix seconds; `text` is the body, caption, or title of the tapped choice,
    code point for code point except that NUL and lone surrogates are U+FFFD.
    """

    message_id: str
    sent_at: float
    kind: Kind
    text: str = ""
    choice_id: str = ""
    media: Media | None = None
    location: Location | None = None
    contacts: list[ContactCard] = []
    reply_to: str = ""
    target_id: str = ""  # the message that a reaction, edit or revoke is about
    emoji: str = ""  # of a reaction; empty = reaction removed
    referral: str = ""  # ad or deep-link source
    forwarded: bool = False


class Choice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A button (title up to 20 characters) or list row (title up to 24, description up to 72); id up to 200."""

    id: str
    title: str
    description: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message to a candidate: text alone, with up to 3 `buttons`, or with a list of up to 10 `rows`.

    `list_button` (up to 20 characters) opens the list and is required with `rows`.
    """

    text: str
    buttons: list[Choice] = []
    list_button: str = ""
    rows: list[Choice] = []
