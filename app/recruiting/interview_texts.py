"""What candidates and recruiters read of interviews: lists, confirmations, notes."""

from zoneinfo import ZoneInfo

import phonenumbers
import phonenumbers.timezone
from babel.dates import format_datetime, get_timezone_location

from app.recruiting.intake import Line
from app.recruiting.interviews import Booking, Invitation, Slot, Verb, choice_id
from app.recruiting.languages import FALLBACK
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.messages import Choice, Reply
from app.recruiting.phrases import BODY, DESCRIPTION, ROW, Phrasebook, phrases

# Row titles from long to short: the first that fits 24 characters in the language.
_TITLES = ("EEE d MMM, HH:mm", "EEE d MMM HH:mm", "d MMM, HH:mm")
_INVITED: tuple[Verb, Verb] = ("book", "none")
_BOOKED: tuple[Verb, Verb] = ("move", "stay")
_UNKNOWN = "Etc/Unknown"  # phonenumbers' answer for a number of no known zone


def spoken_language(language: str | None) -> str:
    """One that we have phrases in."""
    return language if language in LANGUAGES else FALLBACK


def same_clock(slot: Slot, wa_id: str) -> bool:
    """Every place that the candidate's number may belong to has the slot's time; False when none is known."""
    try:
        zones = phonenumbers.timezone.time_zones_for_number(phonenumbers.parse(f"+{wa_id}"))
    except phonenumbers.NumberParseException:
        return False
    starts = slot.starts_at
    return _UNKNOWN not in zones and all(
        starts.astimezone(ZoneInfo(zone)).utcoffset() == slot.starts.utcoffset() for zone in zones
    )


def day_and_time(slot: Slot, language: str) -> str:
    """ "Tuesday 8 December, 10:00-10:30"."""
    return f"{format_datetime(slot.starts, 'EEEE d MMMM, HH:mm', locale=language)}-{slot.ends:%H:%M}"


def zone_name(slot: Slot, language: str) -> str:
    """ "Netherlands Time"."""
    return get_timezone_location(slot.starts, locale=language)


def appointment(slot: Slot, title: str, language: str, wa_id: str) -> str:
    """Lines: for what, when, where. The zone is named where the candidate may live by another clock."""
    zone = "" if same_clock(slot, wa_id) else f" ({zone_name(slot, language)})"
    return "\n".join([title, f"{day_and_time(slot, language)}{zone}", slot.place])


def row_title(slot: Slot, language: str) -> str:
    """Weekday, day and time within WhatsApp's 24 characters."""
    titles = [format_datetime(slot.starts, pattern, locale=language) for pattern in _TITLES]
    return next((title for title in titles if len(title) <= ROW), titles[-1][:ROW])


def slot_list(
    book: Phrasebook, language: str, opening: list[str], slots: list[Slot], about: Invitation | Booking, wa_id: str
) -> Reply:
    """The list of free times behind the sentences `opening`; the last row is "none of these"."""
    take, leave = _BOOKED if isinstance(about, Booking) else _INVITED
    words = phrases(language)
    rows = [
        Choice(
            id=choice_id(take, about.id, slot.id),
            title=row_title(slot, language),
            description=slot.place[:DESCRIPTION],
        )
        for slot in slots
    ]
    rows.append(Choice(id=choice_id(leave, about.id), title=words.titles["no_slot"]))
    clocks = {zone_name(slot, language): None for slot in slots if not same_clock(slot, wa_id)}
    zone = [book.text(language, "interview_zone", zone=", ".join(clocks))] if clocks else []
    return Reply(text="\n\n".join([*opening, *zone])[:BODY], list_button=words.titles["choose"], rows=rows)


def with_buttons(book: Phrasebook, language: str, key: str, booking_id: str, interview: str) -> Reply:
    """A sentence about a booking that stands, with the buttons that change and cancel it."""
    titles = phrases(language).titles
    buttons = [
        Choice(id=choice_id("change", booking_id), title=titles["other_slot"]),
        Choice(id=choice_id("cancel", booking_id), title=titles["cancel_interview"]),
    ]
    return Reply(text=book.text(language, key, interview=interview)[:BODY], buttons=buttons)


def handed(book: Phrasebook, language: str, now: float) -> str:
    """A person goes on; by when, if the office opens within weeks."""
    return book.line(language, Line(key="interview_handed", params={"asked_at": str(now)}), [])


def for_recruiters(slot: Slot) -> str:
    """ "Tue 8 Dec 2026, 10:00-10:30 Europe/Amsterdam, Utrecht (WH-102)". English, plain text."""
    when = f"{slot.starts:%a} {slot.starts.day} {slot.starts:%b %Y, %H:%M}-{slot.ends:%H:%M} {slot.timezone}"
    return f"{when}, {slot.place} ({slot.vacancy})"


def attribute(slot: Slot) -> str:
    """What recruiters filter and sort by in Chatwoot."""
    return f"{slot.starts:%Y-%m-%d %H:%M} {slot.timezone}"
