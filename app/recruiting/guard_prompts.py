"""Words of our own prompts in a text that goes out: canaries, long shared runs, and the machinery's notation."""

import hashlib
import re
from collections.abc import Iterable

import msgspec

from app.recruiting.text import read

RUN = 7  # shared words in a row: longer than any set phrase of the trade, shorter than a leaked rule
_NOTATION = re.compile(
    r"```|<\|[^|\n]*\|>|\[/?INST\]|</?(?:system|instructions?|prompt|thinking|tool|function|user|assistant|candidate|facts?|policy|output)\b[^>\n]*>"
    r"|\{\{.*?\}\}|\{[a-z_]{2,30}\}|\{\s*\"[\w-]+\"\s*:|^\s*(?:system|assistant|user|human|ai)\s*:\s|\bfinal_result\b|\brecord_facts\b",
    re.IGNORECASE | re.MULTILINE,
)


class PromptPrints(msgspec.Struct, frozen=True):
    """Hashes of every run of `RUN` words in the prompts, without those of texts that may be said; and the canaries."""

    runs: frozenset[bytes] = frozenset()
    canaries: tuple[str, ...] = ()


def prints(prompts: Iterable[str], sayable: Iterable[str] = (), canaries: Iterable[str] = ()) -> PromptPrints:
    """Fingerprints of prompt files. `sayable` are texts of ours that prompts quote: phrases, approved facts."""
    said = {run for text in sayable for run, _, _ in _runs(text)}
    runs = {run for text in prompts for run, _, _ in _runs(text)}
    return PromptPrints(frozenset(runs - said), tuple(_bare(canary) for canary in canaries if _bare(canary)))


def _runs(text: str) -> list[tuple[bytes, int, int]]:
    words = read(text).words
    return [
        (
            hashlib.blake2b(" ".join(word.folded for word in words[i : i + RUN]).encode(), digest_size=8).digest(),
            words[i].start,
            words[i + RUN - 1].end,
        )
        for i in range(len(words) - RUN + 1)
    ]


def _bare(text: str) -> str:
    """Letters and digits only: a canary is found through blanks, dashes and case."""
    return "".join(char for char in text.casefold() if char.isalnum())


def leaks(text: str, known: PromptPrints) -> list[tuple[str, int, int]]:
    """(`canary` | `prompt` | `notation`, start, end) of each leak; offsets of a canary are the whole text."""
    found = [("notation", match.start(), match.end()) for match in _NOTATION.finditer(text)]
    bare = _bare(text)
    if any(canary in bare for canary in known.canaries):
        found.append(("canary", 0, len(text)))
    shared = [(start, end) for run, start, end in _runs(text) if run in known.runs]
    if shared:
        found.append(("prompt", shared[0][0], shared[-1][1]))
    return found
