"""Documents that candidates send, read in a process of their own: bytes in, text with page numbers out."""

import asyncio
import hashlib

import msgspec

from app.agents.documents_magic import MIME_OF, Kind, mismatch, recognise
from app.agents.documents_text import DocumentRefused, Page, Reading, Reason, Remark, Verdict
from app.confined.outside import NotStarted, in_child

__all__ = ["DocumentReader", "DocumentRefused", "DocumentText", "Kind", "Page", "Reason", "Remark"]

MOST_BYTES = 20 * 1024 * 1024
_MOST_ANSWER = 4 * 1024 * 1024  # bytes of JSON; the reading's own limits stay far below
_verdict = msgspec.json.Decoder(Verdict)


class DocumentText(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader sees in the document. `sha256` (hex) and `mime` are of the bytes, not of what was announced.

    `scanned`: its pages are pictures. `hidden_text_ratio`: share (0..1) of its letters that a parser finds and a reader
    does not see; they are left out of `pages`.
    """

    kind: Kind
    pages: list[Page]
    sha256: str
    mime: str
    scanned: bool = False
    hidden_text_ratio: float = 0.0
    warnings: list[Remark] = []

    @property
    def text(self) -> str:
        """All pages."""
        return "\n\n".join(page.text for page in self.pages if page.text)


class DocumentReader:
    """Reads up to `parallel` documents at once, each within `seconds` of wall time."""

    def __init__(self, *, parallel: int = 2, seconds: float = 12.0) -> None:
        self._slots = asyncio.Semaphore(parallel)
        self._seconds = seconds

    async def read_document(self, content: bytes, mime: str, filename: str = "") -> DocumentText:
        """`mime` and `filename` are what the sender calls it; only the bytes decide. Raises DocumentRefused."""
        if not content:
            raise DocumentRefused(Reason.EMPTY)
        if len(content) > MOST_BYTES:
            raise DocumentRefused(Reason.TOO_LARGE)
        kind = recognise(content)
        async with self._slots:
            reading = await self._in_child(kind, content)
        total = reading.shown + reading.hidden
        return DocumentText(
            kind=kind,
            pages=reading.pages,
            sha256=hashlib.sha256(content).hexdigest(),
            mime=MIME_OF[kind],
            scanned=reading.scanned,
            hidden_text_ratio=round(reading.hidden / total, 4) if total else 0.0,
            warnings=[*reading.warnings, *([Remark.MIME_MISMATCH] if mismatch(kind, mime, filename) else [])],
        )

    async def _in_child(self, kind: Kind, content: bytes) -> Reading:
        try:
            answer, status = await in_child(
                "app.agents.documents_child", (kind,), content, most=_MOST_ANSWER, seconds=self._seconds
            )
        except NotStarted:
            raise DocumentRefused(Reason.UNAVAILABLE) from None
        except TimeoutError:
            raise DocumentRefused(Reason.TOO_COMPLEX) from None
        if status < 0:
            raise DocumentRefused(Reason.TOO_COMPLEX)
        try:
            verdict = _verdict.decode(answer)
        except msgspec.MsgspecError:
            raise DocumentRefused(Reason.DAMAGED) from None
        if verdict.reading is None:
            raise DocumentRefused(verdict.refused or Reason.DAMAGED)
        return verdict.reading
