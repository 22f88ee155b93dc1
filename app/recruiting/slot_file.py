"""Times for interviews from a TOML file, and where in it a mistake stands. What only the record knows, it checks."""

import datetime as dt
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from app.recruiting.vacancy_codes import CODE
from app.recruiting.vacancy_file import line_of
from app.recruiting.vacancy_lint import Place

_HEAD = "slots"
MOST_PLACE, MOST_MINUTES, LEAST_MINUTES, MOST_CAPACITY = 300, 480, 5, 50
# What the record refuses, in words; see `slot_fault` in the migration.
REASONS = {
    "unknown_vacancy": "there is no such vacancy; `python -m app vacancies list` shows all",
    "past": "this time is over",
    "overlaps": "another open time of this vacancy at this place overlaps it; `interviews slots list` shows all",
    "booked": "people are booked here by other minutes, time zone or places; close it and load another",
}


class FileSlot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As a person writes it: `starts` by the clock of `timezone`; `place` is an address, a video link or a number."""

    vacancy: str
    starts: dt.datetime
    timezone: str
    minutes: int
    place: str
    capacity: int = 1

    def stored(self) -> dict[str, Any]:
        """As the record takes it."""
        starts = self.starts.replace(tzinfo=ZoneInfo(self.timezone))
        return {
            "vacancy": self.vacancy,
            "starts_at": starts.astimezone(dt.UTC).isoformat(),
            "minutes": self.minutes,
            "timezone": self.timezone,
            "place": self.place.strip(),
            "capacity": self.capacity,
        }


class CheckedSlots(msgspec.Struct, frozen=True, kw_only=True):
    """Slots only if nothing is wrong; `faults` as lines for a person. `text` and `name` are the file's."""

    slots: list[FileSlot]
    faults: list[str]
    text: str
    name: str

    def told(self, number: int, reason: str) -> str:
        """A fault that the record found in the slot `number` (from 0)."""
        return _told(self.text, self.name, (_HEAD, number), f"{self.slots[number].vacancy}: {REASONS[reason]}")


def check_slots(path: Path, now: dt.datetime) -> CheckedSlots:
    """Read and lint. Raises OSError."""
    return check_slot_text(path.read_text(encoding="utf-8-sig", errors="replace"), path.name, now)


def check_slot_text(text: str, name: str, now: dt.datetime) -> CheckedSlots:
    """The same for a text; `name` is how messages call the file, `now` the moment after which slots lie."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return CheckedSlots(slots=[], faults=[f"{name}: this is no TOML: {error}"], text=text, name=name)
    rows = data.get(_HEAD)
    if not isinstance(rows, list) or not rows or set(data) != {_HEAD}:
        fault = f"{name}: write times for interviews under [[slots]] and nothing else; see examples/interviews.toml"
        return CheckedSlots(slots=[], faults=[fault], text=text, name=name)
    slots: list[FileSlot] = []
    faults: list[str] = []
    for number, row in enumerate(rows):
        found = _read(row)
        problems = [found] if isinstance(found, tuple) else list(_lint(found, now))
        faults += [_told(text, name, (_HEAD, number, *([key] if key else [])), said) for key, said in problems]
        if isinstance(found, FileSlot):
            slots.append(found)
    if not faults:
        faults = [_told(text, name, (_HEAD, number, "starts"), said) for number, said in _overlaps(slots)]
    return CheckedSlots(slots=[] if faults else slots, faults=faults, text=text, name=name)


Problem = tuple[str, str]
"""The field, empty for the whole slot, and what is wrong with it."""


def _read(row: Any) -> FileSlot | Problem:
    if not isinstance(row, dict):
        return "", "write a table: [[slots]]"
    if "timezone" not in row:
        return "", "'timezone' is missing; write one such as \"Europe/Amsterdam\""
    if isinstance(starts := row.get("starts"), dt.datetime) and starts.tzinfo is not None:
        return "starts", "write the time by the clock of `timezone`, without Z or +01:00"
    if "starts" in row and not isinstance(starts, dt.datetime):
        return "starts", "write a day and a time without quotes, such as 2027-01-12T10:00:00"
    try:
        return msgspec.convert(row, FileSlot)
    except msgspec.ValidationError as error:
        said = str(error)
        field = said.rpartition("`$.")[2].rstrip("`") if "`$." in said else ""
        return field, said.partition(" - at ")[0].replace("Object", "the slot").replace("object", "the slot")


def _lint(slot: FileSlot, now: dt.datetime) -> Iterator[Problem]:
    if not CODE.fullmatch(slot.vacancy):
        yield "vacancy", "write a vacancy's code like WH-102"
    if not slot.place.strip() or len(slot.place) > MOST_PLACE:
        yield "place", f"say where: an address, a link or a number, {MOST_PLACE} characters at most"
    if not LEAST_MINUTES <= slot.minutes <= MOST_MINUTES:
        yield "minutes", f"between {LEAST_MINUTES} and {MOST_MINUTES}"
    if not 1 <= slot.capacity <= MOST_CAPACITY:
        yield "capacity", f"between 1 and {MOST_CAPACITY}"
    try:
        zone = ZoneInfo(slot.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "timezone", "is not a time zone, such as Europe/Amsterdam"
        return
    yield from _moment(slot.starts.replace(tzinfo=zone), now)


def _moment(starts: dt.datetime, now: dt.datetime) -> Iterator[Problem]:
    if starts.astimezone(dt.UTC).astimezone(starts.tzinfo).replace(tzinfo=None) != starts.replace(tzinfo=None):
        yield "starts", "there is no such time on that day: the clock is put forward"
    elif starts.replace(fold=1).utcoffset() != starts.utcoffset():
        yield "starts", "this time comes twice on that day: the clock is put back; choose another"
    elif starts <= now:
        yield "starts", REASONS["past"]


def _overlaps(slots: Sequence[FileSlot]) -> Iterator[tuple[int, str]]:
    """Of one vacancy at one place; the second of each pair in the file's order."""
    seen: list[tuple[str, str, dt.datetime, dt.datetime]] = []
    for number, slot in enumerate(slots):
        begins = slot.starts.replace(tzinfo=ZoneInfo(slot.timezone)).astimezone(dt.UTC)
        ends = begins + dt.timedelta(minutes=slot.minutes)
        key = (slot.vacancy, slot.place.strip())
        if any(key == (code, place) and begins < until and since < ends for code, place, since, until in seen):
            yield number, "overlaps another time of this vacancy at this place in this file"
        seen.append((*key, begins, ends))


def _told(text: str, name: str, place: Place, said: str) -> str:
    """ "times.toml, line 14, slot 2 starts: …"."""
    line = line_of(text, place)
    number = place[1]
    field = f" {place[2]}" if len(place) > 2 else ""
    where = f"slot {int(number) + 1}{field}"
    return f"{', '.join([name, *([f'line {line}'] if line else []), where])}: {said}"
