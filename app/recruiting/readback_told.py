"""What was told without being asked, in words: one text per fact."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import phonenumbers
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from app.recruiting.language_names import country
from app.recruiting.profile import Fact

Labels = Mapping[str, str]
Value = Mapping[str, Any]
_UNITS: Final = {"D": "duration-day", "W": "duration-week", "M": "duration-month"}


def told_parts(field: str, facts: Sequence[Fact], language: str, labels: Labels) -> list[str]:
    """The field's facts, newest last."""
    return [_WORDS[field](fact.value, language, labels) for fact in facts]


def _phone(value: Value, _language: str, _labels: Labels) -> str:
    number = phonenumbers.parse(value["e164"])
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _range(low: str, high: str, labels: Labels) -> str:
    """Both ends, or one with "at least" or "at most"; one figure where they are the same."""
    if low and high:
        return low if low == high else f"{low} – {high}"
    return labels["at_least"].format(amount=low) if low else labels["at_most"].format(amount=high)


def _salary(value: Value, language: str, labels: Labels) -> str:
    currency = value.get("currency", "")

    def written(end: str) -> str:
        if value.get(end) is None:
            return ""
        amount = value[end]
        if not currency:
            return format_decimal(amount, locale=language)
        return format_currency(amount, currency, locale=language).strip("\u200f\u200e")

    words = [_range(written("min"), written("max"), labels)]
    words += [labels[f"per_{value['period']}"]] if value.get("period") else []
    words += [labels[value["gross_net"]]] if value.get("gross_net") else []
    return " ".join(words)


def _hours(value: Value, language: str, labels: Labels) -> str:
    low, high = (
        format_decimal(value[end], locale=language) if value.get(end) is not None else "" for end in ("min", "max")
    )
    return f"{_range(low, high, labels)} {labels['per_week']}"


def _permit(value: Value, language: str, labels: Labels) -> str:
    status = labels[value["status"]]
    return f"{country(value['country'], language)}: {status}" if value.get("country") else status


def _shift(value: Value, _language: str, labels: Labels) -> str:
    kind = labels[value["kind"]]
    return kind if value.get("possible", True) else labels["not_possible"].format(kind=kind)


def _notice(value: Value, language: str, _labels: Labels) -> str:
    duration = value["duration"]
    return format_unit(int(duration[1:-1]), _UNITS[duration[-1]], locale=language)


def _travel(value: Value, language: str, labels: Labels) -> str:
    if value.get("own_transport") is not None:
        return labels["own_transport" if value["own_transport"] else "no_transport"]
    if value.get("max_minutes"):
        return labels["at_most"].format(amount=format_unit(value["max_minutes"], "duration-minute", locale=language))
    return labels[value["mode"]]


def _experience(value: Value, language: str, labels: Labels) -> str:
    until = labels["today"] if value.get("current") else _partial(value.get("end", ""), language)
    dates = [date for date in (_partial(value.get("start", ""), language), until) if date]
    words = ", ".join(word for word in (value["title_raw"], value.get("employer", "")) if word)
    return f"{words} ({' – '.join(dates)})" if dates else words


def _partial(date: str, language: str) -> str:
    """YYYY as it is; with a month, the month's name."""
    if len(date) < len("2020-01"):
        return date
    return format_date(dt.date.fromisoformat(f"{date[:7]}-01"), "MMM y", locale=language)


def _education(value: Value, _language: str, _labels: Labels) -> str:
    return f"{value['title_raw']} ({value['year']})" if value.get("year") else str(value["title_raw"])


def _certificate(value: Value, language: str, labels: Labels) -> str:
    until = _partial(value.get("valid_until", ""), language)
    return f"{value['name']} ({labels['until'].format(date=until)})" if until else str(value["name"])


_WORDS: Final[Mapping[str, Callable[[Value, str, Labels], str]]] = {
    "phone": _phone,
    "email": lambda value, _language, _labels: str(value["address"]),
    "right_to_work": _permit,
    "hours": _hours,
    "shifts": _shift,
    "contract_preference": _shift,
    "work_mode": lambda value, _language, labels: labels[value["mode"]],
    "salary_expectation": _salary,
    "notice_period": _notice,
    "travel": _travel,
    "experience": _experience,
    "education": _education,
    "skills": lambda value, _language, _labels: str(value["raw"]),
    "certificates": _certificate,
    "references_available": lambda value, _language, labels: labels["yes" if value["available"] else "no"],
}
