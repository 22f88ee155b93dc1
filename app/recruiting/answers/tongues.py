"""Languages a person speaks and how well, on the European scale (CEFR)."""

import re
from collections.abc import Iterator

from app.recruiting.clauses import denied, says
from app.recruiting.language_names import mentioned, misspelt
from app.recruiting.lexicon import knowing
from app.recruiting.patterns import search
from app.recruiting.profile import LEVELS, Field
from app.recruiting.said import Found
from app.recruiting.text import Clause, Text

_CEFR = re.compile(r"(?<![^ ])([abcавс][12])(?![^ ])")  # also typed with Cyrillic letters
_LATIN = str.maketrans("авс", "abc")


def _level_in(clause: Clause, start: int, end: int, language: str) -> tuple[str, int, int] | None:
    """Level named in a stretch of the folded clause."""
    if match := _CEFR.search(clause.folded[:end], start):
        return match[1].translate(_LATIN).upper(), match.start(), match.end()
    for words in knowing("native", clause.folded, language):
        match = words.patterns["native"].search(clause.folded[:end] + " ", start)
        if match:
            return "native", match.start(), match.end() - 1
    return None


def spoken(text: Text, language: str, *, asked: bool) -> list[Found]:
    """Languages and the levels beside them. Unasked, only in a clause about speaking or with a level."""
    names = sorted(
        [*mentioned(text), *(_misspelt(text) if asked else ())], key=lambda name: (name[0].words[0].start, name[1])
    )
    whole_speaks = any(says(clause, "speak", language) for clause in text.clauses)
    refused = denied_codes(text, language)
    found: dict[str, Found] = {}
    for index, (clause, start, end, code) in enumerate(names):
        same = index + 1 < len(names) and names[index + 1][0] is clause
        level = _level_near(clause, (start, end, names[index + 1][1] if same else len(clause.folded)), language, names)
        if not (asked or level or whole_speaks) or says(clause, "learn", language):
            continue
        if code in refused or _of_a_licence(clause, end, language):
            continue
        quote = clause.quote(start, end)
        found[f"{Field.LANGUAGES}.{code}"] = Found(
            field=f"{Field.LANGUAGES}.{code}", value={"language": code}, quote=quote, confidence=0.95 if asked else 0.85
        )
        if level:
            value, begin, stop = level
            words = clause.quote(min(start, begin), max(end, stop))
            found[f"{LEVELS}.{code}"] = Found(
                field=f"{LEVELS}.{code}", value={"level": value}, quote=words, confidence=0.95
            )
    return list(found.values())


def _misspelt(text: Text) -> Iterator[tuple[Clause, int, int, str]]:
    """Nearly the name of a language, with a level right behind it: "deutsh c2"."""
    named = {(clause, start) for clause, start, _, _ in mentioned(text)}
    for clause in text.clauses:
        for match in _CEFR.finditer(clause.folded):
            word = clause.folded[: match.start()].rstrip().rpartition(" ")[2]
            start = match.start() - 1 - len(word)
            if start >= 0 and (clause, start) not in named and (code := misspelt(word)):
                yield clause, start, start + len(word), code


def denied_codes(text: Text, language: str) -> set[str]:
    """Languages that the person says they do not speak; once is enough, however often the name stands there."""
    by_clause: dict[Clause, list[tuple[int, int, str]]] = {}
    for clause, start, end, code in mentioned(text):
        by_clause.setdefault(clause, []).append((start, end, code))
    return {
        code
        for clause, named in by_clause.items()
        for (_, _, code), no in zip(named, denied(clause, [(s, e) for s, e, _ in named], language), strict=True)
        if no
    }


def _of_a_licence(clause: Clause, end: int, language: str) -> bool:
    """Tells "my Dutch driving licence": the next two words speak of a licence."""
    following = " ".join(clause.folded[end:].split()[:2])
    return any(search(words.patterns["licence"], following) for words in knowing("licence", following, language))


def _level_near(
    clause: Clause, at: tuple[int, int, int], language: str, names: list[tuple[Clause, int, int, str]]
) -> tuple[str, int, int] | None:
    """The level after the name up to the next name ("Dutch B2, English C1"), else just before it ("B2 Dutch")."""
    start, end, until = at
    if level := _level_in(clause, end, until, language):
        return level
    previous = max((e for c, _, e, _ in names if c is clause and e <= start), default=0)
    if previous:
        return None
    before = _level_in(clause, 0, start, language)
    return before if before and start - before[2] <= 4 else None  # "B2 in Dutch": one short word between


def level_answered(text: Text, language: str, code: str) -> Found | None:
    """The answer to "how well do you speak X": a level or "native"; praise such as "fluent" is no level."""
    for clause in text.clauses:
        if level := _level_in(clause, 0, len(clause.folded), language):
            value, start, end = level
            quote = clause.quote(start, end)
            return Found(field=f"{LEVELS}.{code}", value={"level": value}, quote=quote, confidence=0.95)
    return None
