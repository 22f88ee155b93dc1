"""Voice to text through the real OpenAI client against a server of its wire protocol."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.agents.models.budget import Budget, Limits, ProcessSpending, Spending
from app.agents.models.prices import load_prices
from app.agents.models.receipts import Receipt
from app.agents.transcription import Failure, Transcriber, TranscriptionFailed, opus_seconds
from app.local.sample_files import ogg_silence, pdf
from tests.fixtures.twins import Json, serve

OGG = "audio/ogg; codecs=opus"


def budget(spending: Spending | None = None, dollars: float = 1.0) -> Budget:
    limits = Limits(candidate_daily_usd=dollars, service_hourly_usd=100.0)
    return Budget(spending or ProcessSpending(), limits, lambda: 1_800_000_000.0)


def receipt() -> Receipt:
    return Receipt("transcription", load_prices(), "anna")


@dataclass
class OpenAi:
    """Answers transcriptions with `answer`; `asked` are the forms it got, files as (name, type, content)."""

    url: str = ""
    status: int = 200
    answer: Json = field(default_factory=lambda: {"text": "I live in Utrecht", "languages": [{"code": "en"}]})
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    stall: float = 0.0
    asked: list[dict[str, object]] = field(default_factory=list)

    def app(self) -> Starlette:
        async def transcriptions(request: Request) -> Response:
            form: dict[str, object] = {}
            async with request.form() as fields:
                for name, value in fields.multi_items():
                    if isinstance(value, UploadFile):
                        form[name] = (value.filename, value.content_type, await value.read())
                    else:
                        form[name] = value
            self.asked.append(form)
            await asyncio.sleep(self.stall)
            if self.body is not None:
                return Response(self.body, self.status, self.headers, media_type="application/json")
            return JSONResponse(self.answer, self.status)

        return Starlette(routes=[Route("/v1/audio/transcriptions", transcriptions, methods=["POST"])])

    @contextlib.asynccontextmanager
    async def transcriber(self, **options: object) -> AsyncIterator[Transcriber]:
        async with AsyncOpenAI(api_key="sk-test", base_url=f"{self.url}/v1") as client:
            yield Transcriber(client, budget(), **options)  # type: ignore[arg-type]


@pytest.fixture
async def vendor() -> AsyncIterator[OpenAi]:
    made = OpenAi()
    async with serve(made.app()) as url:
        made.url = url
        yield made


async def failure(vendor: OpenAi, content: bytes, mime: str = OGG, *, timeout_seconds: float = 5.0) -> Failure:
    async with vendor.transcriber(timeout_seconds=timeout_seconds) as transcriber:
        with pytest.raises(TranscriptionFailed) as failed:
            await transcriber.transcribe(content, mime, receipt(), "nl")
    return failed.value.failure


async def test_a_voice_message_becomes_text_in_its_language(vendor: OpenAi) -> None:
    vendor.answer["usage"] = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}
    async with vendor.transcriber() as transcriber:
        transcript = await transcriber.transcribe(ogg_silence(), OGG, receipt(), "nl")
    assert (transcript.text, transcript.language, transcript.confidence) == ("I live in Utrecht", "en", None)
    assert (transcript.input_tokens, transcript.output_tokens) == (14, 5)
    assert transcript.seconds == pytest.approx(1.0, abs=0.05)
    [form] = vendor.asked
    assert form["file"] == ("voice.ogg", "audio/ogg", ogg_silence())
    assert (form["model"], form["languages[]"]) == ("gpt-transcribe", "nl")


async def test_without_a_hint_the_model_finds_the_language(vendor: OpenAi) -> None:
    vendor.answer = {"text": "Mieszkam w Łodzi", "languages": []}
    async with vendor.transcriber() as transcriber:
        transcript = await transcriber.transcribe(b"mp3", "audio/mpeg", receipt())
    assert (transcript.text, transcript.language, transcript.seconds) == ("Mieszkam w Łodzi", "", 0.0)
    [form] = vendor.asked
    assert not {"language", "languages[]"} & set(form)
    assert form["file"] == ("voice.mp3", "audio/mp3", b"mp3")


async def test_a_model_that_tells_its_certainty_is_asked_for_it(vendor: OpenAi) -> None:
    vendor.answer = {"text": "Utrecht", "logprobs": [{"token": "U", "logprob": -0.1}, {"token": "t", "logprob": -0.3}]}
    vendor.answer["usage"] = {"type": "duration", "seconds": 3}
    async with vendor.transcriber(model="gpt-4o-transcribe") as transcriber:
        transcript = await transcriber.transcribe(ogg_silence(), OGG, receipt(), "nl")
    assert transcript.confidence == pytest.approx(0.8187, abs=0.001)
    assert transcript.seconds == 3
    assert (vendor.asked[0]["language"], vendor.asked[0]["include[]"]) == ("nl", "logprobs")


@pytest.mark.parametrize(
    ("status", "expected", "may_pass"),
    [
        (400, Failure.UNSUPPORTED, False),
        (401, Failure.REFUSED, False),
        (403, Failure.REFUSED, False),
        (413, Failure.UNSUPPORTED, False),
        (429, Failure.THROTTLED, True),
        (500, Failure.UNAVAILABLE, True),
        (503, Failure.UNAVAILABLE, True),
    ],
)
async def test_a_refusal_is_typed_and_asked_once(
    vendor: OpenAi, status: int, expected: Failure, may_pass: bool
) -> None:
    vendor.status, vendor.answer = status, {"error": {"message": "secret words", "type": "x", "code": None}}
    async with vendor.transcriber() as transcriber:
        with pytest.raises(TranscriptionFailed) as failed:
            await transcriber.transcribe(ogg_silence(), OGG, receipt())
    assert (failed.value.failure, failed.value.may_pass) == (expected, may_pass)
    assert "secret words" not in repr(failed.value)
    assert len(vendor.asked) == 1


async def test_a_slow_vendor_is_given_up_in_time(vendor: OpenAi) -> None:
    vendor.stall = 2.0
    assert await failure(vendor, ogg_silence(), timeout_seconds=0.1) is Failure.TIMEOUT
    assert len(vendor.asked) == 1


async def test_a_vendor_out_of_reach_is_unavailable() -> None:
    assert await failure(OpenAi(url="http://127.0.0.1:9"), ogg_silence()) is Failure.UNAVAILABLE


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"text": null}', b'"words"'])
async def test_an_answer_that_is_none_is_not_taken_for_words(vendor: OpenAi, body: bytes) -> None:
    vendor.body = body
    assert await failure(vendor, ogg_silence()) is Failure.UNAVAILABLE


async def test_an_answer_that_breaks_off_is_unavailable(vendor: OpenAi) -> None:
    vendor.body, vendor.headers = b'{"text": "I live', {"content-length": "500"}
    assert await failure(vendor, ogg_silence()) is Failure.UNAVAILABLE


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_silence_is_no_message(vendor: OpenAi, text: str) -> None:
    vendor.answer = {"text": text}
    assert await failure(vendor, ogg_silence()) is Failure.EMPTY


def lasting(seconds: int) -> bytes:
    """The sample with its last page's position moved, as a recording of that length has it."""
    content = bytearray(ogg_silence())
    struct.pack_into("<q", content, content.rfind(b"OggS") + 6, seconds * 48_000)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "mime", "expected"),
    [
        (b"", OGG, Failure.EMPTY),
        (pdf("a CV"), "application/pdf", Failure.UNSUPPORTED),
        (b"#!AMR", "audio/amr", Failure.UNSUPPORTED),
        (bytes(17 * 1024 * 1024), OGG, Failure.TOO_LONG),
        (lasting(3_600), OGG, Failure.TOO_LONG),
    ],
)
async def test_what_cannot_be_transcribed_is_not_sent(
    vendor: OpenAi, content: bytes, mime: str, expected: Failure
) -> None:
    assert await failure(vendor, content, mime) is expected
    assert vendor.asked == []


def test_the_length_of_a_recording_is_read_from_its_last_page() -> None:
    assert opus_seconds(ogg_silence()) == pytest.approx(1.0, abs=0.05)
    assert opus_seconds(lasting(90)) == pytest.approx(90.0, abs=0.05)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_the_length_of_anything_else_is_a_number(noise: bytes, at: int) -> None:
    sample = ogg_silence()
    assert opus_seconds(noise) >= 0.0
    assert opus_seconds(sample[: at % len(sample)] + noise) >= 0.0


@pytest.mark.parametrize(
    ("usage", "content", "mime", "seconds"),
    [
        ({"type": "duration", "seconds": 30}, ogg_silence(), OGG, 30.0),
        ({"type": "tokens", "input_tokens": 14, "output_tokens": 5}, lasting(90), OGG, 90.0),
        (None, bytes(120_000), "audio/mpeg", 120.0),  # nobody tells the length: it is not free for that
    ],
)
async def test_a_recording_is_paid_by_its_minutes_and_booked(
    vendor: OpenAi, usage: Json | None, content: bytes, mime: str, seconds: float
) -> None:
    vendor.answer["usage"] = usage
    bill, spending = receipt(), ProcessSpending()
    async with AsyncOpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1") as client:
        ears = Transcriber(client, budget(spending, dollars=0.0001))
        await ears.transcribe(content, mime, bill)
        assert float(bill.cost) == pytest.approx(seconds / 60 * 0.0045, rel=0.001)
        log = bill.log()
        assert (log["model"], log["calls"]) == ("gpt-transcribe", ["gpt-transcribe:ok"])
        assert log["input_tokens"] == (usage or {}).get("input_tokens", 0)
        with pytest.raises(TranscriptionFailed) as failed:
            await ears.transcribe(content, mime, receipt())
    assert failed.value.failure is Failure.OVER_BUDGET
    assert len(vendor.asked) == 1, "over budget nobody is asked"
