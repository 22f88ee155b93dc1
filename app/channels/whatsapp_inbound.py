"""From a 360Dialog webhook body to typed events: every entry, change, message and status, none by fixed index."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from app.channels import whatsapp_wire as wire
from app.recruiting.events import AppSaid, CandidateSaid, IdentityChanged, Sender, StatusReported
from app.recruiting.messages import ContactCard, InboundMessage, Kind, Location, Media

MAX_UPDATES = 1000  # Meta: up to 1,000 updates per POST
# Meta's format of a business-scoped user id: country code, a dot, up to 128 alphanumerics; parents have `CC.ENT.`.
BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_MEDIA_KINDS = {
    "image": Kind.IMAGE,
    "video": Kind.VIDEO,
    "document": Kind.DOCUMENT,
    "sticker": Kind.STICKER,
    "audio": Kind.AUDIO,
    "voice": Kind.VOICE,
}


class BodyRejected(ValueError):
    """The body as a whole cannot be read; the message says why, without its content."""


class Malformed(msgspec.Struct, frozen=True):
    """One item that could not be read: kept raw, its neighbours are used."""

    reason: str
    raw: str


class Inbound(msgspec.Struct):
    """What one POST said. `ignored` counts updates of fields that carry nothing for a conversation."""

    events: list[
        tuple[str, str, CandidateSaid | IdentityChanged | AppSaid | StatusReported]
    ]  # (address, dedupe id, event)
    malformed: list[Malformed]
    ignored: int = 0


def address_of(number_id: str, identity: str) -> str:
    """Key of a conversation's mailbox: pseudonymous, so that it may stand in logs and key names."""
    return f"wa:{number_id}:{hashlib.blake2b(identity.encode(), digest_size=10).hexdigest()}"


def status_address(number_id: str) -> str:
    """Statuses of one number share a mailbox of their own; they never wake a conversation."""
    return f"statuses:{number_id}"


TOO_DEEP = "the body is nested deeper than any webhook"

_envelope = msgspec.json.Decoder(wire.Envelope)


def parse(body: bytes) -> Inbound:
    """Raises BodyRejected when the body is not a WhatsApp webhook at all (not JSON, no entries, too many updates)."""
    # `\u0000` and lone surrogates cannot be stored by Postgres; rare, so they take the slow way.
    if b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body:
        body = _scrubbed(body)
    try:
        envelope = _envelope.decode(body)
    except msgspec.ValidationError:
        inbound = _parse_tolerantly(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BodyRejected("the body is not JSON in UTF-8") from None
    except RecursionError:
        raise BodyRejected(TOO_DEEP) from None
    else:
        if not envelope.entry:
            raise BodyRejected("the body holds no entry")
        inbound = Inbound([], [])
        for entry in envelope.entry:
            for change in entry.changes:
                _read_value(change.field, change.value, inbound, body)
    if len(inbound.events) + len(inbound.malformed) > MAX_UPDATES:
        raise BodyRejected(f"more than {MAX_UPDATES} updates in one body")
    return inbound


def _scrubbed(body: bytes) -> bytes:
    """Replace NUL and lone surrogates by U+FFFD everywhere; other text stays code point for code point."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return text.replace("\x00", "\ufffd")
        if isinstance(value, list):
            return [clean(item) for item in value]
        if isinstance(value, dict):
            return {clean(key): clean(item) for key, item in value.items()}
        return value

    try:
        return msgspec.json.encode(clean(json.loads(body)))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise BodyRejected("the body is not JSON in UTF-8") from None


class _LooseEnvelope(msgspec.Struct):
    entry: list[msgspec.Raw] = []


class _LooseEntry(msgspec.Struct):
    changes: list[msgspec.Raw] = []


def _parse_tolerantly(body: bytes) -> Inbound:
    """The same, item by item: what does not fit its type is set aside raw."""
    try:
        envelope = msgspec.json.decode(body, type=_LooseEnvelope)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BodyRejected("the body is not a WhatsApp webhook: `entry` is not a list") from None
    except RecursionError:
        raise BodyRejected(TOO_DEEP) from None
    inbound = Inbound([], [])
    for raw_entry in envelope.entry:
        entry = _or_malformed(raw_entry, _LooseEntry, "entry", inbound)
        for raw_change in entry.changes if entry else []:
            change = _or_malformed(raw_change, wire.RawChange, "change", inbound)
            raw = change and _or_malformed(change.value, wire.RawValue, "value", inbound)
            if change and raw:
                _read_value(change.field, _salvage(raw, change.value, inbound), inbound, bytes(change.value))
    return inbound


T = TypeVar("T")


def _text(raw: msgspec.Raw | bytes) -> str:
    """What is set aside need not even be UTF-8: the decoder does not look into what it skips."""
    return bytes(raw).decode(errors="replace")


def _or_malformed(raw: msgspec.Raw, kind: type[T], what: str, inbound: Inbound) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        inbound.malformed.append(Malformed(f"{what} does not have its documented shape", _text(raw)))
        return None


def _salvage(raw: wire.RawValue, whole: msgspec.Raw, inbound: Inbound) -> wire.Value:
    def each(items: msgspec.Raw, kind: type[T], what: str) -> Iterator[T]:
        for item in _or_malformed(items, list[msgspec.Raw], what + " list", inbound) or []:
            if (read := _or_malformed(item, kind, what, inbound)) is not None:
                yield read

    try:
        metadata = msgspec.json.decode(raw.metadata, type=wire.Metadata)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Without our number nobody can tell whose conversation this is: all of it is set aside.
        inbound.malformed.append(Malformed("metadata does not have its documented shape", _text(whole)))
        return wire.Value()
    return wire.Value(
        metadata=metadata,
        contacts=list(each(raw.contacts, wire.Contact, "contact")),
        messages=list(each(raw.messages, wire.Message, "message")),
        message_echoes=list(each(raw.message_echoes, wire.Echo, "message echo")),
        statuses=list(each(raw.statuses, wire.Status, "status")),
        user_id_update=list(each(raw.user_id_update, wire.UserIdUpdate, "user_id_update")),
    )


def _read_value(field: str, value: wire.Value, inbound: Inbound, raw: bytes) -> None:
    if field in wire.SILENT_FIELDS:
        inbound.ignored += 1
        return
    if field not in ("messages", "user_id_update", "smb_message_echoes"):
        inbound.malformed.append(Malformed("unknown field of the webhook", _text(raw)))
        return
    number_id = value.metadata.phone_number_id
    for update in value.user_id_update:
        _read_user_id_update(number_id, update, inbound)
    for message in value.messages:
        _read_message(number_id, message, value.contacts, inbound)
    for echo in value.message_echoes:
        _read_echo(number_id, echo, inbound)
    for status in value.statuses:
        event = StatusReported(
            wamid=status.id,
            status=status.status,
            at=_seconds(status.timestamp),
            outbox_id=status.biz_opaque_callback_data,
            error_code=status.errors[0].code if status.errors else 0,
            error_title=status.errors[0].title if status.errors else "",
        )
        inbound.events.append((status_address(number_id), f"{status.id}:{status.status}", event))


def _seconds(stamp: str | float) -> float:
    """Vendor timestamps are seconds in strings; milliseconds have been seen. 0 for what is no time (`nan`, `inf`,
    years that no calendar has): JSON and Postgres could not hold it."""
    try:
        seconds = float(stamp)
    except ValueError:
        return 0.0
    seconds = seconds / 1000 if seconds > 1e11 else seconds
    return seconds if 0 <= seconds <= 1e11 else 0.0


def _sender(message: wire.Message, contacts: list[wire.Contact]) -> Sender:
    bsuid, wa_id = message.from_user_id, message.from_
    if BSUID.fullmatch(wa_id):  # some senders put the BSUID where the phone number used to be
        bsuid, wa_id = bsuid or wa_id, ""
    contact = next(
        (c for c in contacts if (wa_id and c.wa_id == wa_id) or (bsuid and bsuid in (c.user_id, c.wa_id))),
        contacts[0] if len(contacts) == 1 and not (bsuid and wa_id) else None,
    )
    if contact is None:
        return Sender(bsuid=bsuid, wa_id=wa_id, parent_bsuid=message.from_parent_user_id)
    profile = contact.profile or wire.Profile()
    misplaced = contact.wa_id if BSUID.fullmatch(contact.wa_id) else ""
    return Sender(
        bsuid=bsuid or contact.user_id or misplaced,
        wa_id=wa_id or ("" if misplaced else contact.wa_id),
        parent_bsuid=message.from_parent_user_id or contact.parent_user_id,
        username=profile.username.removeprefix("@"),
        profile_name=profile.name[:120],
    )


def _read_message(number_id: str, message: wire.Message, contacts: list[wire.Contact], inbound: Inbound) -> None:
    sender = _sender(message, contacts)
    identity = sender.bsuid or sender.wa_id
    if not message.id or not identity:
        raw = msgspec.json.encode(message).decode()
        inbound.malformed.append(Malformed("message without id or sender", raw))
        return
    address = address_of(number_id, identity)
    if message.type == "system":
        _read_system(number_id, address, message, sender, inbound)
        return
    said = CandidateSaid(number_id=number_id, sender=sender, message=_content(message))
    inbound.events.append((address, message.id, said))


def _read_echo(number_id: str, echo: wire.Echo, inbound: Inbound) -> None:
    bsuid, wa_id = echo.to_user_id, echo.to
    if BSUID.fullmatch(wa_id):
        bsuid, wa_id = bsuid or wa_id, ""
    if not echo.id or not (bsuid or wa_id):
        inbound.malformed.append(Malformed("message echo without id or recipient", msgspec.json.encode(echo).decode()))
        return
    said = AppSaid(number_id=number_id, recipient=Sender(bsuid=bsuid, wa_id=wa_id), message=_content(echo))
    inbound.events.append((address_of(number_id, bsuid or wa_id), echo.id, said))


def _read_system(number_id: str, address: str, message: wire.Message, sender: Sender, inbound: Inbound) -> None:
    """`user_changed_number` brings the new number, `user_changed_user_id` the new id and perhaps the old one."""
    system = message.system or wire.System()
    current = Sender(bsuid=system.user_id, wa_id=system.wa_id or system.new_wa_id)
    if not (current.bsuid or current.wa_id):
        inbound.ignored += 1
        return
    if system.previous_user_id:
        sender = Sender(bsuid=system.previous_user_id, wa_id=sender.wa_id)
        address = address_of(number_id, system.previous_user_id)
    event = IdentityChanged(
        number_id=number_id, previous=sender, current=current, event_id=message.id, at=_seconds(message.timestamp)
    )
    inbound.events.append((address, message.id, event))


def _read_user_id_update(number_id: str, update: wire.UserIdUpdate, inbound: Inbound) -> None:
    pair = update.user_id
    if pair is None or not pair.previous or not pair.current:
        inbound.malformed.append(Malformed("user_id_update without both ids", msgspec.json.encode(update).decode()))
        return
    event_id = f"user_id:{hashlib.blake2b(f'{pair.previous}>{pair.current}'.encode(), digest_size=12).hexdigest()}"
    event = IdentityChanged(
        number_id=number_id,
        previous=Sender(bsuid=pair.previous, wa_id=update.wa_id),
        current=Sender(bsuid=pair.current),
        event_id=event_id,
        at=_seconds(update.timestamp),
    )
    inbound.events.append((address_of(number_id, pair.previous), event_id, event))


def _content(message: wire.Message) -> InboundMessage:
    context = message.context or wire.Context()
    shared: dict[str, Any] = {
        "message_id": message.id,
        "sent_at": _seconds(message.timestamp),
        "reply_to": context.id,
        "forwarded": context.forwarded or context.frequently_forwarded,
    }
    if message.referral:
        shared["referral"] = message.referral.source_id or message.referral.source_url
    return InboundMessage(**shared, **_payload(message))


def _payload(message: wire.Message) -> dict[str, Any]:  # noqa: PLR0911 one return per type of the vendor's list
    match message:
        case wire.Message(type="text", text=wire.Body(body=body)):
            return {"kind": Kind.TEXT, "text": body}
        case wire.Message(type="interactive", interactive=wire.Interactive() as interactive):
            return _interactive(interactive)
        case wire.Message(type="button", button=wire.TemplateButton() as button):
            return {"kind": Kind.CHOICE, "text": button.text, "choice_id": button.payload or button.text}
        case wire.Message(type="location", location=wire.LocationObject() as place):
            location = Location(
                latitude=place.latitude, longitude=place.longitude, name=place.name or "", address=place.address or ""
            )
            return {"kind": Kind.LOCATION, "location": location}
        case wire.Message(type="contacts", contacts=cards) if cards:
            return {"kind": Kind.CONTACTS, "contacts": [_card(card) for card in cards]}
        case wire.Message(type="reaction", reaction=wire.Reaction() as reaction):
            return {"kind": Kind.REACTION, "target_id": reaction.message_id, "emoji": reaction.emoji}
        case wire.Message(type="edit", edit=wire.Edit() as edit):
            text = edit.message.text.body if edit.message and edit.message.text else ""
            return {"kind": Kind.EDIT, "target_id": edit.original_message_id, "text": text}
        case wire.Message(type="revoke", revoke=wire.Revoke() as revoke):
            return {"kind": Kind.REVOKE, "target_id": revoke.original_message_id}
        case wire.Message(type="order"):
            return {"kind": Kind.ORDER}
    media = getattr(message, message.type, None) if message.type in _MEDIA_KINDS else None
    if isinstance(media, wire.MediaObject) and media.id:
        kind = Kind.VOICE if message.type == "audio" and media.voice else _MEDIA_KINDS[message.type]
        file = Media(media_id=media.id, mime_type=media.mime_type, sha256=media.sha256, filename=media.filename)
        return {"kind": kind, "text": media.caption, "media": file}
    return {"kind": Kind.UNSUPPORTED}


def _interactive(interactive: wire.Interactive) -> dict[str, Any]:
    tap = interactive.button_reply or interactive.list_reply
    if tap is not None:
        return {"kind": Kind.CHOICE, "text": tap.title, "choice_id": tap.id}
    if interactive.nfm_reply is not None:
        return {"kind": Kind.TEXT, "text": interactive.nfm_reply.body}
    return {"kind": Kind.UNSUPPORTED}


def _card(card: wire.Card) -> ContactCard:
    return ContactCard(
        name=card.name.formatted_name if card.name else "",
        phones=[phone.phone or phone.wa_id for phone in card.phones],
        emails=[email.email for email in card.emails],
    )
