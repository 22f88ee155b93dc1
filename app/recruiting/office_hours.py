"""When a person can be expected to answer: opening hours as OpenStreetMap writes them, `Mo-Fr 09:00-17:00; PH off`."""

import functools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from opening_hours import OpeningHours, State

# Looked at no further than this: a desk that is closed longer is not promised for a day.
_HORIZON = timedelta(days=21)


@functools.lru_cache(maxsize=8)
def _parsed(expression: str, timezone: str, country: str) -> OpeningHours:
    return OpeningHours(expression, timezone=ZoneInfo(timezone), country=country or None)


def answer_by(expression: str, timezone: str, now: float, hours: float, country: str = "") -> datetime | None:
    """The moment at which so many opening `hours` will have passed since `now` (Unix seconds), in the desk's timezone.

    `country` (ISO 3166, two letters) says which days `PH` are; without it there are none. None when the desk does not
    open so long in the coming three weeks.
    """
    zone = ZoneInfo(timezone)
    start = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
    # Reckoned in UTC: by the clock on the wall the horizon may end in the hour that a clock change leaves out.
    until = start + _HORIZON
    left = timedelta(hours=hours)
    for begin, end, state, _ in _parsed(expression, timezone, country).intervals(
        start.astimezone(zone), until.astimezone(zone)
    ):
        if state is not State.OPEN:
            continue
        # An hour is an hour in the night of the clock change, too.
        opens, closes = begin.astimezone(UTC), (end or until).astimezone(UTC)
        if closes - opens >= left:
            return (opens + left).astimezone(zone)
        left -= closes - opens
    return None


def spoken(moment: datetime, language: str) -> str:
    """The moment as a candidate reads it: weekday, day, time."""
    return format_datetime(moment, "EEEE d MMMM, HH:mm", locale=language)
