"""A time chosen in words: "the first", "Tuesday 10", "1 December at 10:00". In doubt it is not chosen."""

import functools
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from babel import Locale

from app.recruiting.answers.calendar_words import names, short_months
from app.recruiting.interviews import Slot
from app.recruiting.text import fold, read

_DATA = Path(__file__).with_name("interview_data.toml")
_LONGEST = 80  # characters: longer answers say more than a time
_NOON = 12
# "10:00", "10h30", "10.30", "1/12", "1-12"; a point may stand in a time or in a date.
_PAIR = re.compile(r"(?<!\d)(\d{1,2}) ?([:.h/-]) ?(\d{2}|\d{1,2})(?![\d.:/-])")
_HALF = re.compile(r"(?<!\d)(\d{1,2}) ?([ap])\.?m\b\.?")
_NUMBER = re.compile(r"(\d{1,2})(?:h|st|nd|rd|th|e|er|º)?")

Test = Callable[[int, Slot], bool]
"""Whether the slot at this place of the list (from 0) can be meant."""


@dataclass
class Named:
    """What a message names. `clear` = names that only a time or a place in the list has; a bare number is none."""

    tests: list[Test] = field(default_factory=list)
    clear: bool = False
    unknown: bool = False
    numbers: list[int] = field(default_factory=list)


@functools.cache
def _words(language: str) -> tuple[dict[str, int], frozenset[str]]:
    """Place in the list by word (-1 = the last), and words that change nothing."""
    data: dict[str, Any] = tomllib.loads(_DATA.read_text(encoding="utf-8"))[language]
    places = {fold(word): number for number, forms in enumerate(data["positions"]) for word in forms}
    return places | {fold(word): -1 for word in data["last"]}, frozenset(fold(word) for word in data["small"])


@functools.cache
def _short_days(language: str) -> dict[str, int]:
    contexts = Locale(language).days.values()
    return {fold(name.rstrip(".")): day for each in contexts for day, name in each["abbreviated"].items()}


def chosen(text: str, slots: Sequence[Slot], language: str) -> tuple[Slot | None, bool]:
    """The one slot that the words can only mean; and whether they are about a time at all.

    `(None, True)`: they name a time, or several, or say more than that. `(None, False)`: they are about something else.
    """
    named = _named(text, [language, "en"])
    if not named.tests or (named.unknown and not named.clear):
        return None, False
    if named.unknown or len(text) > _LONGEST or read(text).asks:
        return None, True
    fitting = [slot for place, slot in enumerate(slots) if all(test(place, slot) for test in _all(named, slots))]
    return (fitting[0] if len(fitting) == 1 else None), True


def _all(named: Named, slots: Sequence[Slot]) -> Iterator[Test]:
    """A number that is the whole answer may also be a place in the list."""
    if len(named.tests) == 1 and named.numbers:
        number, test = named.numbers[0], named.tests[0]
        yield lambda place, slot: test(place, slot) or (number <= len(slots) and place == number - 1)
        return
    last = len(slots) - 1
    for test in named.tests:
        yield lambda place, slot, test=test: test(-1 if place == last else place, slot) or test(place, slot)  # type: ignore[misc]


def _named(text: str, languages: Sequence[str]) -> Named:
    named = Named()
    rest = " ".join(part.translate(_DIGITS) for part in text.lower().split())
    for pattern, make in ((_HALF, _half), (_PAIR, _pair)):
        for match in pattern.finditer(rest):
            named.tests.append(make(match))
            named.clear = True
        rest = pattern.sub(" ", rest)
    for word in read(rest).words:
        _take(named, word.folded, languages)
    return named


_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789")


def _half(match: re.Match[str]) -> Test:
    hour = int(match[1]) % _NOON + (_NOON if match[2] == "p" else 0)
    return lambda _, slot: (slot.starts.hour, slot.starts.minute) == (hour, 0)


def _pair(match: re.Match[str]) -> Test:
    first, second = int(match[1]), int(match[3])
    as_time, as_date = match[2] in ":.h", match[2] in "./-"

    def test(_: int, slot: Slot) -> bool:
        starts = slot.starts
        return (as_time and (starts.hour, starts.minute) == (first, second)) or (
            as_date and (starts.day, starts.month) == (first, second)
        )

    return test


def _take(named: Named, word: str, languages: Sequence[str]) -> None:
    """Sort one word: weekday, month, place in the list, number, small word, or something else."""
    if test := _calendar(word, languages):
        named.tests.append(test)
        named.clear = True
    elif (place := _place(word, languages)) is not None:
        named.tests.append(lambda at, slot: at == place or (place >= 0 and slot.starts.day == place + 1))
        named.clear = True
    elif number := _NUMBER.fullmatch(word):
        named.tests.append(_of_number(int(number[1])))
        named.numbers.append(int(number[1]))
    elif not any(word in _words(language)[1] for language in languages):
        named.unknown = True


def _place(word: str, languages: Sequence[str]) -> int | None:
    return next((places[word] for language in languages if word in (places := _words(language)[0])), None)


def _of_number(number: int) -> Test:
    """A day of the month, or an hour; "at 2" of an afternoon, too."""

    def test(_: int, slot: Slot) -> bool:
        starts = slot.starts
        hours = {number, number + _NOON} if number < _NOON else {number}
        return starts.day == number or (starts.minute == 0 and starts.hour in hours)

    return test


def _calendar(word: str, languages: Sequence[str]) -> Test | None:
    """A weekday or a month; "mar" is both in Spanish, and either is meant then."""
    days = set(_numbers_of(word, languages, "days"))
    months = set(_numbers_of(word, languages, "months"))
    if not days and not months:
        return None
    return lambda _, slot: slot.starts.weekday() in days or slot.starts.month in months


def _numbers_of(word: str, languages: Sequence[str], table: str) -> Iterable[int]:
    short = _short_days if table == "days" else short_months
    for language in languages:
        yield from (number for pattern, number in names(language, table) if pattern.fullmatch(word))
        if word in (abbreviated := short(language)):
            yield abbreviated[word]
