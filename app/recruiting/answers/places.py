"""The town a person lives in. No country and no place of birth is kept: where someone is from is not our business."""

import functools
import re

from babel import Locale

from app.recruiting.answers.countries import STEM, country_names, country_stems
from app.recruiting.clauses import everyday, everyday_words, lead_in, rest_of, says, up_to_stop_word
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.profile import Field
from app.recruiting.said import Found, Said
from app.recruiting.text import Text, Word, fold, read

_MAX_WORDS = 5
_NOT_A_PLACE = re.compile(r"[@/\\<>{}\[\]#$%^*_=+|~]")
_ARTICLES = frozenset({"den", "de", "het", "the", "la", "el", "las", "los", "le", "san"})
_COORDINATE_DIGITS = 2  # about a kilometre: enough for travel time, no home address


@functools.cache
def _calendar() -> frozenset[str]:
    names = set()
    for code in LANGUAGES:
        locale = Locale(code)
        for table in (locale.months, locale.days):
            for context in table.values():
                names |= {fold(name) for name in context["wide"].values()}
    return frozenset(names)


def _trim(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Without postcode parts at the edges: they are not asked for."""
    while words and any(c.isdigit() for c in words[0].folded):
        words = words[1:]
        if words and len(words[0].folded) == 2 and len(words) > 1:  # Dutch postcode letters
            words = words[1:]
    while words and any(c.isdigit() for c in words[-1].folded):
        words = words[:-1]
    return words


def _found(words: tuple[Word, ...], source: str, confidence: float) -> Found | None:
    words = _trim(words)
    if not words or len(words) > _MAX_WORDS:
        return None
    quote = source[words[0].start : words[-1].end]
    folded = " ".join(word.folded for word in words)
    if _NOT_A_PLACE.search(quote) or folded in country_names() or words[0].folded in _calendar() or len(folded) < 2:
        return None
    return Found(field=Field.CITY, value={"city": quote}, quote=quote, confidence=confidence)


def volunteered(text: Text, language: str) -> Found | None:
    """Reads "I live in Utrecht" in any spelling; "from Utrecht" only with a capital, and no country or day."""
    for clause in text.clauses:
        if (strong := rest_of(clause, "city", language)) is not None:
            words = up_to_stop_word(*strong)
            if not everyday(words) and (found := _found(words, clause.source, 0.9)):
                return found
    for clause in text.clauses:
        if not says(clause, "birth", language) and (weak := rest_of(clause, "city_weak", language)) is not None:
            words = up_to_stop_word(*weak)[:4]
            named = bool(words) and clause.source[words[0].start].isupper()
            origin = bool(words) and words[0].folded[:STEM] in country_stems()
            if named and not origin and not everyday(words) and (found := _found(words, clause.source, 0.8)):
                return found
    return None


def _begins_a_sentence(words: tuple[Word, ...]) -> bool:
    """Tells "I am back" from "Den Haag": towns begin with an article at most."""
    return everyday(words) or (words[0].folded in everyday_words() and words[0].folded not in _ARTICLES)


def answered(text: Text, language: str) -> Found | None:
    """The answer to "where do you live": with or without "I live in"."""
    if found := volunteered(text, language):
        return found
    for clause in text.clauses:
        if says(clause, "birth", language):
            continue
        cut = rest_of(clause, "city_weak", language) or rest_of(clause, "city_lead", language)
        words = cut[0] if cut else lead_in(clause, "greeting", language)
        if words and not _begins_a_sentence(words) and (found := _found(words, clause.source, 0.9)):
            return found
    return None


def birthplace(text: Text, town: str, language: str) -> bool:
    """The town is named as the place of birth ("born in Hull"), and nowhere in the text as the one to live in."""
    wanted = [word.folded for word in read(town).words]
    named = [rest_of(clause, section, language) for clause in text.clauses for section in ("birth", "city")]
    starts = [cut is not None and [word.folded for word in cut[0][: len(wanted)]] == wanted for cut in named]
    return any(starts[::2]) and not any(starts[1::2])


def shared(said: Said) -> Found | None:
    """A shared place that names its town in the address or name; a bare pin tells no town."""
    place = said.location
    if place is None or not said.text:
        return None
    parts = [part.strip() for part in said.text.split(",") if part.strip()]
    towns = [part for part in reversed(parts) if fold(part) not in country_names()]
    if not towns:
        return None
    town = _town(towns[0])
    value: dict[str, object] = {
        "city": town,
        "latitude": round(place.latitude, _COORDINATE_DIGITS),
        "longitude": round(place.longitude, _COORDINATE_DIGITS),
    }
    return Found(field=Field.CITY, value=value, quote=town, confidence=0.8)


def _town(part: str) -> str:
    """Reads "3511 AB Utrecht" without its postcode."""
    words = Text(part).words
    kept = _trim(words)
    return part[kept[0].start : kept[-1].end] if kept else part
