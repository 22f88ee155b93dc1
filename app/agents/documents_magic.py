"""What a file is by its bytes. What the sender calls it decides nothing."""

import struct
from enum import StrEnum

from app.agents.documents_text import DocumentRefused, Reason

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT = "text/plain"

_HEADER_WITHIN = 1024  # Adobe's readers look for the header in the first kilobyte
_ZIP_COMMENT = 65535
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")  # an Office file with a password is OLE around it
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")


class Kind(StrEnum):
    """What can be read."""

    PDF = "pdf"
    DOCX = "docx"
    TEXT = "text"


MIME_OF = {Kind.PDF: PDF, Kind.DOCX: DOCX, Kind.TEXT: TEXT}


def recognise(content: bytes) -> Kind:
    """The kind of document. Raises DocumentRefused for pictures, old Word, other types and two types in one file.

    A ZIP counts as DOCX here; whether it is one is seen when it is opened.
    """
    start = content[:_HEADER_WITHIN].lstrip(b"\xef\xbb\xbf \t\r\n\x00")
    if start.startswith(b"%PDF-"):
        if _ends_as_zip(content):
            raise DocumentRefused(Reason.MIXED)
        return Kind.PDF
    if start.startswith(b"PK\x03\x04"):
        if b"%PDF-" in content[:_HEADER_WITHIN]:
            raise DocumentRefused(Reason.MIXED)
        return Kind.DOCX
    if start.startswith(_OLE):
        raise DocumentRefused(Reason.ENCRYPTED if _ENCRYPTED_PACKAGE in content else Reason.OLD_WORD)
    if _is_picture(content):
        raise DocumentRefused(Reason.PICTURE)
    if plain_text(content) is not None and not start.startswith((b"{\\rtf", b"<", b"%!PS")):
        return Kind.TEXT
    raise DocumentRefused(Reason.UNSUPPORTED)


def plain_text(content: bytes) -> str | None:
    """Text in UTF-8, or in UTF-16 with its mark; older code pages cannot be told apart, so they are not guessed."""
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def mismatch(kind: Kind, claimed_mime: str, filename: str) -> bool:
    """The announced type or the file name's ending says something else."""
    claimed = claimed_mime.partition(";")[0].strip().lower()
    ending = filename.rpartition(".")[2].lower() if "." in filename else ""
    endings = {Kind.PDF: {"pdf"}, Kind.DOCX: {"docx", "docm", "dotx"}, Kind.TEXT: {"txt", "text", "md"}}
    vague = {"", "application/octet-stream", "binary/octet-stream"}
    return (claimed not in vague and claimed != MIME_OF[kind]) or (bool(ending) and ending not in endings[kind])


def _is_picture(content: bytes) -> bool:
    riff = content.startswith(b"RIFF") and content[8:12] == b"WEBP"
    heif = content[4:8] == b"ftyp" and content[8:12] in {b"heic", b"heix", b"mif1", b"msf1", b"avif"}
    return content.startswith(_PICTURES) or riff or heif


def _ends_as_zip(content: bytes) -> bool:
    """A ZIP directory closes the file exactly: unzipping it would work."""
    at = content.rfind(b"PK\x05\x06", max(0, len(content) - _ZIP_COMMENT - 22))
    if at < 0 or len(content) - at < 22:
        return False
    (comment,) = struct.unpack_from("<H", content, at + 20)
    return bool(at + 22 + comment == len(content))
