"""Vectors of texts from OpenAI's embeddings protocol, quickly or not at all: nobody's turn waits for a nicety."""

import asyncio
import time
from collections.abc import Callable, Sequence

import openai
from openai import AsyncOpenAI

from app.agents.guided.paraphrases import E5, Nearness, embedding_receipt
from app.agents.models.budget import Budget
from app.agents.models.prices import Tokens
from app.agents.models.receipts import FREE, OK, Receipt

Vector = list[float]
SECONDS = 1.0  # a turn waits so long
REST_SECONDS = 5.0  # after a failure nobody asks for this long: the next candidates do not wait too
PATIENCE_SECONDS = 20.0  # a batch goes on in the background so long, for whoever asks for it next
# No vectors of OpenAI's were at hand to measure. Its cosines lie far lower than E5's and unrelated sentences stay below
# 0.4, so these find little and take no ordinary sentence for a request to be deleted.
UNMEASURED = Nearness(least=0.62, lead=0.15)


def nearness_of(model: str) -> Nearness:
    """From which cosines on a model's vectors mean the same."""
    return E5 if "e5" in model else UNMEASURED


class Embedder:
    """`await embedder(texts, receipt)`: their vectors, or ConnectionError or TimeoutError within `seconds`.

    `budget` None: the server is the deployment's own and costs nothing.
    """

    def __init__(
        self,
        client: AsyncOpenAI,
        model: str,
        *,
        budget: Budget | None = None,
        seconds: float = SECONDS,
        rest_seconds: float = REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._model = model
        self._budget = budget
        self._seconds = seconds
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._rests_until = float("-inf")
        self._batches: dict[tuple[str, ...], asyncio.Task[list[Vector]]] = {}

    async def __call__(self, texts: Sequence[str], receipt: Receipt) -> list[Vector]:
        """One vector per text, in order."""
        if self._clock() < self._rests_until:
            raise ConnectionError("embeddings failed a moment ago")
        if self._budget is not None and not await self._budget.allows(receipt.candidate):
            raise ConnectionError("the budget for models is spent")
        try:
            async with asyncio.timeout(self._seconds):
                return await (self._asked(texts, receipt) if len(texts) == 1 else self._batch(tuple(texts)))
        except (openai.OpenAIError, TimeoutError, ConnectionError) as error:
            self._rests_until = self._clock() + self._rest_seconds
            if isinstance(error, TimeoutError):
                raise
            raise ConnectionError(f"embeddings: {type(error).__name__}") from None

    def foresee(self, texts: Sequence[str]) -> None:
        """Begin in the background with a batch that will be asked for, so that nobody waits for it."""
        self._begun(tuple(texts))

    async def aclose(self) -> None:
        """Stop what still runs in the background."""
        for task in self._batches.values():
            task.cancel()
        await asyncio.gather(*self._batches.values(), return_exceptions=True)

    async def _batch(self, texts: tuple[str, ...]) -> list[Vector]:
        """Many texts may take longer than a turn waits, as while a local model loads: that work is not thrown away."""
        vectors = await asyncio.shield(self._begun(texts))
        self._batches.pop(texts, None)
        return vectors

    def _begun(self, texts: tuple[str, ...]) -> asyncio.Task[list[Vector]]:
        task = self._batches.get(texts)
        if task is None:
            task = self._batches[texts] = asyncio.create_task(self._patiently(texts))
            task.add_done_callback(_heard)
        return task

    async def _patiently(self, texts: tuple[str, ...]) -> list[Vector]:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._asked(texts, embedding_receipt())
        except BaseException:
            self._batches.pop(texts, None)  # the next one begins anew
            raise

    async def _asked(self, texts: Sequence[str], receipt: Receipt) -> list[Vector]:
        begun, outcome, tokens = time.monotonic(), "error", 0
        try:
            # As plain numbers: the client would otherwise unpack base64 with numpy, which is not installed.
            answer = await self._client.embeddings.create(model=self._model, input=list(texts), encoding_format="float")
            tokens = answer.usage.prompt_tokens if answer.usage else 0
            vectors = [each.embedding for each in sorted(answer.data, key=lambda each: each.index)]
            if len(vectors) != len(texts) or not all(vectors):
                outcome = "malformed"
                raise ConnectionError("embeddings: an answer without a vector for each text")
            outcome = OK
        except openai.OpenAIError as error:
            outcome = _outcome(error)
            raise
        except asyncio.CancelledError:
            outcome = "timeout"  # by whoever waited
            raise
        finally:
            await self._booked(receipt, outcome, time.monotonic() - begun, tokens)
        return vectors

    async def _booked(self, receipt: Receipt, outcome: str, seconds: float, tokens: int) -> None:
        before = receipt.cost
        provider = FREE if self._budget is None else "openai"
        receipt.add(provider, self._model, outcome, seconds, Tokens(input=tokens))
        if self._budget is not None:
            await self._budget.book(receipt.candidate, receipt.cost - before)


def _outcome(error: openai.OpenAIError) -> str:
    """As LLM_SECONDS names it."""
    if isinstance(error, openai.APITimeoutError):
        return "timeout"
    if isinstance(error, openai.RateLimitError):
        return "throttled"
    if isinstance(error, openai.APIStatusError):
        return "server_error" if error.status_code >= 500 else "rejected"
    return "network"


def _heard(task: asyncio.Task[list[Vector]]) -> None:
    """A failure after everybody stopped waiting is known by the next call, and no news to the event loop."""
    if not task.cancelled():
        task.exception()
