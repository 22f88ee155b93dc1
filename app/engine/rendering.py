"""How a candidate's and the assistant's messages read in Chatwoot."""

from app.channels.markup import to_chatwoot, to_markdown
from app.recruiting.messages import InboundMessage, Kind, Reply

# Of a document's text; the file itself is there.
MOST_SHOWN = 4000
_NAMES = {
    Kind.VOICE: "voice message",
    Kind.AUDIO: "audio",
    Kind.IMAGE: "image",
    Kind.VIDEO: "video",
    Kind.STICKER: "sticker",
    Kind.DOCUMENT: "document",
    Kind.ORDER: "order",
    Kind.UNSUPPORTED: "message of a type that WhatsApp does not pass on",
}


def inbound_text(message: InboundMessage) -> str:  # noqa: PLR0911 one return per kind
    """Markdown of one candidate message: WhatsApp's marks as they look there, nothing of it taken as Liquid."""
    text = to_markdown(message.text)
    match message.kind:
        case Kind.TEXT:
            return text
        case Kind.CHOICE:
            return f"▸ {to_chatwoot(message.text)}"
        case Kind.LOCATION if message.location is not None:
            place = message.location
            where = ", ".join(to_chatwoot(part) for part in (place.name, place.address) if part)
            return f"📍 {where} ({place.latitude:.5f}, {place.longitude:.5f})".replace("  ", " ")
        case Kind.CONTACTS:
            cards = [" ".join([card.name, *card.phones, *card.emails]) for card in message.contacts]
            return "👤 " + to_chatwoot("; ".join(cards))
        case Kind.REACTION:
            return f"reacted {message.emoji}" if message.emoji else "took a reaction back"
        case Kind.EDIT:
            return f"✎ {text}"
        case Kind.REVOKE:
            return "*deleted a message*"
    name = message.media.filename if message.media and message.media.filename else _NAMES.get(message.kind, "message")
    return f"[{to_chatwoot(name)}]" + (f" {text}" if text else "")


def understood_text(message: InboundMessage, words: str) -> str:
    """Markdown of a note under a recording or a document: what the assistant heard or read in it."""
    short = words if len(words) <= MOST_SHOWN else f"{words[:MOST_SHOWN].rstrip()} …"
    heard = message.kind in (Kind.VOICE, Kind.AUDIO)
    return f"{'🎤 Heard' if heard else '📄 Read'}: {to_chatwoot(short)}"


def reply_text(reply: Reply) -> str:
    """Markdown of a message of ours, buttons and rows shown as text."""
    lines = [to_markdown(reply.text)]
    for choice in [*reply.buttons, *reply.rows]:
        shown = f"{choice.title}: {choice.description}" if choice.description else choice.title
        lines.append(f"▫ {to_chatwoot(shown)}")
    return "\n".join(lines)
