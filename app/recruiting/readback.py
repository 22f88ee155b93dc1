"""The profile as a candidate reads it: labels and values in their language."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from babel.dates import format_date

from app.recruiting.language_names import display
from app.recruiting.profile import CEFR, Fact, Field, Profile, assemble

Labels = Mapping[str, str]
_VALUE_LENGTH = 120  # characters; keeps the read-back of six fields within a button message's body


def _day(day: dt.date, language: str) -> str:
    """Day with the month's name, so that 1/12 is not misread; Western digits everywhere."""
    return format_date(day, "d MMMM y", locale=language)


def _value(profile: Profile, field: str, language: str, labels: Labels) -> str:
    match field:
        case Field.AVAILABILITY if profile.available_from is not None:
            day = _day(profile.available_from, language)
            return labels["immediately" if profile.immediate else "from"].format(date=day)
        case Field.LANGUAGES if profile.languages:
            return ", ".join(_language(code, level, language, labels) for code, level in profile.languages.items())
        case Field.LICENCES if profile.licences is not None:
            return ", ".join(profile.licences) or labels["none"]
        case Field.NAME | Field.ROLE | Field.CITY:
            return getattr(profile, field) or labels["unknown"]
    return labels["unknown"]


def _language(code: str, level: str | None, language: str, labels: Labels) -> str:
    name = display(code, language)
    if level is None:
        return name
    return f"{name} {level if level in CEFR else labels[level]}"


def items(facts: Iterable[Fact], fields: Sequence[str], language: str, labels: Labels) -> list[tuple[str, str]]:
    """Label and value of each field, in the order given."""
    profile = assemble(facts)
    shown = []
    for field in fields:
        value = _value(profile, field, language, labels)
        shown.append((labels[field], value if len(value) <= _VALUE_LENGTH else value[: _VALUE_LENGTH - 1] + "…"))
    return shown
