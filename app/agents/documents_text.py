"""What is read out of a document, and why some documents are not read. Shared by both sides of the reading process."""

import re
import unicodedata
from enum import StrEnum

import msgspec

# Of a CV; what lies beyond is not read, and a warning says so.
MOST_PAGES = 20
MOST_CHARACTERS = 200_000
# A book or an archive, not a CV: refused before a page is opened.
MOST_PAGES_OF_A_FILE = 200
# Below this difference in luminance (0..255) ink cannot be told from paper: #E0E0E0 on white.
LEAST_CONTRAST = 32

# Characters that no reader sees: controls, bidi overrides, zero-width space, and Unicode's tag block, which can spell
# whole sentences. The zero-width joiners stay: Arabic script and emoji need them.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\uffff"
    r"\U000e0000-\U000e0fff\ud800-\udfff]"
)
_SMUGGLED = re.compile(r"[\U000e0020-\U000e007e\U000e0100-\U000e01ef]")
_SPACES = re.compile(r"[ \t\xa0\u2000-\u200a\u202f\u3000]+")


class Reason(StrEnum):
    """Why a document is not read; each is something that can be said politely to the candidate."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    PICTURE = "picture"  # an image of text: nothing here can read it well enough
    OLD_WORD = "old_word"  # .doc: please save as PDF or DOCX
    UNSUPPORTED = "unsupported"
    MIXED = "mixed"  # two file formats in one
    ENCRYPTED = "encrypted"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_COMPLEX = "too_complex"  # time, memory or unpacked size ran out
    DAMAGED = "damaged"
    UNAVAILABLE = "unavailable"  # our own trouble: the file may be fine


class Remark(StrEnum):
    """What a recruiter should know about a document that was read."""

    HIDDEN_TEXT = "hidden_text"  # left out of `pages`
    PALE_TEXT = "pale_text"  # white letters whose background is not known; kept
    SCAN_TEXT_LAYER = "scan_text_layer"  # words come from somebody's OCR, not checked against the picture
    NO_TEXT = "no_text"
    MORE_PAGES = "more_pages"
    MORE_TEXT = "more_text"
    MIME_MISMATCH = "mime_mismatch"  # announced or named as another type than it is


class DocumentRefused(Exception):
    """The document is not read; `reason` says why. Holds nothing of its content."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"document refused: {reason.value}")
        self.reason = reason


class Page(msgspec.Struct, frozen=True):
    """Numbers begin at 1."""

    number: int
    text: str


class Reading(msgspec.Struct, kw_only=True):
    """What the reading process found. `shown` and `hidden` count characters that are not spaces."""

    pages: list[Page] = []
    scanned: bool = False
    shown: int = 0
    hidden: int = 0
    warnings: list[Remark] = []


class Verdict(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The reading process's answer: one of both."""

    reading: Reading | None = None
    refused: Reason | None = None


def letters(text: str) -> int:
    """How many characters are not spaces."""
    return sum(map(len, text.split()))


def tidy(text: str) -> tuple[str, int]:
    """The text as a person sees it (NFC, single spaces, no blank edges) and how many smuggled characters it held."""
    smuggled = len(_SMUGGLED.findall(text))
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    lines = [_SPACES.sub(" ", line).strip() for line in re.split(r"[\n\x0b\x0c\x85\u2028\u2029]", text)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), smuggled


def finish(raw_pages: list[str], *, hidden: int, scanned: bool, warnings: set[Remark]) -> Reading:
    """Tidy pages under the limit on characters; hidden text and emptiness become warnings."""
    pages: list[Page] = []
    room, shown = MOST_CHARACTERS, 0
    for number, raw in enumerate(raw_pages, start=1):
        text, smuggled = tidy(raw)
        hidden += smuggled
        if len(text) > room:
            text = text[:room]
            warnings.add(Remark.MORE_TEXT)
        room -= len(text)
        shown += letters(text)
        pages.append(Page(number, text))
    if hidden:
        warnings.add(Remark.HIDDEN_TEXT)
    if not shown:
        warnings.add(Remark.NO_TEXT)
    return Reading(pages=pages, scanned=scanned, shown=shown, hidden=hidden, warnings=sorted(warnings))
