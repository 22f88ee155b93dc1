"""Calendar words of eight languages resolved against the day a message was written."""

import calendar
import datetime as dt
import re
from collections.abc import Iterator

import msgspec

from app.recruiting.answers.calendar_words import grammar, names, short_months
from app.recruiting.lexicon import Lexicon, in_order
from app.recruiting.text import Clause

_MAX_AHEAD = dt.timedelta(days=550)
_VETO_REACH = 2  # words before a date
_NUMERIC = re.compile(r"(?<![\d.,/])(\d{1,2})\s?[./-]\s?(\d{1,2})(?:\s?[./-]\s?(\d{4}|\d{2}))?(?![\d/])")
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_DAY_BEFORE = re.compile(r"(?<![^ ])(\d{1,2})(?:st|nd|rd|th|er|º|o|ste|e|a|го)?(?: (?:of|de|van|el|le))? $")
_DAY_AFTER = re.compile(r"^ (?:the )?(\d{1,2})(?:st|nd|rd|th)?(?![^ ])")
_ALSO_WORDS = frozenset({"may", "mai"})  # English, Romanian
_WORD_AFTER = re.compile(r"\s*[^\W\d]")
_LEADS_TO_MONTH = re.compile(r"\b(?:in|from|since|of|by|until|din|luna|pe|de)\s*$")
_YEAR_AFTER = re.compile(r"^(?: (?:\d{1,2})(?:st|nd|rd|th)?)?(?: (?:de|del|of|r|року|anul))? (20\d\d)(?![^ ])")


class DateFound(msgspec.Struct, frozen=True):
    """A day and the words that name it. `certain` = cannot be a length of time or part of another phrase."""

    day: dt.date
    quote: str
    precision: str = "day"
    certain: bool = True
    immediate: bool = False


def _valid(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _next_occurrence(today: dt.date, month: int, day: int) -> dt.date | None:
    """The first such day from today on; None for the 31st of a short month."""
    candidates = (_valid(year, month, day) for year in range(today.year, today.year + 5))
    return next((found for found in candidates if found is not None and found >= today), None)


def ahead(today: dt.date, count: int, unit: str) -> dt.date:
    """`count` days, weeks or months later; the 31st becomes a shorter month's last day."""
    if unit != "month":
        return today + dt.timedelta(days=count * (7 if unit == "week" else 1))
    years, month = divmod(today.month - 1 + count, 12)
    year, month = today.year + years, month + 1
    return dt.date(year, month, min(today.day, calendar.monthrange(year, month)[1]))


def _numeric(source: str, today: dt.date) -> Iterator[DateFound]:
    """Reads "1/12", "01-12-2026", "1.12.": day before month, as in Europe; the read-back names the month."""
    for match in _ISO.finditer(source):
        year, month, day = (int(group) for group in match.groups())
        if (found := _valid(year, month, day)) is not None:
            yield DateFound(found, match.group())
    for match in _NUMERIC.finditer(source):
        first, second, year_text = match.groups()
        day, month = (int(first), int(second)) if int(second) <= 12 else (int(second), int(first))
        if year_text:
            found = _valid(int(year_text) + (2000 if len(year_text) == 2 else 0), month, day)
        else:
            found = _next_occurrence(today, month, day)
        if found is not None:
            yield DateFound(found, match.group())


class _Reader:
    """Reads one clause in one language."""

    def __init__(self, clause: Clause, today: dt.date, words: Lexicon) -> None:
        self._clause = clause
        self._today = today
        self._words = words
        self._grammar = grammar(words.code)
        self.vetoes = 0  # dates that were named but are no first day

    def _vetoed(self, start: int, end: int) -> bool:
        """Tells "until 1 December", "two weeks ago" and "guten Morgen" from a first day."""
        folded = self._clause.folded
        near = [*folded[:start].split()[-_VETO_REACH:], *folded[end:].split()[:1]]
        vetoed = self._grammar["veto"].search(" ".join(near)) is not None
        self.vetoes += vetoed
        return vetoed

    def _found(self, day: dt.date, at: tuple[int, int], precision: str = "day", *, certain: bool = True) -> DateFound:
        return DateFound(day, self._clause.quote(*at), precision, certain)

    def _matches(self, name: str) -> Iterator[re.Match[str]]:
        for match in self._grammar[name].finditer(self._clause.folded):
            if not self._vetoed(match.start(), match.end()):
                yield match

    def spans(self) -> Iterator[DateFound]:
        """Reads "in 2 weeks", "over een maand", "بعد أسبوعين"; without the leading word it is uncertain."""
        for match in self._matches("span"):
            if match["lead"] is None and match["n"] is None and match["after"] is None:
                continue  # a bare "week" names no day
            count = 1 if match["n"] is None else self._count(match["n"])
            certain = match["lead"] is not None or match["after"] is not None
            yield self._found(ahead(self._today, count, _unit(match)), match.span(), certain=certain)
        for match in self._matches("dual"):
            count, unit = self._words.duals[match["dual"]]
            yield self._found(ahead(self._today, count, unit), match.span(), certain=match["lead"] is not None)

    def _count(self, number: str) -> int:
        return int(number) if number.isdigit() else self._words.numbers[number]

    def near(self) -> Iterator[DateFound]:
        """Reads "next week", "tomorrow", "maandag"."""
        today = self._today
        for match in self._matches("next_unit"):
            unit = _unit(match)
            if unit == "month":
                yield self._found(ahead(today.replace(day=1), 1, "month"), match.span(), "month")
            elif unit == "week":
                yield self._found(today + dt.timedelta(days=7 - today.weekday()), match.span(), "week")
            else:
                yield self._found(today + dt.timedelta(days=1), match.span())
        for name, days in (("overmorrow", 2), ("tomorrow", 1)):
            for match in self._matches(name):
                yield self._found(today + dt.timedelta(days=days), match.span())
        for pattern, weekday in names(self._words.code, "days"):
            for match in pattern.finditer(self._clause.folded):
                if not self._vetoed(match.start(), match.end()):
                    days = (weekday - today.weekday() - 1) % 7 + 1
                    yield self._found(today + dt.timedelta(days=days), match.span())

    def months(self) -> Iterator[DateFound]:
        """Reads "1 december", "December 1st", "begin januari", "1 dec"."""
        for pattern, month in names(self._words.code, "months"):
            for match in pattern.finditer(self._clause.folded):
                yield from self._month(match.start(), match.end(), month)
        short, at = short_months(self._words.code), 0
        for word in self._clause.folded.split():
            if (month_ := short.get(word)) is not None:
                yield from (one for one in self._month(at, at + len(word), month_) if one.precision == "day")
            at += len(word) + 1

    def _month(self, start: int, end: int, month: int) -> Iterator[DateFound]:
        """A month name with the day, part of month or year beside it."""
        before, after = self._clause.folded[:start], self._clause.folded[end:]
        year = _YEAR_AFTER.search(after)
        first = _DAY_BEFORE.search(before)
        if day := first or _DAY_AFTER.search(after):
            number = int(day[1])
            found = _valid(int(year[1]), month, number) if year else _next_occurrence(self._today, month, number)
            at = (first.start(1) if first else start, end + (year.end() if year else 0 if first else day.end()))
            if found is not None and not self._vetoed(*at):
                yield self._found(found, at)
            return
        part = self._grammar["part"].search(before.rstrip())
        if part is None and year is None and _is_no_month(before, self._clause.folded[start:end], after):
            return
        which = part.lastgroup if part else "begin"
        base = dt.date(int(year[1]) if year else self._year_of(month), month, 1)
        day_of = {"begin": 1, "middle": 15, "end": calendar.monthrange(base.year, month)[1]}[which or "begin"]
        at = (part.start() if part else start, end + (year.end() if year else 0))
        if not self._vetoed(*at):
            first_day, precision = max(base.replace(day=day_of), self._today), "day" if which == "middle" else "month"
            # A month alone may be a name ("April") or tell when something was.
            yield self._found(first_day, at, precision, certain=part is not None or year is not None)

    def _year_of(self, month: int) -> int:
        return self._today.year + (month < self._today.month)


def _is_no_month(before: str, word: str, after: str) -> bool:
    """ "I may come", "mai bine": everyday words, unless they end the clause or "in", "from", "luna" leads to them."""
    return word in _ALSO_WORDS and _WORD_AFTER.match(after) is not None and _LEADS_TO_MONTH.search(before) is None


def _unit(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return next(unit for unit in ("day", "week", "month") if groups.get(unit) or groups.get("x" + unit))


def find_dates(clauses: tuple[Clause, ...], today: dt.date, language: str) -> list[DateFound]:
    """Days named in a message's clauses, the most explicit first. Past days and "until" are left out."""
    if not clauses:
        return []
    # Numbers and months are looked for over full stops: "1.12.", "1. Dezember".
    whole = Clause(clauses[0].source, tuple(word for clause in clauses for word in clause.words))
    found = list(_numeric(whole.quote(0, len(whole.folded)), today))
    for words in in_order(language):
        over_all, readers = _Reader(whole, today, words), [_Reader(clause, today, words) for clause in clauses]
        found += over_all.months()
        for reader in readers:
            found += reader.spans()
        for reader in readers:
            found += reader.near()
        if found or any(reader.vetoes for reader in (over_all, *readers)):
            break  # the own language first; another one only when it says nothing at all
    found.sort(key=lambda date: not date.certain)
    return [date for date in found if today <= date.day <= today + _MAX_AHEAD]
