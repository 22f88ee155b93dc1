"""Which language we answer in: the candidate's, by what they write, never by their name, town or a short "ok"."""

import functools
import re
from collections.abc import Iterable, Sequence

import msgspec
import phonenumbers
from babel.languages import get_official_languages
from lingua import Language, LanguageDetector, LanguageDetectorBuilder

from app.recruiting.language_names import mentioned
from app.recruiting.lexicon import INTERRUPTS, LANGUAGES, lexicon
from app.recruiting.patterns import search
from app.recruiting.text import Text, read

FALLBACK = "en"
# The last ones are distractors: text in them must not pass for one of ours.
_DETECTED = (
    Language.ENGLISH, Language.DUTCH, Language.GERMAN, Language.POLISH, Language.SPANISH, Language.ROMANIAN,
    Language.UKRAINIAN, Language.ARABIC, Language.RUSSIAN, Language.FRENCH, Language.ITALIAN, Language.PORTUGUESE,
)  # fmt: skip
_NOT_PROSE = re.compile(r"https?://\S+|\S+@\S+|[\d_]+")
SAMPLE = 1000  # characters looked at; lingua needs seconds for one word of 50,000
SWITCH_CONFIDENCE = 0.70
SWITCH_WORDS = 3
_LEAD = 2  # everyday words more than in any other language
_SCRIPT_WORDS = 2  # Arabic and Ukrainian letters are evidence of their own


class Guess(msgspec.Struct, frozen=True):
    """The most likely of our languages, or empty; `known` counts everyday words of that language."""

    language: str
    confidence: float
    words: int
    known: int


class Detector:
    """lingua in low-accuracy mode (measured 19 MB, 30 µs a message; full models 300 MB) beside everyday words.

    Trigram models are sure about "Maria Garcia" and "Rotterdam"; everyday words tell prose from names.
    """

    def __init__(self, engine: LanguageDetector) -> None:
        self._engine = engine

    def guess(self, prose: str) -> Guess:
        """What the text is written in. Texts in other languages give an empty guess."""
        cleaned = _NOT_PROSE.sub(" ", prose[:SAMPLE])
        words = [word.folded for word in read(cleaned).words]
        best = next(iter(self._engine.compute_language_confidence_values(cleaned)), None) if words else None
        if best is None or best.value <= 0.0:
            return Guess("", 0.0, len(words), 0)
        code = best.language.iso_code_639_1.name.lower()
        if code not in LANGUAGES or best.value < SWITCH_CONFIDENCE:
            return _by_words(words)
        return Guess(code, best.value, len(words), _known(words, code))


def _known(words: Sequence[str], code: str) -> int:
    common = lexicon(code).common
    return sum(word in common for word in words)


def _by_words(words: Sequence[str]) -> Guess:
    """For short or unaccented prose ("caut un loc de munca"): most everyday words, with a clear lead."""
    counts = sorted(((_known(words, code), code) for code in LANGUAGES), reverse=True)
    (most, code), (second, _) = counts[0], counts[1]
    if most < SWITCH_WORDS or most < second + _LEAD or most * 2 < len(words):
        return Guess("", 0.0, len(words), 0)
    return Guess(code, SWITCH_CONFIDENCE, len(words), most)


@functools.cache
def build_detector() -> Detector:
    """The process's detector; models load on first use."""
    return Detector(LanguageDetectorBuilder.from_languages(*_DETECTED).with_low_accuracy_mode().build())


def country_of(wa_id: str, bsuid: str = "") -> str:
    """ISO 3166 country of a WhatsApp identity: a BSUID starts with it (`NL.…`), a phone number tells it; else empty."""
    prefix, dot, _ = bsuid.partition(".")
    if dot and len(prefix) == 2 and prefix.isalpha():
        return prefix.upper()
    if not wa_id.isdigit():
        return ""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{wa_id}")) or ""
    except phonenumbers.NumberParseException:
        return ""


def language_of_country(country: str) -> str:
    """First official language of the country that we speak, else English."""
    official = get_official_languages(country, de_facto=True) if country else ()
    return next((code for code in official if code in LANGUAGES), FALLBACK)


def _requested(text: Text) -> str:
    """A language the person asks us to use ("in English please"), or empty."""
    for code in LANGUAGES:
        if any(search(lexicon(code).patterns["ask_for"], clause.folded) for clause in text.clauses):
            return code
    return ""


def _greeted(words: Sequence[str]) -> str:
    """The one language whose greeting this is ("Hoi", "Cześć"); empty when several share it or none."""
    candidates = [code for code in LANGUAGES if words and words[0] in lexicon(code).hello]
    return candidates[0] if len(candidates) == 1 else ""


def _convinces(guess: Guess) -> bool:
    """Enough prose to leave the current language: names and towns have no everyday words, prose has."""
    if not guess.language or guess.confidence < SWITCH_CONFIDENCE:
        return False
    if guess.language in {"uk", "ar"}:
        return guess.words >= _SCRIPT_WORDS and (guess.known >= 1 or guess.words > SWITCH_WORDS)
    return guess.words >= SWITCH_WORDS and guess.known >= 2


def _asked_in(text: Text) -> str:
    """The one language in which the message makes a request that we know ("ștergeți datele mele"); empty if none."""
    matching = [
        code
        for code in LANGUAGES
        if any(search(lexicon(code).patterns[name], clause.folded) for name in INTERRUPTS for clause in text.clauses)
    ]
    return matching[0] if len(matching) == 1 else ""


def _first(prose: str, guess: Guess, country: str) -> str:
    text = read(prose)
    sure = guess.language != "" and guess.confidence >= SWITCH_CONFIDENCE
    if sure and (guess.known >= 1 or guess.language in {"uk", "ar"}):
        return guess.language
    told = _greeted([word.folded for word in text.words]) or _asked_in(text)
    return told or (guess.language if sure and guess.words >= SWITCH_WORDS else language_of_country(country))


def follow(current: str, texts: Iterable[str], detector: Detector, *, country: str = "", asked: str = "") -> str:
    """The language to answer in.

    `texts` are this turn's own words (no tapped titles). `asked` is the open question: an answer to "which languages"
    names languages without asking for them.
    """
    prose = "\n".join(texts)
    if not prose.strip():
        return current or language_of_country(country)
    text = read(prose)
    requested = _requested(text)
    if requested and (asked != "languages" or (len(text.words) > 1 and not list(mentioned(text))[1:])):
        return requested
    guess = detector.guess(prose)
    if not current:
        return _first(prose, guess, country)
    if guess.language != current and _convinces(guess):
        rival = _known([word.folded for word in text.words], current) if current in LANGUAGES else 0
        return guess.language if guess.known > rival or guess.language in {"uk", "ar"} else current
    return current
