"""The profile as a candidate reads it: labels and values in their language."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from babel.dates import format_date

from app.recruiting.hidden import visible
from app.recruiting.language_names import display
from app.recruiting.profile import CEFR, LEVELS, Fact, Field, Profile, assemble, kind
from app.recruiting.readback_told import told_parts
from app.recruiting.volunteered import VALUES as TOLD

Labels = Mapping[str, str]
_VALUE_LENGTH = 120  # characters; keeps the read-back of six fields within a button message's body
_TOLD_LENGTH = 80  # of what nobody asked for
_ALONE_LENGTH = 600
ABOVE_BUTTONS = 860  # characters of all lines; the sentences around them fill a button message's 1,024
ALONE = 3700  # of a text message's 4,096
_SURE = 0.8  # facts of less confidence are marked


def _day(day: dt.date, language: str) -> str:
    """Day with the month's name, so that 1/12 is not misread; Western digits everywhere."""
    return format_date(day, "d MMMM y", locale=language)


def _parts(profile: Profile, facts: Sequence[Fact], field: str, language: str, labels: Labels) -> list[str]:
    """The values of a field, most of them one."""
    match field:
        case Field.AVAILABILITY if profile.available_from is not None:
            day = _day(profile.available_from, language)
            return [labels["immediately" if profile.immediate else "from"].format(date=day)]
        case Field.LANGUAGES if profile.languages:
            return [_language(code, level, language, labels) for code, level in profile.languages.items()]
        case Field.LICENCES if any(kind(fact.field) == field for fact in facts):
            return _licences(profile, facts, labels)
        case Field.NAME | Field.ROLE | Field.CITY:
            return [getattr(profile, field) or labels["unknown"]]
        case told if told in TOLD:
            return told_parts(told, [fact for fact in facts if kind(fact.field) == told], language, labels)
    return [labels["unknown"]]


def _licences(profile: Profile, facts: Sequence[Fact], labels: Labels) -> list[str]:
    """What somebody has, and what they answered that they have not."""
    without = [fact.value["type"] for fact in facts if kind(fact.field) == Field.LICENCES and not _held(fact)]
    parts = [*(profile.licences or []), *(labels["not_possible"].format(kind=type_) for type_ in without)]
    return parts or [labels["none"]]


def _held(fact: Fact) -> bool:
    return bool(fact.value.get("held", True))


def _language(code: str, level: str | None, language: str, labels: Labels) -> str:
    name = display(code, language)
    if level is None:
        return name
    return f"{name} {level if level in CEFR else labels[level]}"


def shortened(parts: Sequence[str], most: int) -> str:
    """The parts joined, as many as fit; "+3" says how many do not. A single one too long ends in an ellipsis."""
    for count in range(len(parts), 0, -1):
        rest = f" +{len(parts) - count}" if count < len(parts) else ""
        if len(text := ", ".join(parts[:count]) + rest) <= most:
            return text
    rest = f"… +{len(parts) - 1}" if len(parts) > 1 else "…"
    return parts[0][: most - len(rest)] + rest if parts else ""


def _doubtful(facts: Sequence[Fact], field: str) -> bool:
    """Heard in a voice message or read with little confidence, and not confirmed yet."""
    kinds = {field, LEVELS} if field == Field.LANGUAGES else {field}
    return any(
        kind(fact.field) in kinds and not fact.confirmed and (fact.source == "voice" or fact.confidence < _SURE)
        for fact in facts
    )


def items(
    facts: Iterable[Fact],
    fields: Sequence[str],
    language: str,
    labels: Labels,
    *,
    room: int = ABOVE_BUTTONS,
    marked: bool = False,
) -> list[tuple[str, str]]:
    """Label and value of each field, in the order given, within `room` characters; what does not fit is counted.

    `marked`: values that the candidate should look at twice say so.
    """
    known = list(facts)
    profile = assemble(known)
    shown: list[tuple[str, str]] = []
    left = room
    for index, field in enumerate(fields):
        most = _ALONE_LENGTH if room == ALONE else _VALUE_LENGTH if field in set(Field) else _TOLD_LENGTH
        mark = f" ({labels['check']})" if marked and _doubtful(known, field) else ""
        parts = [visible(part) for part in _parts(profile, known, field, language, labels)]
        value = shortened(parts, most - len(mark)) + mark
        left -= len(labels[field]) + len(value) + 3
        rest = len(fields) - index
        if left < (len(labels["more"]) + 8 if rest > 1 else 0) and field not in set(Field):
            shown.append((labels["more"], f"+{rest}"))
            break
        shown.append((labels[field], value))
    return shown
