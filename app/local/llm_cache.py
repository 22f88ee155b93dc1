"""Prompt caches as the vendors keep them: by marked prefix (Anthropic), by longest common prefix (OpenAI)."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.local.llm_script import tokens

_TTL = {"5m": 300.0, "1h": 3600.0}
# Shortest cacheable prefix in tokens, by the start of a model's id; the vendor documents 512 to 4096 by model and
# caches nothing below it, without a word (Anthropic: prompt caching, limitations).
MINIMUM = {"claude-haiku-4-5": 4096, "claude-haiku": 2048, "claude-sonnet": 1024, "claude": 1024}


@dataclass(frozen=True, slots=True)
class Usage:
    """Input tokens by what they cost: `fresh` in full, `written` dearer, `read` at a tenth or less."""

    fresh: int
    written: int = 0
    read: int = 0


class MarkedPrefixCache:
    """Anthropic: a prefix that ends at a `cache_control` mark is kept for its time to live, renewed by each use."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until: dict[str, float] = {}

    def use(self, model: str, blocks: Sequence[tuple[str, str]]) -> Usage:
        """`blocks`: the prompt's parts in order (schema, tools, system, messages), each with its mark's ttl or ''."""
        now, prefix, read, marked, ttls = self._now(), model, 0, 0, list[tuple[str, str]]()
        total = sum(tokens(text) for text, _ in blocks)
        size = 0
        for text, ttl in blocks:
            prefix = hashlib.blake2b((prefix + text).encode(), digest_size=16).hexdigest()
            size += tokens(text)
            if ttl and size >= self._minimum(model):
                marked = size
                ttls.append((prefix, ttl))
                if self._until.get(prefix, 0.0) > now:
                    read = size
        for key, ttl in ttls:
            self._until[key] = now + _TTL.get(ttl, 300.0)
        return Usage(fresh=total - marked, written=marked - read, read=read)

    @staticmethod
    def _minimum(model: str) -> int:
        return next((size for start, size in MINIMUM.items() if model.startswith(start)), 1024)


class CommonPrefixCache:
    """OpenAI: what a prompt has in common with recent ones, from 1,024 tokens in steps of 128."""

    KEPT = 200

    def __init__(self) -> None:
        self._recent: dict[str, list[str]] = {}

    def use(self, key: str, prompt: str) -> Usage:
        """`key` is model and `prompt_cache_key`, which routes requests to the same cache."""
        recent = self._recent.setdefault(key, [])
        shared = max((_shared(prompt, old) for old in recent), default=0)
        read = shared // 128 * 128 if shared >= 1024 else 0
        if prompt not in recent:
            recent.append(prompt)
            del recent[: -self.KEPT]
        return Usage(fresh=tokens(prompt) - read, read=read)


def _shared(one: str, other: str) -> int:
    """Tokens that two prompts have in common at their start; halved in on, because prompts are long and many."""
    same, beyond = 0, min(len(one), len(other)) + 1
    while beyond - same > 1:
        middle = (same + beyond) // 2
        if one.startswith(other[:middle]):
            same = middle
        else:
            beyond = middle
    return tokens(one[:same])
