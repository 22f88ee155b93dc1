"""A person's name, as they write it. Never taken from a nationality, a job or a language."""

import re

from app.recruiting.answers.countries import STEM, country_stems
from app.recruiting.clauses import everyday_words, lead_in, up_to_stop_word
from app.recruiting.language_names import mentioned
from app.recruiting.lexicon import in_order, knowing
from app.recruiting.patterns import captured, search
from app.recruiting.profile import Field
from app.recruiting.said import Found
from app.recruiting.text import Clause, Text, Word, read

MAX_LENGTH = 120
_MAX_WORDS = 6
_PARTICLES = frozenset(
    [
        "de",
        "van",
        "der",
        "den",
        "het",
        "ter",
        "ten",
        "von",
        "zu",
        "zum",
        "zur",
        "el",
        "la",
        "los",
        "las",
        "del",
        "da",
        "do",
        "dos",
        "di",
        "le",
        "du",
        "al",
        "bin",
        "ibn",
        "abu",
        "abd",
        "bint",
        "y",
        "e",
        "i",
        "o",
        "san",
    ]
)
_NOT_A_NAME = re.compile(r"[\d@/\\<>{}\[\]#$%^*_=+|~]")


def _plausible(words: tuple[Word, ...], source: str) -> bool:
    if not words or len(words) > _MAX_WORDS:
        return False
    whole = source[words[0].start : words[-1].end]
    if len(whole) > MAX_LENGTH or _NOT_A_NAME.search(whole) or not any(c.isalpha() for c in whole):
        return False
    if any(word.folded in everyday_words() - _PARTICLES for word in words) or all(
        word.folded in _PARTICLES for word in words
    ):
        return False
    return next(mentioned(read(whole)), None) is None


def _found(words: tuple[Word, ...], source: str, confidence: float) -> Found:
    quote = source[words[0].start : words[-1].end]
    return Found(field=Field.NAME, value={"display": quote}, quote=quote, confidence=confidence)


def _rest(clause: Clause, section: str, language: str) -> tuple[Word, ...] | None:
    for words in knowing(section, clause.folded, language):
        match = search(words.patterns[section], clause.folded)
        if match and (span := captured(match, "rest")):
            return up_to_stop_word(clause.tail(span[0]), words)
    return None


def _is_proper(word: Word, source: str) -> bool:
    """Written as a name. Scripts without capitals give no such sign."""
    return source[word.start].isupper()


def volunteered(text: Text, language: str) -> Found | None:
    """A name the person introduces themselves with. "I'm Anna" counts, "I'm Polish" and "ich bin Fahrer" do not."""
    for clause in text.clauses:
        words = _rest(clause, "name", language)
        if words and _plausible(words, clause.source):
            return _found(words, clause.source, 0.95)
    for clause in text.clauses[:2]:
        words = _rest(clause, "name_weak", language)
        if (
            words
            and len(words) <= 4
            and _plausible(words, clause.source)
            and all(_is_proper(w, clause.source) or w.folded in _PARTICLES for w in words)
            and words[0].folded[:STEM] not in country_stems()
            and not any(search(lex.patterns["roles"], words[0].folded) for lex in in_order(language))
        ):
            return _found(words, clause.source, 0.85)
    return None


def answered(text: Text, language: str) -> Found | None:
    """The answer to "what is your name": introduced, or simply the name."""
    if found := volunteered(text, language):
        return found
    for clause in text.clauses:
        words = _rest(clause, "name_weak", language) or lead_in(clause, "greeting", language)
        if words and _plausible(words, clause.source):
            return _found(words, clause.source, 0.95)
    return None
