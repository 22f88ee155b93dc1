"""Signs of manipulation and abuse in what a candidate sends. Data for rules and recruiters, never a verdict.

The text is still read as the candidate's words; a sign makes the turn careful (no model answers it freely) and, where
the policy says so, brings a person, without accusing anyone.
"""

import functools
import re
from collections.abc import Iterator

import msgspec

from app.recruiting.guard_lexicon import guard_words
from app.recruiting.guard_speech import Detect, languages_of
from app.recruiting.interrupts import Intent
from app.recruiting.messages import Kind
from app.recruiting.patterns import search
from app.recruiting.text import Text

# Notation of chat models and their tools; nobody writes it by accident.
_MARKUP = re.compile(
    r"<\|[^|\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?(?:system|instructions?|assistant|prompt|tool_call|function_call)>"
    r"|^\s*#{2,}\s*(?:system|instructions?|prompt)\b|\{\s*\"(?:role|tool|function)\"\s*:",
    re.IGNORECASE | re.MULTILINE,
)
_ROLE = re.compile(r"^\s*(?:system|assistant|developer)\s*(?:message|prompt)?\s*:", re.IGNORECASE | re.MULTILINE)
# Text that a person cannot see: tag characters, runs of zero-width ones, overrides of writing direction.
_INVISIBLE = re.compile(r"[\U000e0001-\U000e007f]+|[\u200b\u2060\ufeff]{3,}|[\u202d\u202e]")
_PAYLOAD = re.compile(r"(?<![\w/+])[A-Za-z0-9+/]{120,}={0,2}(?![\w/+])")
_KINDS = ("injection", "abuse", "threat")
_INTENTS = {"injection": Intent.INJECTION, "abuse": Intent.ABUSE, "threat": Intent.ABUSE}


class Suspicion(msgspec.Struct, frozen=True):
    """`kind`: injection, abuse or threat; `signal` says what was seen; `quote` are the candidate's own characters."""

    kind: str
    signal: str
    quote: str


def suspicions(text: str, language: str, detect: Detect, *, document: bool = False) -> list[Suspicion]:
    """Every sign in a message or, with `document`, in a file: files have no reason to speak to software at all."""
    found = list(_notation(text))
    for code in dict.fromkeys(
        [*languages_of(text, language, detect), "en"]
    ):  # English is what manipulation is written in anywhere
        words = guard_words(code).suspicions
        whole = Text(text)
        for clause in (*whole.clauses, whole.whole) if len(whole.clauses) > 1 else whole.clauses:
            for kind in (*_KINDS, *(("document",) if document else ())):
                if match := search(words[kind], clause.folded):
                    quote = clause.quote(match.start(), match.end())
                    found.append(Suspicion("injection" if kind == "document" else kind, "words", quote))
    return list(dict.fromkeys(found))


def _notation(text: str) -> Iterator[Suspicion]:
    for signal, pattern in (("markup", _MARKUP), ("role", _ROLE), ("invisible", _INVISIBLE), ("payload", _PAYLOAD)):
        if match := pattern.search(text):
            yield Suspicion("injection", signal, match.group().strip())


@functools.lru_cache(maxsize=256)
def intents_of(text: str, language: str, detect: Detect, kind: Kind) -> dict[Intent, str]:
    """ABUSE (threats too) and INJECTION with their words; cached because router, extraction and evidence all ask."""
    if kind is Kind.CHOICE:
        return {}  # our own title
    found = suspicions(text, language, detect, document=kind is Kind.DOCUMENT)
    return {_INTENTS[one.kind]: one.quote for one in reversed(found)}
