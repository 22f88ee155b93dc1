"""An appointment as a calendar file (iCalendar, RFC 5545)."""

import datetime as dt
import re
import unicodedata

import msgspec

NAME = "interview.ics"
_LINE_OCTETS = 75  # without the line break (RFC 5545 §3.1)
_PRODUCT = "-//Recruitment desk//Interviews//EN"
_ESCAPED = re.compile(r"[\\;,]")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`uid` stays the same when the appointment moves, `sequence` then grows; `written` is when this was said."""

    uid: str
    sequence: int
    written: dt.datetime
    starts: dt.datetime
    ends: dt.datetime
    summary: str
    location: str


def calendar(event: Event) -> str:
    """The file's text, lines ended by CRLF. Times in UTC, so that no rules of time zones need to travel along."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{_PRODUCT}",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{escape(event.uid)}",
        f"SEQUENCE:{event.sequence}",
        f"DTSTAMP:{_utc(event.written)}",
        f"DTSTART:{_utc(event.starts)}",
        f"DTEND:{_utc(event.ends)}",
        f"SUMMARY:{escape(event.summary)}",
        f"LOCATION:{escape(event.location)}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{fold(line)}\r\n" for line in lines)


def _utc(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"


def escape(text: str) -> str:
    """TEXT (§3.3.11): backslash, semicolon, comma and line breaks escaped; control characters may not occur."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = "".join(c for c in lines if c == "\n" or unicodedata.category(c) not in {"Cc", "Cs"})
    return _ESCAPED.sub(lambda found: f"\\{found[0]}", plain).replace("\n", "\\n")


def fold(line: str) -> str:
    """Long lines are folded (§3.1): a break and a space, never inside a character."""
    parts, octets = [""], 0
    for character in line:
        size = len(character.encode())
        if octets + size > _LINE_OCTETS:
            parts.append(" ")
            octets = 1
        parts[-1] += character
        octets += size
    return "\r\n".join(parts)
