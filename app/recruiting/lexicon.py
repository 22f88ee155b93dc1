"""The words candidates use, per language: data files compiled to patterns once per process."""

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.recruiting.patterns import Needed, Phrases, may_hold, search
from app.recruiting.text import Clause, Text, fold

LANGUAGES = ("en", "nl", "de", "pl", "es", "ro", "uk", "ar")
FOLDER = Path(__file__).with_name("lexicon")

INTERRUPTS = (
    "stop", "start", "human", "delete", "about_me", "bot", "danger", "complaint", "sensitive", "adjustment", "minor",
)  # fmt: skip
ANSWERS = (
    "yes", "no", "affirm", "unsure", "skip", "none", "greeting", "thanks", "anything", "soon", "other", "change",
    "native",
)  # fmt: skip
FACTS = (
    "name", "name_weak", "city", "city_weak", "city_lead", "birth", "role", "role_lead", "speak", "negation", "hedge",
    "but", "learn", "licence", "forklift", "roles", "work", "available",
)  # fmt: skip
VOLUNTEERED = (
    "wish", "can", "no_objection", "past", "others", "shift_early", "shift_day", "shift_late", "shift_night",
    "shift_weekend", "shift_rotating", "shift_on_call", "contract_permanent", "contract_temporary",
    "contract_freelance", "contract_part_time", "contract_full_time", "contract_internship", "mode_onsite",
    "mode_hybrid", "mode_remote", "own_transport", "no_transport", "by_car", "by_bike", "by_public_transport",
    "by_moped", "travel_time", "minutes", "hour_unit", "hours_week", "notice_period", "at_least", "at_most",
    "pay_wish", "pay_past", "gross", "net", "permit_yes", "permit_unneeded", "permit_no", "permit_needs",
    "references_yes", "references_no", "my_contact", "until_now",
)  # fmt: skip
REQUESTS = ("staff", "off_topic", "correcting", "other_work")
TOPICS = ("pay", "hours", "place", "start", "contract", "travel", "housing", "training", "clothes")  # of a vacancy
REVISIONS = ("remove", "amend", "wrong", "mine", "becomes", "not", "instead", "link")
DATES = (
    "now", "tomorrow", "day_after_tomorrow", "next", "next_after", "in", "ago_after", "day", "week", "month", "begin",
    "middle", "end", "veto",
)  # fmt: skip


@dataclass(frozen=True)
class Lexicon:
    """One language. `patterns` holds every pattern section by name, `dates` folded word lists."""

    code: str
    patterns: Mapping[str, Phrases]
    dates: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, int]
    duals: Mapping[str, tuple[int, str]]
    stop_words: frozenset[str]
    common: frozenset[str]
    hello: frozenset[str]
    agreeing: tuple[frozenset[str], frozenset[str]]  # words that are a yes alone, and words that go with them
    fields: Mapping[str, Phrases]  # what people call a field of the profile when they want it changed


def _folded(words: Iterable[str]) -> tuple[str, ...]:
    """Each entry word by word, so that "tra nie" and "м'ясо" compare as messages do."""
    return tuple(" ".join(fold(part) for part in entry.split()) for entry in words)


def _agreeing(patterns: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """From the patterns of yes: "ja" and "klopt" are a yes alone, "helemaal" goes with them in any order."""
    alone, beside = set(), set()
    for pattern in patterns:
        words = [re.sub(r"[\[\]^$]", "", token).split("|") for token in pattern.split()]
        folded = {fold(word) for options in words for word in options}
        beside |= folded
        if len(words) == 1:
            alone |= folded
    return frozenset(alone), frozenset(beside)


def _load(code: str) -> Lexicon:
    data: dict[str, Any] = tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
    patterns = {name: Phrases(data["interrupts"][name]) for name in INTERRUPTS}
    patterns |= {name: Phrases(data["answers"][name]) for name in ANSWERS}
    patterns |= {name: Phrases(data["facts"][name]) for name in FACTS}
    patterns |= {name: Phrases(data["volunteered"][name]) for name in VOLUNTEERED}
    # Longest first: "truck driver" before "driver".
    patterns["roles"] = Phrases(sorted(data["facts"]["roles"], key=len, reverse=True))
    patterns["ask_for"] = Phrases(data["language"]["ask_for"])
    patterns["date_now"] = Phrases(data["dates"]["now"])
    patterns |= {name: Phrases(data["requests"][name]) for name in (*REQUESTS, *REVISIONS)}
    patterns["asking"] = Phrases(data["questions"]["asking"])
    patterns |= {f"ask_{topic}": Phrases(data["questions"][topic]) for topic in TOPICS}
    dates = data["dates"]
    return Lexicon(
        code=code,
        patterns=patterns,
        dates={name: _folded(dates[name]) for name in DATES if name != "now"},
        numbers={fold(word): number for word, number in dates["numbers"].items()},
        duals={fold(word): (number, unit) for word, (number, unit) in dates["duals"].items()},
        stop_words=frozenset(_folded(data["facts"]["stop_words"])),
        common=frozenset(_folded(data["language"]["common"])),
        hello=frozenset(_folded(data["language"]["hello"])),
        agreeing=_agreeing(data["answers"]["yes"]),
        fields={name: Phrases(nouns) for name, nouns in data["fields"].items()},
    )


@functools.cache
def lexicon(code: str) -> Lexicon:
    """The lexicon of one of `LANGUAGES`."""
    return _load(code)


@functools.cache
def in_order(language: str) -> tuple[Lexicon, ...]:
    """All lexicons, the conversation's own language first: a false friend is read as its speaker means it."""
    rest = tuple(code for code in LANGUAGES if code != language)
    return tuple(lexicon(code) for code in ((language, *rest) if language in LANGUAGES else LANGUAGES))


@functools.cache
def _needed(section: str) -> Needed:
    every = [lexicon(code).patterns[section].needed for code in LANGUAGES]
    return None if None in every else frozenset().union(*(one for one in every if one is not None))


def knowing(section: str, folded: str, language: str) -> tuple[Lexicon, ...]:
    """All lexicons, the conversation's own language first, if any word of the section stands in the folded words: for
    most words no language's patterns have to be searched."""
    return in_order(language) if may_hold(folded, _needed(section)) else ()


def matches(text: Text, section: str, language: str) -> tuple[Clause, re.Match[str]] | None:
    """First match of a section in any language, clause by clause and then over the whole message."""
    for words in knowing(section, text.whole.folded, language):
        pattern = words.patterns[section]
        for clause in (*text.clauses, text.whole) if len(text.clauses) > 1 else text.clauses:
            if found := search(pattern, clause.folded):
                return clause, found
    return None


def is_whole(text: Text, section: str, language: str) -> bool:
    """The whole message, read as one clause, matches the section in any language."""
    folded = text.whole.folded
    return any(search(words.patterns[section], folded) for words in knowing(section, folded, language))
