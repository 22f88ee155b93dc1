"""Parts of WhatsApp's webhook items: who wrote, system messages, what cannot be forwarded."""

from typing import Any

from app.local.whatsapp_state import Candidate, new_wamid

Json = dict[str, Any]


def contact_of(candidate: Candidate) -> dict[str, Any]:
    """An element of `contacts[]`; the phone number is left out when a username hides it."""
    contact: dict[str, Any] = {"profile": {"name": candidate.name}}
    if candidate.username:
        contact["profile"]["username"] = candidate.username
    if candidate.wa_id and candidate.phone_visible:
        contact["wa_id"] = candidate.wa_id
    if candidate.bsuid:
        contact["user_id"] = candidate.bsuid
    if candidate.parent_bsuid:
        contact["parent_user_id"] = candidate.parent_bsuid
    return contact


def preference_item(candidate: Candidate, now: int) -> Json:
    stop = candidate.marketing_opt_out
    item: Json = {
        "detail": f"User requested to {'stop' if stop else 'resume'} marketing messages",
        "category": "marketing_messages",
        "value": "stop" if stop else "resume",
        "timestamp": now,
    }
    if candidate.wa_id and candidate.phone_visible:
        item["wa_id"] = candidate.wa_id
    return {**item, "user_id": candidate.bsuid} if candidate.bsuid else item


def sender_of(candidate: Candidate) -> Json:
    """`from…` of a message; a hidden phone number is left out, never empty."""
    ids = {
        "from": candidate.wa_id if candidate.phone_visible else "",
        "from_user_id": candidate.bsuid,
        "from_parent_user_id": candidate.parent_bsuid,
    }
    return {key: value for key, value in ids.items() if value}


def system_item(before: Candidate, after: Candidate, now: str, *, number: bool) -> Json:
    """System messages carry no contacts (Meta, system messages reference, 11 Aug 2026)."""
    was, became = (before.wa_id, after.wa_id) if number else (before.bsuid, after.bsuid)
    system: Json = {
        "body": f"User {after.name} changed from {was} to {became}",
        "type": "user_changed_number" if number else "user_changed_user_id",
    }
    if number:
        system["wa_id"] = after.wa_id
    if after.bsuid:
        system |= {"user_id": after.bsuid, "previous_user_id": before.bsuid}
    item = {"id": new_wamid(after.wa_id if number else ""), "timestamp": now, "type": "system", "system": system}
    return {**sender_of(before), **item}


def place_of(latitude: float, longitude: float, name: str, address: str) -> Json:
    place = {"latitude": latitude, "longitude": longitude, "name": name, "address": address}
    return {key: value for key, value in place.items() if value != ""}


def unsupported_content(kind: str) -> Json:
    error = {
        "code": 131051,
        "title": "Message type unknown",
        "message": "Message type unknown",
        "error_data": {"details": "Message type is currently not supported."},
    }
    return {"type": "unsupported", "errors": [error], "unsupported": {"type": kind}}


def contact_card(name: str, phone: str) -> Json:
    shown = name or "Unknown"
    card: Json = {"name": {"formatted_name": shown, "first_name": shown.split(" ")[0]}}
    if phone:
        digits = "".join(filter(str.isdigit, phone))
        card["phones"] = [{"phone": f"+{digits}", "wa_id": digits, "type": "CELL"}]
    return card
