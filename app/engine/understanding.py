"""Voice and documents become words before anybody thinks about them; their bytes are not kept."""

import msgspec

from app.agents.documents import DocumentReader
from app.agents.documents_text import DocumentRefused
from app.agents.transcription import Transcriber, TranscriptionFailed
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
    """The candidate's messages with words in them, and remarks for the recruiter (plain text)."""

    said: list[CandidateSaid]
    remarks: list[str]


class Understanding:
    """Reads what needs reading, each message once per turn. `transcriber` None: voice stays unread."""

    def __init__(self, media: WhatsAppMedia, documents: DocumentReader, transcriber: Transcriber | None) -> None:
        self._media = media
        self._documents = documents
        self._transcriber = transcriber

    async def read(self, said: list[CandidateSaid], language: str | None, known: dict[str, Understood]) -> Understood:
        """`known` remembers what was read earlier in the same turn. Never raises for a file that cannot be read."""
        out, remarks = [], []
        for event in said:
            message = event.message
            if message.media is None or message.kind not in {*SPOKEN, Kind.DOCUMENT}:
                out.append(event)
                continue
            if message.message_id not in known:
                known[message.message_id] = await self._one(event, language)
            out += known[message.message_id].said
            remarks += known[message.message_id].remarks
        return Understood(out, remarks)

    async def _one(self, event: CandidateSaid, language: str | None) -> Understood:
        message = event.message
        try:
            words, remarks = await (
                self._heard(message, language) if message.kind in SPOKEN else self._document(message)
            )
        except (SendError, DocumentRefused, TranscriptionFailed) as error:
            reason = str(getattr(error, "reason", "") or getattr(error, "failure", "") or getattr(error, "title", ""))
            log.info("message.unread", kind=message.kind, reason=reason)
            return Understood([event], [f"A {message.kind} message could not be read: {reason.replace('_', ' ')}."])
        text = "\n".join(part for part in (message.text, words) if part)[:MAX_CHARACTERS]
        return Understood(
            [msgspec.structs.replace(event, message=msgspec.structs.replace(message, text=text))], remarks
        )

    async def _heard(self, message: InboundMessage, language: str | None) -> tuple[str, list[str]]:
        if self._transcriber is None or message.media is None:
            return "", ["A voice message could not be read: voice needs OPENAI_API_KEY. Please listen to it."]
        file = await self._media.fetch(message.media.media_id)
        transcript = await self._transcriber.transcribe(file.content, file.mime, language)
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
