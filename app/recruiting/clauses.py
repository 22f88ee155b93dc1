"""Parts of clauses that several rules cut out or look at."""

import functools
from collections.abc import Sequence

from app.recruiting.lexicon import LANGUAGES, Lexicon, in_order, knowing, lexicon
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
    for words in knowing(section, clause.folded, language):
        match = search(words.patterns[section], clause.folded)
        if match and (span := captured(match, "rest")):
            return clause.tail(span[0]), words
    return None


def negated_before(clause: Clause, start: int, language: str, reach: int = 3) -> bool:
    """A negation of any language stands up to `reach` words before the folded offset."""
    return any(negation(word, language) for word in clause.folded[:start].split()[-reach:])


_UNSURE_NO = frozenset({"نوعا", "حد", "شيئا"})  # before "ما": "somewhat", no negation
_EITHER = frozenset(
    ["or", "nor", "oder", "noch", "of", "lub", "ani", "o", "ni", "sau", "nici", "або", "чи", "أو", "او"]
)
_LINKS = _EITHER | {"and", "und", "en", "i", "y", "e", "u", "si", "та", "і", "й", "و"}


def denied(clause: Clause, spans: Sequence[tuple[int, int]], language: str) -> list[bool]:
    """Of things named in a clause (folded ranges, in order), which ones are said not to be so.

    A negation counts before its thing ("kein C") and after it ("C habe ich nicht"), on its side of a "but", and not
    when it only weakens ("not so well").
    """
    folded = clause.folded
    buts = (words.patterns["but"].finditer(folded + " ") for words in knowing("but", folded, language))
    parts = [0, *(match.start() for matches in buts for match in matches)]
    found = []
    for index, (start, end) in enumerate(spans):
        since = max(part for part in parts if part <= start)
        until = min([*(part for part in parts if part > start), len(folded)])
        before = folded[since:start].split()[-3:]
        following = spans[index + 1][0] if index + 1 < len(spans) and spans[index + 1][0] < until else None
        no_before = any(negation(word, language) for word in before) and not _weak(folded[start:until], language)
        found.append(no_before or (following is None and _denied_after(folded[end:until], language)))
    for index in range(1, len(spans)):  # "no English or German"
        between = set(folded[spans[index - 1][1] : spans[index][0]].split())
        found[index] = found[index] or (found[index - 1] and len(between) == 1 and between <= _EITHER)
    for index in range(len(spans) - 2, -1, -1):  # "Chinesisch und Japanisch spreche ich nicht"
        between = set(folded[spans[index][1] : spans[index + 1][0]].split())
        if found[index + 1] and len(between) <= 1 and between <= _LINKS and not _before(clause, spans, index + 1):
            found[index] = True
    return found


def _before(clause: Clause, spans: Sequence[tuple[int, int]], index: int) -> bool:
    """A negation word stands between this thing and the one before it."""
    return any(negation(word, "") for word in clause.folded[spans[index - 1][1] : spans[index][0]].split())


def negation(word: str, language: str) -> bool:
    """A folded word that negates in any language."""
    return any(search(words.patterns["negation"], word) for words in knowing("negation", word, language))


def _weak(rest: str, language: str) -> bool:
    return any(search(words.patterns["hedge"], rest) for words in knowing("hedge", rest, language))


def _denied_after(rest: str, language: str) -> bool:
    """Only a plain negation: "English not so well" and "نوعا ما" are not."""
    words = rest.split()
    plain = [i for i, word in enumerate(words) if negation(word, language) and not {*words[i - 1 : i]} & _UNSURE_NO]
    return bool(plain) and not _weak(" ".join(words[plain[0] + 1 :]), language)


def says(clause: Clause, section: str, language: str) -> bool:
    """The clause matches the section in any language."""
    folded = clause.folded
    return any(search(words.patterns[section], folded) for words in knowing(section, folded, language))


@functools.cache
def everyday_words() -> frozenset[str]:
    """The commonest words of all our languages: prose, not names."""
    return frozenset().union(*(lexicon(code).common for code in LANGUAGES))


def everyday(words: tuple[Word, ...]) -> bool:
    """Nothing but the commonest words."""
    return all(word.folded in everyday_words() for word in words)
