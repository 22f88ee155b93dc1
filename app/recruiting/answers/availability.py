"""From when a person can work, resolved against the day of the message and read back with the month's name."""

import datetime as dt
from zoneinfo import ZoneInfo

from app.recruiting.answers.dates import DateFound, ahead, find_dates
from app.recruiting.clauses import says
from app.recruiting.lexicon import knowing
from app.recruiting.patterns import search
from app.recruiting.profile import Field
from app.recruiting.said import Found, Said
from app.recruiting.text import Text


def _found(date: DateFound, confidence: float) -> Found:
    value: dict[str, object] = {"from": date.day.isoformat()}
    if date.immediate:
        value["immediate"] = True
    if date.precision != "day":
        value["precision"] = date.precision
    return Found(field=Field.AVAILABILITY, value=value, quote=date.quote, confidence=confidence)


def written_on(said: Said, zone: ZoneInfo) -> dt.date:
    """The calendar day of a message where the work is."""
    return dt.datetime.fromtimestamp(said.at, zone).date()


def _immediately(text: Text, today: dt.date, language: str) -> DateFound | None:
    for words in knowing("date_now", text.whole.folded, language):
        for clause in text.clauses:
            if match := search(words.patterns["date_now"], clause.folded):
                return DateFound(today, clause.quote(match.start(), match.end() - 1), immediate=True)
    return None


def read_availability(said: Said, text: Text, language: str, zone: ZoneInfo, *, asked: bool) -> Found | None:
    """A first day. Unasked, only a sure date in a message about starting: "call me tomorrow" is none."""
    today = written_on(said, zone)
    about_starting = any(says(clause, "available", language) for clause in text.clauses)
    if not asked and (text.asks or not about_starting):
        return None
    dates = [date for date in find_dates(text.clauses, today, language) if asked or date.certain]
    if dates:
        return _found(dates[0], 0.95 if asked else 0.8)
    now = _immediately(text, today, language)
    return _found(now, 0.95 if asked else 0.85) if now else None


def in_one_month(said: Said, zone: ZoneInfo) -> Found:
    """The tapped button "In 1 month"."""
    return _found(DateFound(ahead(written_on(said, zone), 1, "month"), said.text), 1.0)


def at_once(said: Said, zone: ZoneInfo) -> Found:
    """The tapped button "Now"."""
    return _found(DateFound(written_on(said, zone), said.text, immediate=True), 1.0)
