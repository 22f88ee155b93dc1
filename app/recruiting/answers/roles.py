"""The work a person wants, in their own words."""

from app.recruiting.clauses import everyday, lead_in, negated_before, rest_of, says, up_to_stop_word
from app.recruiting.lexicon import knowing, lexicon
from app.recruiting.patterns import search
from app.recruiting.profile import Field
from app.recruiting.said import Found
from app.recruiting.text import Clause, Text, Word, fold

_MAX_LENGTH = 80
_MAX_WORDS = 10
_PHRASE = 4  # words: longer answers are sentences that may hold a job


def _found(words: tuple[Word, ...], source: str, confidence: float) -> Found | None:
    if not words or len(words) > _MAX_WORDS or words[0].folded[0].isdigit():  # "32 hours" is no work
        return None
    quote = _bare(source[words[0].start : words[-1].end])
    if len(quote) > _MAX_LENGTH or not any(c.isalpha() for c in quote):
        return None
    return Found(field=Field.ROLE, value={"title": quote}, quote=quote, confidence=confidence)


def _said_outright(text: Text, language: str) -> Found | None:
    for clause in text.clauses:
        if (cut := rest_of(clause, "role", language)) is not None:
            words = up_to_stop_word(*cut)
            if not words or everyday(words) or _refused(clause, words[0], language):
                continue
            if found := _found(words, clause.source, 0.9):
                return found
    return None


def _refused(clause: Clause, first: Word, language: str) -> bool:
    """ "I can't work nights" wishes for nothing."""
    before = " ".join(word.folded for word in clause.words if word.start < first.start)
    return negated_before(clause, len(before), language)


def volunteered(text: Text, language: str) -> Found | None:
    """Reads "I want to work as a driver", or a well-known job in a clause about work."""
    known = (_known_job(clause, language) for clause in text.clauses)
    return _said_outright(text, language) or next((found for found in known if found is not None), None)


def _known_job(clause: Clause, language: str) -> Found | None:
    """A well-known job standing almost alone, or in a clause about work."""
    if says(clause, "licence", language):
        return None
    about_work = says(clause, "work", language) and not says(clause, "negation", language)
    for words in knowing("roles", clause.folded, language):
        match = search(words.patterns["roles"], clause.folded)
        if match and (about_work or len(clause.words) <= match.group().strip().count(" ") + 2):
            span = clause.span(match.start(), match.end() - 1)
            quote = _bare(clause.source[slice(*span)] if about_work else _whole(clause, *span))
            return Found(field=Field.ROLE, value={"title": quote}, quote=quote, confidence=0.8)
    return None


def may_be_surname(found: Found, text: Text, language: str) -> bool:
    """A job that stands alone behind another word: "Anna Kok", asked for the name, tells no work."""
    clause = next((one for one in text.clauses if one.quote(0, len(one.folded)) == found.quote), None)
    if clause is None:
        return False
    matches = (search(words.patterns["roles"], clause.folded) for words in knowing("roles", clause.folded, language))
    return all(match.start() > 0 for match in matches if match is not None)


def _whole(clause: Clause, start: int, end: int) -> str:
    """An almost lonely job with the word that qualifies it, "assistant cook", but without "please" and the like."""
    words = [word for word in clause.words if start <= word.start < end or not everyday((word,))]
    return clause.source[words[0].start : words[-1].end]


def _bare(quote: str) -> str:
    """Arabic writes "as" onto the word: "كسائق" is the job "سائق"."""
    bare = quote.removeprefix("ك")
    known = bare != quote and lexicon("ar").patterns["roles"].match(fold(bare.split()[0]) + " ")
    return bare if known else quote


def anything(text: Text, language: str) -> Found | None:
    """Reads "Any job": open to everything, in the words used."""
    for words in knowing("anything", text.whole.folded, language):
        for clause in text.clauses:
            if match := search(words.patterns["anything"], clause.folded):
                quote = clause.quote(match.start(), match.end() - 1)
                return Found(field=Field.ROLE, value={"title": quote, "open": True}, quote=quote, confidence=0.9)
    return None


def answered(text: Text, language: str) -> Found | None:
    """The answer to "which work are you looking for"; the first clause that is more than small talk."""
    if found := _said_outright(text, language):
        return found
    for clause in text.clauses:
        cut = rest_of(clause, "role_lead", language)
        words = up_to_stop_word(*cut) if cut else lead_in(clause, "greeting", language)
        if says(clause, "negation", language) and not cut:
            continue  # "no experience" names no work
        if len(words) > _PHRASE and (found := _known_job(clause, language)):
            return found
        if words and not everyday(words) and (found := _found(words, clause.source, 0.85)):
            return found
    return None
