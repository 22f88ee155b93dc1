"""Driving categories and working certificates. Held or not; the document itself is a recruiter's matter."""

import re

from app.recruiting.clauses import denied, says
from app.recruiting.lexicon import knowing
from app.recruiting.patterns import search
from app.recruiting.profile import NO_LICENCE, Field
from app.recruiting.said import Found
from app.recruiting.text import Clause, Text

# Longest first. Cyrillic capitals that look like the Latin ones are accepted: "категорія В, С".
_CATEGORY = re.compile(r"(?<![\w+'’])(C1\+?E|D1\+?E|[BCDВС]\s?\+\s?[EЕ]|[BCDВС][EЕ]|C1|D1|AM|[ABCDTВСА])(?![\w+])")
_LATIN = str.maketrans({"В": "B", "С": "C", "А": "A", "Е": "E"})
_CERTIFICATES = {
    "VCA": re.compile(r"(?<![^ ])b?vca(?![^ ])"),
    "ADR": re.compile(r"(?<![^ ])adr(?![^ ])"),
    "code95": re.compile(r"(?<![^ ])(?:code ?95|kod ?95|код ?95)(?![^ ])"),
}
_SHORT = 4  # words: in such an answer "b" or "be" is a category even in small letters


def _found(type_: str, quote: str, confidence: float) -> Found:
    return Found(field=f"{Field.LICENCES}.{type_}", value={"type": type_}, quote=quote, confidence=confidence)


def _categories(clause: Clause, language: str, *, loose: bool, alone: bool) -> dict[str, Found]:
    begin, stop = clause.words[0].start, clause.words[-1].end
    part = clause.source[begin:stop]
    matches = list(_CATEGORY.finditer(part.upper() if loose else part))
    if not alone:  # Romanian "am" is "I have"
        matches = [match for match in matches if part[match.start() : match.end()] != "am"]
    spans = [_span(clause, begin + match.start(), begin + match.end()) for match in matches]
    found = {}
    for match, no in zip(matches, denied(clause, spans, language), strict=True):
        if not no:
            type_ = re.sub(r"[\s+]", "", match[1]).translate(_LATIN)
            found[type_] = _found(type_, part[match.start() : match.end()], 0.95)
    return found


def _span(clause: Clause, start: int, end: int) -> tuple[int, int]:
    """Range in the folded clause of offsets in the message."""
    first = sum(len(word.folded) + 1 for word in clause.words if word.end <= start)
    last = sum(len(word.folded) + 1 for word in clause.words if word.start < end) - 1
    return first, last


def _certificates(clause: Clause, language: str) -> dict[str, Found]:
    found = {}
    for type_, pattern in _CERTIFICATES.items():
        if (match := pattern.search(clause.folded)) and not denied(clause, [match.span()], language)[0]:
            found[type_] = _found(type_, clause.quote(match.start(), match.end()), 0.95)
    for words in knowing("forklift", clause.folded, language):
        match = search(words.patterns["forklift"], clause.folded)
        if match and not denied(clause, [(match.start(), match.end() - 1)], language)[0]:
            found["forklift"] = _found("forklift", clause.quote(match.start(), match.end() - 1), 0.9)
            break
    return found


def held(text: Text, language: str, *, asked: bool) -> list[Found]:
    """Licences named. Unasked, a category only in a clause that speaks of a licence, a forklift only with its paper."""
    found: dict[str, Found] = {}
    about = [says(clause, "licence", language) for clause in text.clauses]
    for clause, speaks in zip(text.clauses, about, strict=True):
        if asked or any(about):
            words = len(text.words)
            found |= _categories(clause, language, loose=asked and words <= _SHORT, alone=words == 1)
        certificates = _certificates(clause, language)
        if not (asked or speaks):
            certificates.pop("forklift", None)  # "I want forklift work" holds no certificate
        found |= certificates
    return list(found.values())


def none_held(text: Text, language: str) -> Found | None:
    """Reads "No licence", in the words used."""
    for words in knowing("none", text.whole.folded, language):
        for clause in text.clauses:
            if match := search(words.patterns["none"], clause.folded):
                return _found(NO_LICENCE, clause.quote(match.start(), match.end() - 1), 0.9)
    return None
