"""With embeddings the guided router understands requests that no word list foresees, and takes nothing else for one."""
# ruff: noqa: E501  # tables of sentences read better unwrapped

from collections.abc import Callable, Sequence

import pytest

from app.agents.guided.paraphrases import Paraphrases, embedding_receipt
from app.agents.guided.tier import guided_context
from app.agents.models.receipts import Receipt
from app.agents.roles import AgentContext
from app.local.llm_embeddings import e5_vectors
from app.recruiting.interrupts import Intent
from tests.fixtures.agents import COMPANY, Talk

MEANT = {
    Intent.HUMAN: [
        "kan jouw baas contact met mij opnemen", "wolałbym kogoś prawdziwego po drugiej stronie", "هل يوجد أحد من فريقكم أتواصل معه",
        "could your manager maybe reach out to me",
    ],
    Intent.DELETE: [
        "gooi alles weg wat ik verteld heb", "nie chcę żebyście cokolwiek o mnie trzymali", "quiero que desaparezca todo lo que os he contado",
        "знищіть усе що я вам розповів",
    ],
}  # fmt: skip
ORDINARY = [
    "ik heb vijf jaar als kok gewerkt", "mam doświadczenie w pracy z ludźmi", "puedo trabajar los fines de semana", "am lucrat în construcții mulți ani",
    "я працював на складі три роки", "Ich habe lange im Kundendienst gearbeitet", "hebben jullie ook nachtdiensten in de winter",
    "ich wohne noch bei meinen Eltern", "my last job ended in May", "I was a recruiter at a big company", "لدي خبرة طويلة في أعمال البناء",
]  # fmt: skip


@pytest.fixture(scope="module")
def paraphrases() -> Paraphrases:
    vectors = e5_vectors()

    async def embed(texts: Sequence[str], _: Receipt) -> list[list[float]]:
        return vectors(texts, False)  # noqa: FBT003  # as queries

    return Paraphrases(embed)


@pytest.mark.parametrize(("intent", "text"), [(intent, text) for intent, texts in MEANT.items() for text in texts])
async def test_request_in_other_words_is_understood(paraphrases: Paraphrases, intent: Intent, text: str) -> None:
    assert await paraphrases.intent_of(text, embedding_receipt()) is intent


@pytest.mark.parametrize("text", [*ORDINARY, "ok", "truck driver"])
async def test_ordinary_sentence_is_no_request(paraphrases: Paraphrases, text: str) -> None:
    assert await paraphrases.intent_of(text, embedding_receipt()) is None


async def broken(_: Sequence[str], __: Receipt) -> list[list[float]]:
    raise ConnectionError


@pytest.fixture
def broken_context() -> AgentContext:
    return guided_context(COMPANY, broken)


async def test_without_embeddings_the_intake_goes_on(talk: Callable[..., Talk], broken_context: AgentContext) -> None:
    conversation = talk(context=broken_context)
    proposal = await conversation.say("could your manager maybe reach out to me")
    assert proposal["replies"]
