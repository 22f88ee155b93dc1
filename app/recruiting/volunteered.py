"""What candidates tell without being asked for it: the types of those facts and when a value is one.

Paths keep one current fact each: `phone`, `hours` and the like stand alone; `shifts.night`, `travel.max_minutes`,
`right_to_work.NL` (`any`: no country was named) and `skills.<slug>` have a part. A slug holds the words of its value
and no underscore: the record refuses columns such as `x_health` by their name.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import phonenumbers
from babel import Locale

from app.recruiting.amounts import PERIODS
from app.recruiting.text import read

SHIFTS: Final = ("early", "day", "late", "night", "weekend", "rotating", "on_call")
CONTRACTS: Final = ("permanent", "temporary", "freelance", "part_time", "full_time", "internship")
WORK_MODES: Final = ("onsite", "hybrid", "remote")
TRAVEL_MODES: Final = ("car", "bike", "public_transport", "moped")
PERMITS: Final = ("yes", "no", "needs_permit", "unsure")
ANY_COUNTRY: Final = "any"
_SLUG_LENGTH, _WORDS_LENGTH = 60, 120  # characters
_MOST_HOURS, _MOST_MINUTES, _MOST_PAY = 80, 240, 1_000_000
_MOST_NOTICE: Final = {"D": 184, "W": 26, "M": 6}  # half a year (product §1b)
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
_PARTIAL_DATE: Final = re.compile(r"(?:19|20)\d\d(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?")
_DURATION: Final = re.compile(r"P(\d{1,3})([DWM])")


class _Told(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """No key that the type does not name: a stored value can hold nothing that is forbidden."""


class Phone(_Told, frozen=True):
    """E.164."""

    e164: str


class Email(_Told, frozen=True):
    """As written."""

    address: str


class SalaryExpectation(_Told, frozen=True):
    """What is wished for, never what was earned. `currency` ISO 4217; `period` as `amounts.PERIODS`; gross or net."""

    min: float | None = None
    max: float | None = None
    currency: str = ""
    period: str = ""
    gross_net: str = ""


class RightToWork(_Told, frozen=True):
    """Whether work is allowed, in the candidate's word; never a nationality. `country` ISO 3166 or `EU`."""

    status: str
    country: str = ""


class Travel(_Told, frozen=True):
    """One of the three, the one that the path names."""

    own_transport: bool | None = None
    max_minutes: int | None = None
    mode: str = ""


class NoticePeriod(_Told, frozen=True):
    """ISO 8601, days, weeks or months, half a year at most."""

    duration: str


class Hours(_Told, frozen=True):
    """Wished for per week; one end may be open."""

    min: float | None = None
    max: float | None = None


class Shift(_Told, frozen=True):
    """`possible` is false for "no nights"; reasons are nobody's business."""

    kind: str
    possible: bool = True


class Contract(_Told, frozen=True):
    """One of `CONTRACTS`; `possible` is false for a no to it."""

    kind: str
    possible: bool = True


class WorkMode(_Told, frozen=True):
    """One of `WORK_MODES`."""

    mode: str


class Experience(_Told, frozen=True):
    """A job held. Dates as far as they are known: YYYY, YYYY-MM or YYYY-MM-DD."""

    title_raw: str
    employer: str = ""
    start: str = ""
    end: str = ""
    current: bool = False


class Skill(_Told, frozen=True):
    """In the person's own words."""

    raw: str


class Education(_Told, frozen=True):
    """`level` of the European Qualifications Framework; `year` of the end."""

    title_raw: str
    level: int | None = None
    year: int | None = None


class Certificate(_Told, frozen=True):
    """`valid_until` as dates of `Experience`."""

    name: str
    valid_until: str = ""


class References(_Told, frozen=True):
    """Whether somebody can be asked; names are a recruiter's matter, later."""

    available: bool


VALUES: Final[Mapping[str, type[msgspec.Struct]]] = {
    "phone": Phone,
    "email": Email,
    "right_to_work": RightToWork,
    "hours": Hours,
    "shifts": Shift,
    "contract_preference": Contract,
    "work_mode": WorkMode,
    "salary_expectation": SalaryExpectation,
    "notice_period": NoticePeriod,
    "travel": Travel,
    "experience": Experience,
    "education": Education,
    "skills": Skill,
    "certificates": Certificate,
    "references_available": References,
}
SINGLE: Final = frozenset(
    {"phone", "email", "hours", "work_mode", "salary_expectation", "notice_period", "references_available"}
)
FREE_TEXT: Final = frozenset({"experience", "education", "skills", "certificates"})


def slug(*words: str) -> str:
    """The folded words joined by hyphens, of any script; empty when there is no letter or digit."""
    text = " ".join(words).replace("_", " ").replace("+", " plus ").replace("#", " sharp ")
    return "-".join(word.folded for word in read(text).words)[:_SLUG_LENGTH].strip("-")


def is_partial_date(text: str) -> bool:
    """Whether the text is YYYY, YYYY-MM or YYYY-MM-DD."""
    return _PARTIAL_DATE.fullmatch(text) is not None


def is_email(address: str) -> bool:
    """By syntax alone: nobody's server is asked."""
    return len(address) <= 254 and _EMAIL.fullmatch(address) is not None


def is_country(code: str) -> bool:
    """ISO 3166-1 alpha-2, or `EU`."""
    return re.fullmatch(r"[A-Z]{2}", code) is not None and code in Locale("en").territories


def _within(low: float | None, high: float | None, most: float) -> bool:
    given = [end for end in (low, high) if end is not None]
    return bool(given) and given == sorted(given) and all(0 < end <= most for end in given)


def _is_words(text: str) -> bool:
    return text == text.strip() and 0 < len(text) <= _WORDS_LENGTH and any(c.isalnum() for c in text)


def _phone(value: Phone, _: str) -> bool:
    try:
        number = phonenumbers.parse(value.e164)
    except phonenumbers.NumberParseException:
        return False
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164 == value.e164 and phonenumbers.is_valid_number(number)


def _salary(value: SalaryExpectation, _: str) -> bool:
    return (
        _within(value.min, value.max, _MOST_PAY)
        and re.fullmatch(r"([A-Z]{3})?", value.currency) is not None
        and value.period in {"", *PERIODS}
        and value.gross_net in {"", "gross", "net"}
    )


def _right_to_work(value: RightToWork, part: str) -> bool:
    known = value.country == "" or is_country(value.country)
    return known and value.status in PERMITS and part == (value.country or ANY_COUNTRY)


def _travel(value: Travel, part: str) -> bool:
    given = msgspec.to_builtins(value)
    if len(given) != 1:
        return False
    if value.mode:
        return value.mode in TRAVEL_MODES and part == value.mode
    return part in given and (value.max_minutes is None or 0 < value.max_minutes <= _MOST_MINUTES)


def _notice(value: NoticePeriod, _: str) -> bool:
    match = _DURATION.fullmatch(value.duration)
    return match is not None and int(match[1]) <= _MOST_NOTICE[match[2]]


def _experience(value: Experience, part: str) -> bool:
    dates = [date for date in (value.start, value.end) if date]
    return (
        _is_words(value.title_raw)
        and (value.employer == "" or _is_words(value.employer))
        and all(is_partial_date(date) for date in dates)
        and not (value.current and value.end)
        and part == slug(value.title_raw, value.employer)
    )


def _education(value: Education, part: str) -> bool:
    level = value.level is None or 1 <= value.level <= 8
    year = value.year is None or is_partial_date(str(value.year))
    return _is_words(value.title_raw) and level and year and part == slug(value.title_raw)


def _certificate(value: Certificate, part: str) -> bool:
    until = value.valid_until == "" or is_partial_date(value.valid_until)
    return _is_words(value.name) and until and part == slug(value.name)


_RULES: Final[Mapping[str, Callable[[Any, str], bool]]] = {
    "phone": _phone,
    "email": lambda value, _: is_email(value.address),
    "right_to_work": _right_to_work,
    "hours": lambda value, _: _within(value.min, value.max, _MOST_HOURS),
    "shifts": lambda value, part: value.kind in SHIFTS and part == value.kind,
    "contract_preference": lambda value, part: value.kind in CONTRACTS and part == value.kind,
    "work_mode": lambda value, _: value.mode in WORK_MODES,
    "salary_expectation": _salary,
    "notice_period": _notice,
    "travel": _travel,
    "experience": _experience,
    "education": _education,
    "skills": lambda value, part: _is_words(value.raw) and part == slug(value.raw),
    "certificates": _certificate,
    "references_available": lambda _value, _part: True,
}


def is_told(kind: str, part: str, value: Any) -> bool:
    """A value of one of `VALUES`, already of its type, has the path and the range it must have."""
    return (part == "") == (kind in SINGLE) and _RULES[kind](value, part)
