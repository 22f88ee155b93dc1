"""Expressions for months, weekdays and spans of time in each language, from Babel's tables and the lexicons."""

import functools
import re

from babel import Locale

from app.recruiting.lexicon import lexicon
from app.recruiting.text import fold

_INFLECTED = frozenset({"pl", "uk"})  # month and day names change their ending: "w styczniu", "з понеділка"
_LEVANT = "ar_SY"  # كانون الأول beside ديسمبر
_SHORT = 6  # letters
_POLISH_ENDINGS = "(?:a|u|em|owi|e|y|m|go|ec|zie|ta|cie|ty|te)"
_BEGIN, _END = r"(?<![^ ])", r"(?![^ ])"


def _alternatives(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or "(?!)"


def _name(name: str, code: str) -> str:
    if code == "pl" and len(name) <= _SHORT:  # "married" and "Marcin" are no "marca", "major" is no "maja"
        return f"(?:{re.escape(name)}|{re.escape(name[: max(4, len(name) - 2)])}{_POLISH_ENDINGS})"
    if code in _INFLECTED:
        return re.escape(name[: max(3, len(name) - 2)]) + r"[^ ]{0,4}"
    return (r"(?:[وب]|ال)?" if code == "ar" else "") + re.escape(name)


@functools.cache
def names(code: str, table: str) -> tuple[tuple[re.Pattern[str], int], ...]:
    """`months` (1..12) or `days` (0 = Monday), longest name first."""
    found: dict[str, int] = {}
    for locale in [Locale(code), *([Locale.parse(_LEVANT)] if code == "ar" else [])]:
        for context in (locale.months if table == "months" else locale.days).values():
            for number, name in context["wide"].items():
                found.setdefault(" ".join(fold(part) for part in name.split()), number)
    longest = sorted(found.items(), key=lambda item: -len(item[0]))
    return tuple((re.compile(_BEGIN + _name(name, code) + _END), number) for name, number in longest)


@functools.cache
def short_months(code: str) -> dict[str, int]:
    """Abbreviations such as "dec" and "sept"; a month only beside a day."""
    contexts = Locale(code).months.values()
    return {fold(name.rstrip(".")): number for context in contexts for number, name in context["abbreviated"].items()}


@functools.cache
def grammar(code: str) -> dict[str, re.Pattern[str]]:
    """Expressions over folded clauses: span, dual, next_unit, tomorrow, overmorrow, veto, part."""
    words = lexicon(code)
    dates = words.dates
    units = {unit: _alternatives(dates[unit]) for unit in ("day", "week", "month")}
    unit = "|".join(f"(?P<{name}>{forms})" for name, forms in units.items())
    unit_before = "|".join(f"(?P<x{name}>{forms})" for name, forms in units.items())
    lead = rf"(?:(?P<lead>{_alternatives(dates['in'])}) )?"
    number = rf"(?:(?P<n>\d{{1,2}}|{_alternatives(tuple(words.numbers))}) )?"
    after = rf"(?: (?P<after>{_alternatives(dates['ago_after'])}))?"
    parts = "|".join(f"(?P<{part}>{_alternatives(dates[part])})" for part in ("begin", "middle", "end"))
    patterns = {
        "span": f"{lead}{number}(?:{unit}){after}",
        "dual": f"{lead}(?P<dual>{_alternatives(tuple(words.duals))})",
        "next_unit": (
            f"(?:(?:{_alternatives(dates['next'])}) (?:{unit})"
            f"|(?:{unit_before}) (?:{_alternatives(dates['next_after'])}))"
        ),
        "tomorrow": f"(?:{_alternatives(dates['tomorrow'])})",
        "overmorrow": f"(?:{_alternatives(dates['day_after_tomorrow'])})",
        "veto": f"(?:{_alternatives(dates['veto'])})",
        "part": f"(?:{parts})(?: [^ ]{{1,3}})?$",
    }
    return {
        name: re.compile(_BEGIN + source + ("" if source.endswith("$") else _END)) for name, source in patterns.items()
    }
