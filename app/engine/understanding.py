"""Voice and documents become words before anybody thinks about them; their bytes are not kept."""

from typing import Any

import msgspec

from app.agents.documents import DocumentReader
from app.agents.documents_text import DocumentRefused
from app.agents.models.prices import load_prices
from app.agents.models.receipts import Receipt, summed
from app.agents.transcription import Failure, Transcriber, TranscriptionFailed
from app.channels.errors import SendError
from app.channels.media import WhatsAppMedia
from app.recruiting.events import CandidateSaid
from app.recruiting.messages import InboundMessage, Kind
from app.telemetry.logs import get_logger

log = get_logger()
# Of one document; more than a long CV has.
MAX_CHARACTERS = 30_000
SPOKEN = frozenset({Kind.VOICE, Kind.AUDIO})
# A document in which a reader misses this much of what a parser finds is shown to a person (hidden instructions).
SUSPICIOUS_RATIO = 0.05


class Understood(msgspec.Struct, frozen=True):
    """The candidate's messages with words in them, remarks for the recruiter (plain text), and what hearing cost."""

    said: list[CandidateSaid]
    remarks: list[str]
    log: dict[str, Any] = {}


class Understanding:
    """Reads what needs reading, each message once per turn. `transcriber` None: voice stays unread."""

    def __init__(self, media: WhatsAppMedia, documents: DocumentReader, transcriber: Transcriber | None) -> None:
        self._media = media
        self._documents = documents
        self._transcriber = transcriber

    async def read(
        self, said: list[CandidateSaid], language: str | None, known: dict[str, Understood], *, candidate_id: str
    ) -> Understood:
        """`known` remembers what was read earlier in the same turn. Never raises for a file that cannot be read."""
        out, remarks = [], []
        log: dict[str, Any] = {}
        for event in said:
            message = event.message
            if message.media is None or message.kind not in {*SPOKEN, Kind.DOCUMENT}:
                out.append(event)
                continue
            if message.message_id not in known:
                known[message.message_id] = await self._one(event, language, candidate_id)
            one = known[message.message_id]
            out += one.said
            remarks += one.remarks
            log = summed(log, one.log)
        return Understood(out, remarks, log)

    async def _one(self, event: CandidateSaid, language: str | None, candidate_id: str) -> Understood:
        message = event.message
        receipt = Receipt("transcription", load_prices(), candidate_id)
        try:
            words, remarks = await (
                self._heard(message, language, receipt) if message.kind in SPOKEN else self._document(message)
            )
        except (SendError, DocumentRefused, TranscriptionFailed) as error:
            reason = str(getattr(error, "reason", "") or getattr(error, "failure", "") or getattr(error, "title", ""))
            log.info("message.unread", kind=message.kind, reason=reason)
            remark = f"A {message.kind} message could not be read: {reason.replace('_', ' ')}."
            over = {"fell_back": "budget"} if reason == Failure.OVER_BUDGET else {}
            return Understood([event], [remark], _log(receipt) | over)
        text = "\n".join(part for part in (message.text, words) if part)[:MAX_CHARACTERS]
        read = msgspec.structs.replace(event, message=msgspec.structs.replace(message, text=text))
        return Understood([read], remarks, _log(receipt))

    async def _heard(self, message: InboundMessage, language: str | None, receipt: Receipt) -> tuple[str, list[str]]:
        if self._transcriber is None or message.media is None:
            return "", ["A voice message could not be read: voice needs OPENAI_API_KEY. Please listen to it."]
        file = await self._media.fetch(message.media.media_id)
        transcript = await self._transcriber.transcribe(file.content, file.mime, receipt, language)
        return transcript.text, []

    async def _document(self, message: InboundMessage) -> tuple[str, list[str]]:
        if message.media is None:
            return "", []
        file = await self._media.fetch(message.media.media_id)
        document = await self._documents.read_document(file.content, file.mime, message.media.filename)
        remarks = [f"Document: {remark.replace('_', ' ')}." for remark in document.warnings]
        if document.hidden_text_ratio > SUSPICIOUS_RATIO:
            share = f"{document.hidden_text_ratio:.0%}"
            remarks.append(f"{share} of the document's letters are hidden from a reader; they were left out.")
        return document.text, remarks


def _log(receipt: Receipt) -> dict[str, Any]:
    return receipt.log() if receipt.calls else {}
