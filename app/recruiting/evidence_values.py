"""Whether a typed value follows from the words it rests on. `evidence.occurs` proves the words, this proves the value.

Three answers, because rules must not guess: FOLLOWS may be stored, CONTRADICTS may not, UNDECIDED is kept for the
read-back or one question. Nothing here reads a clock: relative days are resolved against the message's own time.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import phonenumbers

from app.recruiting.amounts import Amount, find_amounts, find_numbers, western_digits
from app.recruiting.answers import availability, dates, licences, tongues
from app.recruiting.answers.reading import CHOICE_PREFIX, read_turn
from app.recruiting.language_names import mentioned
from app.recruiting.lexicon import in_order
from app.recruiting.patterns import search
from app.recruiting.profile import LEVELS, NO_LICENCE, Fact, Field, kind, part
from app.recruiting.said import Said
from app.recruiting.text import fold, read

_STEM = 4  # letters that two inflected forms of one town share at least
_ENDING = 3  # letters by which they may differ: "Warszawa", "w Warszawie"
_MAIL = re.compile(r"[^\s@<>(),;:\"']+@[^\s@<>(),;:\"']+\.\w{2,}")
_NATIONAL_DIGITS = 7  # fewer digits are no phone number
_COORDINATE = 0.011  # degrees: profiles keep two decimals


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


def follows(fact: Fact, said: Said, language: str, zone: ZoneInfo, *, region: str = "") -> Support:
    """Whether `fact.value` follows from `fact.quote`, said in that message. Fields without a rule are UNDECIDED."""
    if said.choice_id.startswith(CHOICE_PREFIX):
        tapped = {found.field: found.value for found in read_turn([said], "", language, zone).facts}
        return _matches(fact.value, tapped.get(fact.field))
    check = CHECKS.get(kind(fact.field))
    if check is None:
        return Support.UNDECIDED
    return check(fact, Words(fact.quote, said, language, zone, region))


def _matches(value: object, found: object) -> Support:
    if found is None:
        return Support.UNDECIDED
    return Support.FOLLOWS if value == found else Support.CONTRADICTS


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


def email_follows(address: str, quote: str) -> Support:
    """The address stands in the quote; spelt out ("anna at example dot com") it stays undecided."""
    written = {match.rstrip(".").casefold() for match in _MAIL.findall(quote)}
    if address.casefold() in written:
        return Support.FOLLOWS
    name = fold(address.partition("@")[0])
    return Support.UNDECIDED if not written and name and name in fold(quote) else Support.CONTRADICTS


def phone_follows(e164: str, quote: str, region: str = "") -> Support:
    """The number as Google's metadata reads it. Without a country in quote or region only digits can be compared."""
    text = western_digits(quote)
    try:
        wanted = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return Support.CONTRADICTS
    found = [match.number for match in phonenumbers.PhoneNumberMatcher(text, region or None)]
    if any(number.country_code == wanted.country_code and _same_national(number, wanted) for number in found):
        return Support.FOLLOWS
    digits = re.sub(r"\D", "", text)
    if not digits:
        return Support.UNDECIDED  # spoken: "zero six, twelve …"
    national = phonenumbers.national_significant_number(wanted)
    same = len(digits) >= _NATIONAL_DIGITS and digits.lstrip("0").endswith(national)
    return Support.UNDECIDED if same and not found else Support.CONTRADICTS


def _same_national(one: phonenumbers.PhoneNumber, other: phonenumbers.PhoneNumber) -> bool:
    return phonenumbers.national_significant_number(one) == phonenumbers.national_significant_number(other)


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


def pay_follows(wanted: Mapping[str, Any], quote: str, language: str) -> Support:
    """`{min, max, currency, period}` (product §1b): each end, currency and period that is given must be said."""
    ends = [Decimal(str(wanted[end])) for end in ("min", "max") if wanted.get(end) is not None]
    sums = find_amounts(quote)
    if not ends:
        return Support.CONTRADICTS
    if not sums:
        parts = [number_follows(end, quote, language) for end in ends]
        return Support.CONTRADICTS if Support.CONTRADICTS in parts else Support.UNDECIDED
    if any(end not in {amount.value for amount in sums} for end in ends):
        return Support.CONTRADICTS
    said = [amount for amount in sums if amount.value in ends]
    parts = [_said_of(said, name, str(wanted.get(name) or "")) for name in ("currency", "period")]
    if Support.CONTRADICTS in parts:
        return Support.CONTRADICTS
    return Support.UNDECIDED if Support.UNDECIDED in parts else Support.FOLLOWS


def _said_of(amounts: list[Amount], name: str, wanted: str) -> Support:
    """A currency or period: unsaid ones are an assumption, others a contradiction."""
    given = {str(getattr(amount, name)) for amount in amounts} - {""}
    if not wanted or wanted in given:
        return Support.FOLLOWS
    return Support.CONTRADICTS if given else Support.UNDECIDED


def _name(fact: Fact, words: Words) -> Support:
    return words_follow(str(fact.value.get("display", "")), words.quote)


def _role(fact: Fact, words: Words) -> Support:
    return words_follow(str(fact.value.get("title", "")), words.quote, inflects=True)


def _city(fact: Fact, words: Words) -> Support:
    """Coordinates come from a shared place only."""
    place = words.said.location
    for axis in ("latitude", "longitude"):
        given = fact.value.get(axis)
        if given is not None and (place is None or abs(float(given) - getattr(place, axis)) > _COORDINATE):
            return Support.CONTRADICTS
    return words_follow(str(fact.value.get("city", "")), words.quote, inflects=True)


def _availability(fact: Fact, words: Words) -> Support:
    """A calendar word of the quote makes the day; "now" makes the day of the message."""
    today = availability.written_on(words.said, words.zone)
    clauses = read(words.quote).clauses
    days = {found.day for found in dates.find_dates(clauses, today, words.language)}
    at_once = any(
        search(lexicon.patterns["date_now"], clause.folded)
        for lexicon in in_order(words.language)
        for clause in clauses
    )
    if at_once and not days:
        days = {today}
    wanted, immediate = str(fact.value.get("from", "")), bool(fact.value.get("immediate"))
    if immediate and wanted != today.isoformat():
        return Support.CONTRADICTS
    if not days:
        return Support.UNDECIDED
    if wanted not in {day.isoformat() for day in days}:
        return Support.CONTRADICTS
    return Support.UNDECIDED if immediate and not at_once else Support.FOLLOWS


def _language(fact: Fact, words: Words) -> Support:
    code = part(fact.field)
    if fact.value.get("language") != code or code in tongues.denied_codes(read(words.said.text), words.language):
        return Support.CONTRADICTS
    named = {name[3] for name in mentioned(read(words.quote))}
    if not named:
        return Support.UNDECIDED
    return Support.FOLLOWS if code in named else Support.CONTRADICTS


def _level(fact: Fact, words: Words) -> Support:
    """A scale word beside the language, or alone. Praise ("fluent") is no level: the list is asked (product §1b)."""
    code, text = part(fact.field), read(words.quote)
    levels = {found.field: found.value for found in tongues.spoken(text, words.language, asked=True)}
    if (beside := levels.get(fact.field)) is not None:
        return _matches(fact.value, beside)
    if any(kind(field) == LEVELS for field in levels):
        return Support.CONTRADICTS  # a level, but of another language
    alone = tongues.level_answered(text, words.language, code)
    return _matches(fact.value, alone.value if alone else None)


def _licence(fact: Fact, words: Words) -> Support:
    type_, text = part(fact.field), read(words.quote)
    if fact.value.get("type") != type_:
        return Support.CONTRADICTS
    named = {part(found.field) for found in licences.held(text, words.language, asked=True)}
    if type_ == NO_LICENCE:
        if named:
            return Support.CONTRADICTS
        return Support.FOLLOWS if licences.none_held(text, words.language) else Support.UNDECIDED
    if type_ in named:
        return Support.FOLLOWS
    return Support.CONTRADICTS if named or licences.none_held(text, words.language) else Support.UNDECIDED


Check = Callable[[Fact, Words], Support]
CHECKS: Mapping[str, Check] = {
    Field.NAME: _name,
    Field.ROLE: _role,
    Field.CITY: _city,
    Field.AVAILABILITY: _availability,
    Field.LANGUAGES: _language,
    LEVELS: _level,
    Field.LICENCES: _licence,
    "email": lambda fact, words: email_follows(str(fact.value.get("address", "")), words.quote),
    "phone": lambda fact, words: phone_follows(str(fact.value.get("e164", "")), words.quote, words.region),
    "salary_expectation": lambda fact, words: pay_follows(fact.value, words.quote, words.language),
}
