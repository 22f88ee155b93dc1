"""Word lists of the guard, per language: data files compiled to patterns once per process."""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.recruiting.patterns import Phrases

FOLDER = Path(__file__).with_name("guard_data")
# A forbidden question is forbidden in every language, also in one that the conversation is not held in.
LANGUAGES = ("en", "nl", "de", "pl", "es", "ro", "uk", "ar")
TOPICS = (
    "age", "family", "religion", "origin", "nationality", "health", "politics", "orientation", "military", "finances",
    "convictions", "salary_history", "photo", "social_media", "documents", "native_speaker", "gaps",
)  # fmt: skip
STATEMENTS = ("promise", "verdict", "human", "special", "comment")
SUSPICIONS = ("injection", "document", "abuse", "threat")
FORMS = ("request", "negation", "without", "unreal", "subordinate", "allow")


@dataclass(frozen=True)
class GuardWords:
    """One language. `screen` matches whenever any question or statement pattern can."""

    code: str
    forms: Mapping[str, Phrases]
    questions: Mapping[str, Phrases]
    always: Mapping[str, Phrases]
    statements: Mapping[str, Phrases]
    suspicions: Mapping[str, Phrases]
    screen: Phrases


def spelled_out(pattern: str) -> list[str]:
    """`you_are|youre hired` is two patterns: an alternative of several words is written with underscores."""
    words = pattern.split()
    for index, word in enumerate(words):
        if "_" in word:
            options = word.strip("[]").split("|")
            single = "|".join(option for option in options if "_" not in option)
            single = f"[{single}]" if single and word.startswith("[") else single
            several = [option.replace("_", " ") for option in options if "_" in option]
            ways = [single, *several] if single else several
            return [one for way in ways for one in spelled_out(" ".join([*words[:index], way, *words[index + 1 :]]))]
    return [pattern]


def _alternation(patterns: Iterable[str]) -> Phrases:
    return Phrases(one for pattern in patterns for one in spelled_out(pattern))


def _compiled(section: Mapping[str, Iterable[str]], names: Iterable[str]) -> dict[str, Phrases]:
    return {name: _alternation(section[name]) for name in names}


def _load(code: str) -> GuardWords:
    data: dict[str, Any] = tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
    outbound = [*data["questions"].values(), *data["always"].values(), *data["statements"].values()]
    return GuardWords(
        code=code,
        forms=_compiled(data["form"], FORMS),
        questions=_compiled(data["questions"], TOPICS),
        always=_compiled(data["always"], data["always"]),
        statements=_compiled(data["statements"], STATEMENTS),
        suspicions=_compiled(data["inbound"], SUSPICIONS),
        screen=_alternation(pattern for patterns in outbound for pattern in patterns),
    )


@functools.cache
def guard_words(code: str) -> GuardWords:
    """The guard's words of one of `LANGUAGES`."""
    return _load(code)
