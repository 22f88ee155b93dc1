"""Which files WhatsApp takes, how large, and the message that carries one."""

from typing import Any

import msgspec

from app.channels.errors import Rejected

MEGABYTE = 1024 * 1024
# Documents: WhatsApp takes 100 MB, Chatwoot 40 by default, and a file is held in memory.
DOCUMENT_CAP = 40 * MEGABYTE
CAPTION_LENGTH = 1024
# Largest file by kind (Meta: audio and video 16 MB, image 5 MB).
CAPS = {"audio": 16 * MEGABYTE, "video": 16 * MEGABYTE, "image": 5 * MEGABYTE, "document": DOCUMENT_CAP}

# Said wherever a recruiter's file is refused.
ACCEPTED = (
    "WhatsApp takes pictures (JPEG, PNG) up to 5 MB, audio (OGG, MP3, M4A, AAC, AMR) and video (MP4, 3GP) up to 16 MB, "
    f"and PDF, Word, Excel, PowerPoint and text up to {DOCUMENT_CAP // MEGABYTE} MB"
)

_OFFICE = "application/vnd.openxmlformats-officedocument."
_KINDS = {
    "audio": ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"),
    "video": ("video/mp4", "video/3gpp"),
    "image": ("image/jpeg", "image/png"),
    "document": (
        "text/plain",
        "application/pdf",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        f"{_OFFICE}wordprocessingml.document",
        f"{_OFFICE}spreadsheetml.sheet",
        f"{_OFFICE}presentationml.presentation",
    ),
}
_KIND_OF = {mime: kind for kind, mimes in _KINDS.items() for mime in mimes}
_OTHER_NAMES = {
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "audio/x-aac": "audio/aac",
    "video/3gp": "video/3gpp",
    "video/x-m4v": "video/mp4",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "application/x-pdf": "application/pdf",
    # What a spreadsheet or editor writes as text is shown as text.
    "text/csv": "text/plain",
    "text/markdown": "text/plain",
    "application/csv": "text/plain",
}


class MediaForm(msgspec.Struct, frozen=True):
    """How WhatsApp carries a type: the message's kind, the type's name there, and the largest size in bytes."""

    kind: str
    mime: str
    cap: int


def whatsapps_name(mime: str) -> str:
    """The type without parameters, by the name that WhatsApp knows it by, if it does."""
    plain = mime.partition(";")[0].strip().lower()
    return _OTHER_NAMES.get(plain, plain)


def known_form(mime: str) -> MediaForm | None:
    """How WhatsApp carries the type; None = not at all."""
    plain = whatsapps_name(mime)
    kind = _KIND_OF.get(plain)
    return MediaForm(kind, plain, CAPS[kind]) if kind else None


def media_form(mime: str) -> MediaForm:
    """Raises Rejected with a title that a recruiter understands."""
    if form := known_form(mime):
        return form
    raise Rejected(f"WhatsApp does not take files of type {_shown(whatsapps_name(mime))}. {ACCEPTED}", kind="media")


def _shown(mime: str) -> str:
    """A type comes from a stranger's file: only what looks like one is repeated."""
    known = all(part and part.replace("-", "").replace(".", "").replace("+", "").isalnum() for part in mime.split("/"))
    return mime if known and len(mime) < 80 and mime.count("/") == 1 else "unknown"


def cap_of(mime: str) -> int:
    """Bytes that a candidate's file of this type may have; stickers (image/webp) count as images."""
    return CAPS.get(mime.partition("/")[0].strip().lower(), DOCUMENT_CAP)


def fits_caption(mime: str, text: str) -> bool:
    """The text can stand under the file; under audio WhatsApp shows none. Otherwise it is a message of its own."""
    return len(text) <= CAPTION_LENGTH and media_form(mime).kind != "audio"


def media_body(
    media_id: str, mime: str, *, filename: str = "", caption: str = "", reply_to: str = ""
) -> dict[str, Any]:
    """Wire form of a message with an uploaded file; `caption` only if `fits_caption`. Raises Rejected."""
    form = media_form(mime)
    kind = form.kind
    media: dict[str, Any] = {"id": media_id}
    if form.mime == "audio/ogg":  # Opus, as the lane sees to it: shown as a voice message, and transcribed on the phone
        media["voice"] = True
    if kind == "document":
        media["filename"] = filename or "document"
    if caption:
        media["caption"] = caption
    return {"type": kind, kind: media} | ({"context": {"message_id": reply_to}} if reply_to else {})
