"""What a typed message wants of an interview that is booked: "when is my interview?", "I can't come to it"."""

import functools
import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.recruiting.clauses import negated_before
from app.recruiting.interrupts import REQUESTS, Intent, in_text
from app.recruiting.interviews import Act, Interviews, Step, Tap, step
from app.recruiting.lexicon import LANGUAGES, is_whole
from app.recruiting.patterns import Phrases, search
from app.recruiting.text import Text, fold, read

_DATA = Path(__file__).with_name("interview_requests.toml")
_SENTENCE = re.compile(r"[^.!?؟\n]+[.!?؟\n]*")
_LONGEST = 25  # words: longer messages say more than this
_SHORT = 4  # words: "where is it?" beside the interview
_REACH = 4  # words before "another time" in which a negation turns it round
# Whoever is ill cannot come: that is no reason to overlook the interview.
_OTHERS = REQUESTS - {Intent.SENSITIVE}


class Wish(StrEnum):
    """What is wanted; SHOW also when it is not certain, as both buttons come with what stands."""

    SHOW = "show"
    CHANGE = "change"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Request:
    """`whole`: the message says nothing else that somebody has to read."""

    wish: Wish
    whole: bool


@dataclass(frozen=True)
class _Words:
    about: Phrases
    unless: Phrases
    shows: Phrases
    changes: Phrases
    cancels: Phrases
    plain: frozenset[str]

    def holds(self, text: Text, phrases: Phrases) -> bool:
        """In a clause, or over commas."""
        return any(search(phrases, clause.folded) for clause in (*text.clauses, text.whole))


@functools.cache
def _words(language: str) -> _Words:
    data: dict[str, list[str]] = tomllib.loads(_DATA.read_text(encoding="utf-8"))[language]
    about, unless, shows, changes, cancels = (
        Phrases(data[key]) for key in ("about", "unless", "shows", "changes", "cancels")
    )
    plain = frozenset(fold(word) for word in [*data["plain"], *data["about"], *data["cancels"]])
    return _Words(about, unless, shows, changes, cancels, plain)


def requested(original: str, language: str) -> Request | None:
    """None when it names no interview, or something else that goes first: a stop, a person, danger."""
    text = read(original)
    order = [language, *(code for code in LANGUAGES if code != language)]
    named = [words for words in map(_words, order) if search(words.about, text.whole.folded)]
    if any(words.holds(text, words.unless) for words in named):
        return None
    # "interview" is a word of several languages: an order is certain if all its words are plain in one of them.
    wishes = [(wish, words) for words in named if (wish := _wish(text, words, language))]
    wishes.sort(key=lambda each: each[0] is not Wish.CANCEL)
    if not wishes or _OTHERS & {intent for intent, _ in in_text(original, language)}:
        return None
    wish, words = wishes[0]
    return Request(wish, _whole(original, words, language))


def wished(found: Interviews, wish: Wish, *, listed: str = "") -> list[Step]:
    """What the buttons would do; none when nothing is booked. Of several bookings each is shown: which is meant?

    `listed`: message id of the list of times right above the words; "another time" is then none of these.
    """
    if wish is Wish.SHOW or len(found.bookings) != 1:
        return [Step(act=Act.SHOW, booking=booking) for booking in found.bookings]
    (booking,) = found.bookings
    if wish is Wish.CANCEL:
        return [step(found, Tap("cancel", booking.id))]
    invitation = found.invitation(booking.invitation)
    seen = bool(listed) and invitation is not None and invitation.asked == listed
    return [step(found, Tap("stay" if seen else "change", booking.id))]


def _wish(text: Text, words: _Words, language: str) -> Wish | None:
    changes, cancels = words.holds(text, words.changes), words.holds(text, words.cancels)
    if cancels:
        # Named twice ("cancel my interview", "I want the interview"): perhaps taken back.
        once = sum(search(words.about, word.folded) is not None for word in text.words) == 1
        plain = once and all(word.folded in words.plain for word in text.words)
        return Wish.CANCEL if plain and not changes and not text.asks else Wish.SHOW
    if changes:
        return Wish.SHOW if _negated(text, words.changes, language) else Wish.CHANGE
    return Wish.SHOW if words.holds(text, words.shows) else None


def _negated(text: Text, phrases: Phrases, language: str) -> bool:
    """ "I do not want another time": every match stands behind a negation."""
    matches = [(clause, match.start()) for clause in text.clauses for match in phrases.finditer(f"{clause.folded} ")]
    return bool(matches) and all(negated_before(clause, start, language, _REACH) for clause, start in matches)


def _whole(original: str, words: _Words, language: str) -> bool:
    """Every sentence is about the interview, or a greeting and the like."""
    sentences = [read(each.strip()) for each in _SENTENCE.findall(original)]
    return len(read(original).words) <= _LONGEST and all(_ours(each, words, language) for each in sentences)


def _ours(sentence: Text, words: _Words, language: str) -> bool:
    if all(word.folded in words.plain for word in sentence.words) or search(words.about, sentence.whole.folded):
        return True
    if any(is_whole(sentence, section, language) for section in (Intent.GREETING, Intent.THANKS)):
        return True
    wishes = (words.shows, words.changes, words.cancels)
    return len(sentence.words) <= _SHORT and any(words.holds(sentence, each) for each in wishes)
