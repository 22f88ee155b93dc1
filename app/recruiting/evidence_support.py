"""What evidence checks share: their three answers, a quote with its circumstances, and words and figures in it."""

from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from app.recruiting.amounts import find_numbers
from app.recruiting.lexicon import in_order
from app.recruiting.said import Said
from app.recruiting.text import read

_STEM = 4  # letters that two inflected forms of one town share at least
_ENDING = 3  # letters by which they may differ: "Warszawa", "w Warszawie"


class Support(StrEnum):
    """What the words say about the value."""

    FOLLOWS = "follows"
    CONTRADICTS = "contradicts"
    UNDECIDED = "undecided"


class Words(msgspec.Struct, frozen=True):
    """A quote with what is needed to understand it. `region` (ISO 3166) completes national phone numbers."""

    quote: str
    said: Said
    language: str
    zone: ZoneInfo
    region: str = ""


def _folded(text: str) -> list[str]:
    return [word.folded for word in read(text).words]


def _inflected(one: str, other: str) -> bool:
    shared = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return shared >= _STEM and max(len(one), len(other)) - shared <= _ENDING


def words_follow(value: str, quote: str, *, inflects: bool = False) -> Support:
    """A name, town or title in the person's own words: every word of it stands in the quote, in that order."""
    wanted, given = _folded(value), _folded(quote)
    if not wanted:
        return Support.CONTRADICTS
    rest = iter(given)
    if all(any(word == other for other in rest) for word in wanted):
        return Support.FOLLOWS
    rest = iter(given)
    if all(any(word == other or _inflected(word, other) for other in rest) for word in wanted):
        return Support.FOLLOWS if inflects else Support.UNDECIDED
    return Support.UNDECIDED if set(wanted) & set(given) else Support.CONTRADICTS


def number_follows(value: Decimal, quote: str, language: str) -> Support:
    """A figure, or a number word of the intake's lexicons."""
    figures = {number.value for number in find_numbers(quote)}
    figures |= {
        Decimal(lexicon.numbers[word])
        for lexicon in in_order(language)
        for word in _folded(quote)
        if len(word) > 1 and word in lexicon.numbers
    }
    if not figures:
        return Support.UNDECIDED
    return Support.FOLLOWS if value in figures else Support.CONTRADICTS
