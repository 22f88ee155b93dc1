"""What a recruiter's file is by its first bytes, and whether it must be converted before WhatsApp takes it.

Chatwoot names types by what the browser said: a recording called audio/ogg may be WebM. Only the standard library is
imported, because the converting
process imports this, too.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Reason(StrEnum):
    """Why a file was not converted."""

    DAMAGED = "damaged"
    HUGE = "huge"
    LONG = "long"
    PAGES = "pages"


class NotConverted(Exception):
    """The file stays what it is."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Source(NamedTuple):
    """A file to convert: `tool` is "picture" or "stream", `form` the only format that its reader may try."""

    tool: str
    form: str


_PICTURES: Final = {
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/x-ms-bmp": "BMP",
    "image/tiff": "TIFF",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
}
_STREAMS: Final = {
    "audio/webm": "matroska",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "audio/x-matroska": "matroska",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/vorbis": "ogg",
    "video/ogg": "ogg",
    "audio/ogg": "ogg",
    "audio/aiff": "aiff",
    "audio/x-aiff": "aiff",
    "audio/x-caf": "caf",
    "audio/x-ms-wma": "asf",
    "video/x-ms-wmv": "asf",
    "video/x-msvideo": "avi",
    "video/quicktime": "mov",
    "video/mp4": "mov",
    "video/3gpp": "mov",
    "audio/mp4": "mov",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
}
_FORM_OF: Final = {mime: Source("picture", form) for mime, form in _PICTURES.items()} | {
    mime: Source("stream", form) for mime, form in _STREAMS.items()
}
# Formats that begin alike whatever is in them; containers are looked into below.
_BEGINNINGS: Final = (
    (b"\xff\xd8\xff", Source("picture", "JPEG")),
    (b"\x89PNG\r\n\x1a\n", Source("picture", "PNG")),
    (b"GIF87a", Source("picture", "GIF")),
    (b"GIF89a", Source("picture", "GIF")),
    (b"II*\0", Source("picture", "TIFF")),
    (b"MM\0*", Source("picture", "TIFF")),
    (b"\x1aE\xdf\xa3", Source("stream", "matroska")),
    (b"OggS", Source("stream", "ogg")),
    (b"fLaC", Source("stream", "flac")),
    (b"caff", Source("stream", "caf")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Source("stream", "asf")),
)
# RIFF and IFF name what they hold in bytes 8 to 12.
_HELD: Final = {
    (b"RIFF", b"WEBP"): Source("picture", "WEBP"),
    (b"RIFF", b"WAVE"): Source("stream", "wav"),
    (b"RIFF", b"AVI "): Source("stream", "avi"),
    (b"FORM", b"AIFF"): Source("stream", "aiff"),
    (b"FORM", b"AIFC"): Source("stream", "aiff"),
}
_HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"}
# Codecs within MP4 that WhatsApp does not play (it plays H.264 and AAC); tracks of other kinds do no harm.
_FILMS: Final = {b"hvc1", b"hev1", b"dvh1", b"dvhe", b"av01", b"vp08", b"vp09", b"mp4v", b"s263", b"jpeg", b"apcn"}
_SOUNDS: Final = {b"Opus", b"fLaC", b"alac", b"ac-3", b"ec-3", b"sowt", b"twos", b"lpcm", b".mp3"}
_PLAYED_FILMS: Final = {b"avc1", b"avc3"}


def recognise(content: bytes) -> Source | None:
    """The format by the bytes alone."""
    for beginning, source in _BEGINNINGS:
        if content.startswith(beginning):
            return source
    if held := _HELD.get((content[:4], content[8:12])):
        return held
    if content[4:8] == b"ftyp":
        return Source("picture", "HEIF") if content[8:12] in _HEIF_BRANDS else Source("stream", "mov")
    return None


def converted_from(content: bytes, mime: str, *, kind: str, cap: int) -> Source | None:
    """How to convert the file; None = it goes as it is, or nothing can be done.

    `mime` as WhatsApp names it, `kind` and `cap` (bytes) of what WhatsApp would make of it, `kind` "" = it would not.
    """
    if kind == "document":
        return None
    found = recognise(content)
    if not kind or len(content) > cap:
        return found or _FORM_OF.get(mime)
    return found if found and not _taken(found.form, content, kind) else None


def _taken(form: str, content: bytes, kind: str) -> bool:
    match form:
        case "JPEG" | "PNG":
            return True
        case "ogg":
            return b"OpusHead" in content[:512]
        case "mov":
            return _plays(content, kind)
    return False


def _plays(content: bytes, kind: str) -> bool:
    """Whether the codecs of an MP4 are WhatsApp's. A film without pictures stays what the recruiter called it."""
    codecs = set()
    at = content.find(b"stsd")
    while at >= 0:
        codecs.add(content[at + 16 : at + 20])  # "stsd", version, count of entries, size of the first, its name
        at = content.find(b"stsd", at + 4)
    if kind == "video" and not codecs & (_FILMS | _PLAYED_FILMS):
        return True
    return not codecs & (_FILMS | _SOUNDS)
