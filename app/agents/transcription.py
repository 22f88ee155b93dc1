"""Voice messages to text, by OpenAI. Audio is not kept: it lives as long as the call."""

import math
import struct
import time
from dataclasses import dataclass
from enum import StrEnum

import msgspec
import openai
from openai import AsyncOpenAI

from app.agents.models.budget import Budget
from app.agents.models.prices import Tokens
from app.agents.models.receipts import OK, Receipt

# The only transcription model without an announced end (SDK's list; the others end 2027-02-26).
MODEL = "gpt-transcribe"
# OpenAI takes 25 MB; WhatsApp's audio ends at 16.
MOST_BYTES = 16 * 1024 * 1024
# Nobody tells an intake more than this; a longer recording costs money and a person should hear it.
MOST_SECONDS = 600.0

# Of speech in any of the formats; where nobody tells the length, it is taken to be as long as that.
_LEAST_BYTES_PER_SECOND = 1000
_OPUS_RATE = 48_000  # granule positions of Opus count at 48 kHz whatever the recording had (RFC 7845 §4)
# OpenAI looks at the file name's ending.
_ENDINGS = {
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "application/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/aac": "m4a",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/webm": "webm",
    "audio/flac": "flac",
    "video/mp4": "mp4",
}


class _Logprob(msgspec.Struct):
    logprob: float | None = None


class _Language(msgspec.Struct):
    code: str = ""


class _Usage(msgspec.Struct):
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0


class _Answer(msgspec.Struct):
    """Decoded here: the SDK builds its own type from any JSON at all."""

    text: str
    languages: list[_Language] | None = None
    logprobs: list[_Logprob] | None = None
    usage: _Usage | None = None


class Failure(StrEnum):
    """Why there is no transcript. The first three may pass; the rest will not."""

    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"  # the request or the account: a person must look
    UNSUPPORTED = "unsupported"  # a format that cannot be transcribed
    TOO_LONG = "too_long"
    EMPTY = "empty"  # nothing was said
    OVER_BUDGET = "over_budget"  # nothing more may be spent today, or in this hour


PASSING = frozenset({Failure.THROTTLED, Failure.TIMEOUT, Failure.UNAVAILABLE})


class TranscriptionFailed(Exception):
    """No transcript; `failure` says why. Holds nothing of the recording."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"transcription failed: {failure.value}")
        self.failure = failure

    @property
    def may_pass(self) -> bool:
        """Another try later can help."""
        return self.failure in PASSING


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """`language` is the first one that was detected (ISO 639-1), empty when none was. `confidence` (0..1) is the
    geometric mean of the words' probabilities, None when the model does not tell. `seconds` of audio, 0 = not known.
    """

    text: str
    language: str = ""
    confidence: float | None = None
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Transcriber:
    """`client` is the process's OpenAI client; it is called once per recording, without its own retries."""

    client: AsyncOpenAI
    budget: Budget
    model: str = MODEL
    timeout_seconds: float = 30.0

    async def transcribe(
        self, content: bytes, mime: str, receipt: Receipt, language_hint: str | None = None
    ) -> Transcript:
        """`language_hint` = what the candidate has written in so far; others are understood too.

        The call is booked on the receipt and its candidate's budget. Raises TranscriptionFailed.
        """
        ending = _ENDINGS.get(mime.partition(";")[0].strip().lower())
        if ending is None or not content:
            raise TranscriptionFailed(Failure.EMPTY if ending else Failure.UNSUPPORTED)
        length = opus_seconds(content)
        if len(content) > MOST_BYTES or length > MOST_SECONDS:
            raise TranscriptionFailed(Failure.TOO_LONG)
        if not await self.budget.allows(receipt.candidate):
            raise TranscriptionFailed(Failure.OVER_BUDGET)
        started = time.monotonic()
        try:
            answer = await self._ask(content, ending, language_hint)
        except TranscriptionFailed as failed:
            outcome = _OUTCOMES.get(failed.failure, "rejected")
            receipt.add("openai", self.model, outcome, time.monotonic() - started)
            raise
        usage = answer.usage or _Usage()
        tokens = Tokens(input=usage.input_tokens, output=usage.output_tokens)
        heard = usage.seconds or length or len(content) / _LEAST_BYTES_PER_SECOND
        before = receipt.cost
        receipt.add("openai", self.model, OK, time.monotonic() - started, tokens, audio_seconds=heard)
        await self.budget.book(receipt.candidate, receipt.cost - before)
        return _transcript(answer, length)

    async def _ask(self, content: bytes, ending: str, language_hint: str | None) -> _Answer:
        client = self.client.with_options(max_retries=0, timeout=self.timeout_seconds)
        create = client.audio.transcriptions.with_raw_response.create
        file = (f"voice.{ending}", content, "audio/ogg" if ending == "ogg" else f"audio/{ending}")
        try:
            if self.model == MODEL:
                # A list of likely languages, not an order: who switches language is still understood.
                languages = [language_hint] if language_hint else openai.omit
                answer = await create(model=self.model, file=file, languages=languages)
            else:
                answer = await create(
                    model=self.model,
                    file=file,
                    language=language_hint or openai.omit,
                    response_format="json",
                    include=["logprobs"] if self.model.startswith("gpt-4o") else openai.omit,
                )
            return msgspec.json.decode(answer.content, type=_Answer)
        except msgspec.MsgspecError:
            raise TranscriptionFailed(Failure.UNAVAILABLE) from None
        except openai.APITimeoutError:
            raise TranscriptionFailed(Failure.TIMEOUT) from None
        except openai.RateLimitError:
            raise TranscriptionFailed(Failure.THROTTLED) from None
        except openai.APIStatusError as error:
            raise TranscriptionFailed(_failure_of(error.status_code)) from None
        except openai.OpenAIError:  # unreachable or broken off
            raise TranscriptionFailed(Failure.UNAVAILABLE) from None


_OUTCOMES = {
    Failure.THROTTLED: "throttled",
    Failure.TIMEOUT: "timeout",
    Failure.UNAVAILABLE: "server_error",
}


def _failure_of(status: int) -> Failure:
    if status >= 500 or status in {408, 409}:
        return Failure.UNAVAILABLE
    # 400, 413, 415, 422: this recording; anything else: the account or our request.
    return Failure.UNSUPPORTED if status in {400, 413, 415, 422} else Failure.REFUSED


def _transcript(answer: _Answer, length: float) -> Transcript:
    text = " ".join(answer.text.split())
    if not text:
        raise TranscriptionFailed(Failure.EMPTY)
    usage = answer.usage or _Usage()
    logs = [entry.logprob for entry in answer.logprobs or [] if entry.logprob is not None]
    return Transcript(
        text=text,
        language=answer.languages[0].code if answer.languages else "",
        confidence=round(math.exp(min(0.0, sum(logs) / len(logs))), 4) if logs else None,
        seconds=usage.seconds or length,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
    )


def opus_seconds(content: bytes) -> float:
    """Length of an Ogg/Opus recording by its last page, 0 when it is something else. Never raises."""
    head = content.find(b"OpusHead", 0, 512)
    last = content.rfind(b"OggS")
    if head < 0 or last < 0 or len(content) < max(last + 14, head + 12):
        return 0.0
    skipped: int = struct.unpack_from("<H", content, head + 10)[0]
    position: int = struct.unpack_from("<q", content, last + 6)[0]
    return max(0.0, (position - skipped) / _OPUS_RATE)
