"""Parts of clauses that several rules cut out or look at."""

import functools

from app.recruiting.lexicon import LANGUAGES, Lexicon, in_order, lexicon
from app.recruiting.patterns import captured, search
from app.recruiting.text import Clause, Word


def up_to_stop_word(words: tuple[Word, ...], of: Lexicon) -> tuple[Word, ...]:
    """The words before the first one that begins something else ("Anna | and", "driver | in"). The first is kept."""
    for index, word in enumerate(words):
        if index and word.folded in of.stop_words:
            return words[:index]
    return words


def lead_in(clause: Clause, section: str, language: str) -> tuple[Word, ...]:
    """The clause without a leading greeting or filler of the section; all of it when there is none."""
    for words in in_order(language):
        pattern = words.patterns[section]
        for length in (2, 1):
            head = " ".join(word.folded for word in clause.words[:length])
            if len(clause.words) > length and search(pattern, head):
                return clause.words[length:]
    return clause.words


def rest_of(clause: Clause, section: str, language: str) -> tuple[tuple[Word, ...], Lexicon] | None:
    """Words captured by `%` of a section's pattern, and the lexicon that matched."""
    for words in in_order(language):
        match = search(words.patterns[section], clause.folded)
        if match and (span := captured(match, "rest")):
            return clause.tail(span[0]), words
    return None


def negated_before(clause: Clause, start: int, language: str, reach: int = 3) -> bool:
    """A negation of any language stands up to `reach` words before the folded offset."""
    before = clause.folded[:start].split()[-reach:]
    return any(search(words.patterns["negation"], word) for words in in_order(language) for word in before)


def says(clause: Clause, section: str, language: str) -> bool:
    """The clause matches the section in any language."""
    return any(search(words.patterns[section], clause.folded) for words in in_order(language))


@functools.cache
def everyday_words() -> frozenset[str]:
    """The commonest words of all our languages: prose, not names."""
    return frozenset().union(*(lexicon(code).common for code in LANGUAGES))


def everyday(words: tuple[Word, ...]) -> bool:
    """Nothing but the commonest words."""
    return all(word.folded in everyday_words() for word in words)
