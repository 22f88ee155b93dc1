"""Numbers and sums of money as people write them in eight languages; digits of any script."""

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from babel.numbers import get_currency_name, get_currency_symbol

from app.recruiting.text import fold

_DATA = Path(__file__).with_name("guard_data") / "money.toml"
LANGUAGES = ("en", "nl", "de", "pl", "es", "ro", "uk", "ar")  # whose currency names are read
PERIODS = ("hour", "day", "week", "month", "year")
_REACH = 32  # characters on either side of a figure in which its period is looked for
_PLURALS = (1, 2, 5, 100)  # one count of each plural category of our languages
_SPACES = " \u00a0\u202f"
_NUMBER = rf"\d{{1,3}}(?:[.,'’{_SPACES}]\d{{3}})+(?:[.,]\d{{1,2}})?(?!\d)|\d+(?:[.,]\d{{1,3}})?"
_DECIMAL_SEPARATORS = {"٫": ".", "٬": ","}


class Number(msgspec.Struct, frozen=True):
    """A figure and where it stands in the text."""

    value: Decimal
    start: int
    end: int


class Amount(msgspec.Struct, frozen=True):
    """Money. `currency` is ISO 4217 or empty; `period` is one of `PERIODS` or empty."""

    value: Decimal
    currency: str
    period: str
    start: int
    end: int


@functools.cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(_DATA.read_text(encoding="utf-8"))


def western_digits(text: str) -> str:
    """The text with every script's decimal digits as 0-9, and of the same length."""
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(c)) if c.isdecimal() and not c.isascii() else _DECIMAL_SEPARATORS.get(c, c)
        for c in text
    )


def parsed(figure: str) -> Decimal:
    """Reads "1.500", "1 500,50", "15,5": a separator before exactly three digits groups, the last other is decimal."""
    bare = re.sub(rf"['’{_SPACES}]", "", figure)
    whole, separator, fraction = bare, "", ""
    if match := re.search(r"[.,](\d{1,2})$", bare):
        whole, separator, fraction = bare[: match.start()], ".", match[1]
    return Decimal(re.sub(r"[.,]", "", whole) + separator + fraction)


def find_numbers(text: str) -> list[Number]:
    """Every figure; "2k" counts as 2000."""
    found = []
    for match in re.finditer(rf"({_NUMBER})(\s?[kK](?!\w))?", western_digits(text)):
        value = parsed(match[1]) * (1000 if match[2] else 1)
        found.append(Number(value, match.start(), match.end()))
    return found


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda word: (-len(word), word)))


def _unaccented(text: str) -> str:
    """Accents off, letter by letter where one letter stays one, so that offsets stay those of the original."""
    return "".join(plain if len(plain := fold(c)) == 1 else c for c in text)


@functools.cache
def _currencies() -> tuple[re.Pattern[str], Mapping[str, str]]:
    names: dict[str, str] = {}
    for code, informal in _data()["currencies"].items():
        for language in LANGUAGES:
            names[_unaccented(get_currency_symbol(code, locale=language))] = code
            for count in _PLURALS:
                names[_unaccented(get_currency_name(code, count=count, locale=language))] = code
        names |= {_unaccented(name): code for name in informal}
    return re.compile(rf"(?:{_alternatives(names)})(?!\w)"), names


@functools.cache
def _periods() -> tuple[re.Pattern[str], Mapping[str, str]]:
    names = {_unaccented(word): period for period in PERIODS for word in _data()["periods"][period]}
    return re.compile(rf"(?<!\w)(?:{_alternatives(names)})(?!\w)"), names


@functools.cache
def _range() -> re.Pattern[str]:
    words = _alternatives(_unaccented(word) for word in _data()["range"]["words"])
    return re.compile(rf"\s*(?:[-–—/]|(?<=\s)(?:{words})(?=\s))\s*")


@functools.cache
def _pay() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{_alternatives(_unaccented(word) for word in _data()['pay']['words'])})(?!\w)")


def _currency_at(plain: str, start: int, end: int) -> str:
    """Currency written directly before or after the figure, with at most one blank between."""
    pattern, names = _currencies()
    if match := pattern.match(plain, end + (plain[end : end + 1] in _SPACES and end < len(plain))):
        return names[match.group()]
    before = plain[:start].rstrip(_SPACES)
    for match in pattern.finditer(before, max(0, len(before) - 12)):
        inside_word = match.start() > 0 and plain[match.start() - 1].isalnum() and match.group()[0].isalnum()
        if match.end() == len(before) and not inside_word:
            return names[match.group()]
    return ""


def _period_near(plain: str, start: int, end: int) -> str:
    """The nearest period word of the same line, after the figure rather than before it."""
    pattern, names = _periods()
    line_end = min(len(plain), end + _REACH, *(at for at in (plain.find("\n", end),) if at >= 0))
    after = pattern.search(plain, end, line_end)
    if after:
        return names[after.group()]
    line_start = max(0, start - _REACH, plain.rfind("\n", 0, start) + 1)
    before = list(pattern.finditer(plain, line_start, start))
    return names[before[-1].group()] if before else ""


def find_amounts(text: str) -> list[Amount]:
    """Sums of money: a figure with a currency, both ends of a range, or a figure with a period beside a word of pay."""
    plain = _unaccented(western_digits(text))
    return list(_amounts(plain, find_numbers(text)))


def _amounts(plain: str, numbers: list[Number]) -> Iterator[Amount]:
    currencies = [_currency_at(plain, number.start, number.end) for number in numbers]
    speaks_of_pay = _pay().search(plain) is not None
    for index, number in enumerate(numbers):
        currency = currencies[index]
        partner = _partner(plain, numbers, index)
        if not currency and partner is not None:
            currency = currencies[partner]
        period = _period_near(plain, number.start, number.end)
        if currency or (period and speaks_of_pay and _stands_before_period(plain, number.end)):
            yield Amount(number.value, currency, period, number.start, number.end)


def _partner(plain: str, numbers: list[Number], index: int) -> int | None:
    """Index of the figure that makes a range with this one."""
    for other in (index + 1, index - 1):
        if 0 <= other < len(numbers):
            first, second = sorted((index, other))
            between = plain[numbers[first].end : numbers[second].start]
            pattern, _ = _currencies()
            if _range().fullmatch(pattern.sub("", between).replace("  ", " ")):
                return other
    return None


def _stands_before_period(plain: str, end: int) -> bool:
    """Nothing but a period follows: "15 per hour" is pay, "40 hours per week" is not."""
    pattern, _ = _periods()
    return pattern.match(plain, end + len(plain[end:]) - len(plain[end:].lstrip(_SPACES))) is not None
