"""Calendar words of eight languages resolved against the day a message was written."""

import calendar
import datetime as dt
import functools
import re
from collections.abc import Iterator

import msgspec
from babel import Locale

from app.recruiting.lexicon import LANGUAGES, Lexicon, in_order, lexicon
from app.recruiting.text import Clause, fold

_MAX_AHEAD = dt.timedelta(days=550)
_INFLECTED = {"pl", "uk"}  # month and day names change their ending: "w styczniu", "з понеділка"
_ARABIC_LEVANT = "ar_SY"
_NUMERIC = re.compile(r"(?<![\d.,/])(\d{1,2})\s?[./-]\s?(\d{1,2})(?:\s?[./-]\s?(\d{4}|\d{2}))?(?![\d/])")
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")


class DateFound(msgspec.Struct, frozen=True):
    """A day and the words that name it. `certain` = cannot be a bare number or a length of time."""

    day: dt.date
    quote: str
    precision: str = "day"
    certain: bool = True
    immediate: bool = False


@functools.cache
def _names(code: str, table: str) -> tuple[tuple[re.Pattern[str], int], ...]:
    """Month (1..12) or weekday (0 = Monday) names; inflected languages match by stem."""
    found: dict[str, int] = {}
    locales = [Locale(code), *([Locale.parse(_ARABIC_LEVANT)] if code == "ar" else [])]
    for locale in locales:
        contexts = locale.months if table == "months" else locale.days
        for context in contexts.values():
            for number, name in context["wide"].items():
                found.setdefault(" ".join(fold(part) for part in name.split()), number)
    patterns = []
    for name, number in sorted(found.items(), key=lambda item: -len(item[0])):
        stem = name[: max(3, len(name) - 2)] if code in _INFLECTED else name
        ending = r"[^ ]{0,4}" if code in _INFLECTED else ""
        patterns.append(
            (
                re.compile(
                    rf"(?<![^ ])(?:[وب]|ال)?{re.escape(stem)}{ending}(?![^ ])"
                    if code == "ar"
                    else rf"(?<![^ ]){re.escape(stem)}{ending}(?![^ ])"
                ),
                number,
            )
        )
    return tuple(patterns)


@functools.cache
def _short_months(code: str) -> dict[str, int]:
    """Reads "dec" and "sept": taken for a month only beside a day."""
    contexts = Locale(code).months.values()
    return {fold(name.rstrip(".")): number for context in contexts for number, name in context["abbreviated"].items()}


def _next_occurrence(today: dt.date, month: int, day: int) -> dt.date | None:
    for year in (today.year, today.year + 1):
        try:
            found = dt.date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    return None


def _month_end(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _numeric(source: str, today: dt.date) -> Iterator[DateFound]:
    """Reads "1/12", "01-12-2026", "1.12.": day before month, as in Europe; the read-back shows the month by name."""
    for match in _ISO.finditer(source):
        year, month, day = (int(group) for group in match.groups())
        if (found := _valid(year, month, day)) is not None:
            yield DateFound(found, match.group())
    for match in _NUMERIC.finditer(source):
        first, second, year_text = match.groups()
        day, month = (int(first), int(second)) if int(second) <= 12 else (int(second), int(first))
        if year_text:
            year = int(year_text) + (2000 if len(year_text) == 2 else 0)
            found = _valid(year, month, day)
        else:
            found = _next_occurrence(today, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None
        if found is not None:
            yield DateFound(found, match.group())


def _valid(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _alternatives(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or "(?!)"


@functools.cache
def _grammar(code: str) -> dict[str, re.Pattern[str]]:
    """Expressions of one language over folded clauses."""
    words = lexicon(code)
    dates = words.dates
    unit = "|".join(f"(?P<{u}>{_alternatives(dates[u])})" for u in ("day", "week", "month"))
    number = rf"(?P<n>\d{{1,2}}|{_alternatives(tuple(words.numbers))})"
    lead = _alternatives(dates["in"])
    nexts, afters = _alternatives(dates["next"]), _alternatives(dates["next_after"])
    duals = _alternatives(tuple(words.duals))
    return {
        "span": re.compile(
            rf"(?<![^ ])(?:(?P<lead>{lead}) )?(?:{number} )?(?:{unit})(?: (?P<after>{_alternatives(dates['ago_after'])}))?(?![^ ])"
        ),
        "dual": re.compile(rf"(?<![^ ])(?:(?P<lead>{lead}) )?(?P<dual>{duals})(?![^ ])"),
        "next_unit": re.compile(
            rf"(?<![^ ])(?:(?:{nexts}) (?:{unit})|(?:{unit.replace('?P<', '?P<x')}) (?:{afters}))(?![^ ])"
        ),
        "tomorrow": re.compile(rf"(?<![^ ])(?:{_alternatives(dates['tomorrow'])})(?![^ ])"),
        "overmorrow": re.compile(rf"(?<![^ ])(?:{_alternatives(dates['day_after_tomorrow'])})(?![^ ])"),
        "veto": re.compile(rf"(?<![^ ])(?:{_alternatives(dates['until'] + dates['past'])})(?![^ ])"),
        "part": re.compile(
            rf"(?<![^ ])(?:(?P<begin>{_alternatives(dates['begin'])})|(?P<middle>{_alternatives(dates['middle'])})"
            rf"|(?P<end>{_alternatives(dates['end'])}))(?: [^ ]{{1,3}})?$"
        ),
    }


def _count(text: str | None, words: Lexicon) -> int:
    if text is None:
        return 1
    return int(text) if text.isdigit() else words.numbers[text]


def _ahead(today: dt.date, count: int, unit: str) -> dt.date:
    if unit == "month":
        year, month = divmod(today.month - 1 + count, 12)
        year, month = today.year + year, month + 1
        return dt.date(year, month, min(today.day, _month_end(year, month)))
    return today + dt.timedelta(days=count * (7 if unit == "week" else 1))


def _unit(match: re.Match[str], prefix: str = "") -> str:
    groups = match.groupdict()
    return next((u for u in ("day", "week", "month") if groups.get(prefix + u)), "")


def _spans(clause: Clause, today: dt.date, words: Lexicon) -> Iterator[DateFound]:
    grammar = _grammar(words.code)
    for match in grammar["span"].finditer(clause.folded):
        if match["lead"] is None and match["n"] is None and match["after"] is None:
            continue  # a bare "week" names no day
        yield DateFound(
            _ahead(today, _count(match["n"], words), _unit(match)),
            clause.quote(match.start(), match.end()),
            certain=match["lead"] is not None or match["after"] is not None,
        )
    for match in grammar["dual"].finditer(clause.folded):
        count, unit = words.duals[match["dual"]]
        yield DateFound(
            _ahead(today, count, unit), clause.quote(match.start(), match.end()), certain=match["lead"] is not None
        )


def _near(clause: Clause, today: dt.date, words: Lexicon) -> Iterator[DateFound]:
    grammar = _grammar(words.code)
    for match in grammar["next_unit"].finditer(clause.folded):
        unit = _unit(match) or _unit(match, "x")
        if unit == "month":
            day, precision = _ahead(today.replace(day=1), 1, "month"), "month"
        elif unit == "week":
            day, precision = today + dt.timedelta(days=7 - today.weekday()), "week"
        else:
            day, precision = today + dt.timedelta(days=1), "day"
        yield DateFound(day, clause.quote(match.start(), match.end()), precision)
    for name, days in (("overmorrow", 2), ("tomorrow", 1)):
        for match in grammar[name].finditer(clause.folded):
            yield DateFound(today + dt.timedelta(days=days), clause.quote(match.start(), match.end()))
    for pattern, weekday in _names(words.code, "days"):
        for named in pattern.finditer(clause.folded):
            ahead = (weekday - today.weekday() - 1) % 7 + 1
            yield DateFound(today + dt.timedelta(days=ahead), clause.quote(named.start(), named.end()))


def _in_months(clause: Clause, today: dt.date, words: Lexicon) -> Iterator[DateFound]:
    for pattern, month in _names(words.code, "months"):
        for match in pattern.finditer(clause.folded):
            yield from _month(clause, today, words, (match.start(), match.end(), month))
    short = _short_months(words.code)
    at = 0
    for word in clause.folded.split():
        if (number := short.get(word)) is not None:
            found = next(_month(clause, today, words, (at, at + len(word), number)), None)
            if found is not None and found.precision == "day":
                yield found
        at += len(word) + 1


_DAY_BEFORE = re.compile(r"(?<![^ ])(\d{1,2})(?:st|nd|rd|th|er|º|o|ste|e|a|го)?(?: (?:of|de|van|el|le))? $")
_DAY_AFTER = re.compile(r"^ (?:the )?(\d{1,2})(?:st|nd|rd|th)?(?![^ ])")
_YEAR_AFTER = re.compile(r"^(?: (?:\d{1,2})(?:st|nd|rd|th)?)?(?: (?:de|del|of|r|року|anul))? (20\d\d)(?![^ ])")


def _month(clause: Clause, today: dt.date, words: Lexicon, at: tuple[int, int, int]) -> Iterator[DateFound]:
    """A month name with the day, part of month or year beside it."""
    start, end, month = at
    before, after = clause.folded[:start], clause.folded[end:]
    first = _DAY_BEFORE.search(before)
    second = None if first else _DAY_AFTER.search(after)
    year = _YEAR_AFTER.search(after)
    if first or second:
        day = int((first or second)[1])  # type: ignore[index]  # one of them matched
        found = _valid(int(year[1]), month, day) if year else _next_occurrence(today, month, day)
        if found is not None:
            begin = first.start(1) if first else start
            stop = end + (year.end() if year else second.end() if second else 0)
            yield DateFound(found, clause.quote(begin, stop))
        return
    part = _grammar(words.code)["part"].search(before.rstrip())
    which = part.lastgroup if part else "begin"
    base = dt.date(int(year[1]), month, 1) if year else _first_of(today, month)
    day_of = {"begin": 1, "middle": 15, "end": _month_end(base.year, month)}[which or "begin"]
    yield DateFound(
        max(base.replace(day=day_of), today),
        clause.quote(part.start() if part else start, end + (year.end() if year else 0)),
        "day" if which == "middle" else "month",
    )


def _first_of(today: dt.date, month: int) -> dt.date:
    year = today.year if month >= today.month else today.year + 1
    return dt.date(year, month, 1)


def find_dates(clauses: tuple[Clause, ...], today: dt.date, language: str) -> list[DateFound]:
    """Days named in the clauses, the most explicit first. Past days and "until" are left out."""
    found: list[DateFound] = list(_numeric(clauses[0].source, today)) if clauses else []
    for words in in_order(language if language in LANGUAGES else "en"):
        grammar = _grammar(words.code)
        for clause in clauses:
            if grammar["veto"].search(clause.folded):
                continue
            found += _in_months(clause, today, words)
            found += _near(clause, today, words)
            found += _spans(clause, today, words)
        if found:
            break  # the own language first; another one only when it says nothing
    return [date for date in found if today <= date.day <= today + _MAX_AHEAD]
