"""What the intake needs to know about a candidate, and how facts make a profile.

A fact's `field` is a path: `name`, `role`, `city`, `availability`, `languages.<iso639>`, `language_levels.<iso639>`,
`licences.<type>` (`licences.none` = has none), and what nobody asks for (`volunteered`). One current fact per path,
each with its own evidence.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from app.recruiting import volunteered


class Field(StrEnum):
    """Questions of the default intake, in the order they are asked."""

    NAME = "name"
    ROLE = "role"
    CITY = "city"
    AVAILABILITY = "availability"
    LANGUAGES = "languages"
    LICENCES = "licences"


LEVELS = "language_levels"
CEFR = ("A1", "A2", "B1", "B2", "C1", "C2")
LEVEL_VALUES = (*CEFR, "native")
LICENCES = ("B", "BE", "C", "CE", "D", "forklift", "VCA")
OTHER_LICENCES = ("A", "AM", "C1", "C1E", "D1", "DE", "T", "ADR", "code95")
NO_LICENCE = "none"
LANGUAGE_LEVELS_ASKED = 2  # at most; a third list would make the intake longer than twelve messages


class Name(msgspec.Struct, frozen=True):
    """As the person writes it, any script; never split by guess."""

    display: str


class Role(msgspec.Struct, frozen=True, omit_defaults=True):
    """The work a person wants, in their words. `open` = anything."""

    title: str
    open: bool = False


class City(msgspec.Struct, frozen=True, omit_defaults=True):
    """Town in the person's spelling; coordinates (WGS84, two decimals, about 1 km) when they shared a place."""

    city: str
    latitude: float | None = None
    longitude: float | None = None


class Availability(msgspec.Struct, frozen=True, omit_defaults=True, rename={"from_date": "from"}):
    """First possible day, resolved against the message's time. `precision`: day, week or month."""

    from_date: dt.date
    immediate: bool = False
    precision: str = "day"


class SpokenLanguage(msgspec.Struct, frozen=True):
    """ISO 639-1 code (or -3 where there is none)."""

    language: str


class Level(msgspec.Struct, frozen=True):
    """CEFR A1..C2, or `native` in the person's own words."""

    level: str


class Licence(msgspec.Struct, frozen=True, omit_defaults=True):
    """Driving category or certificate; `none` when the person has none. `held` is false for a no to just this one."""

    type: str
    held: bool = True


VALUES: Mapping[str, type[msgspec.Struct]] = {
    Field.NAME: Name,
    Field.ROLE: Role,
    Field.CITY: City,
    Field.AVAILABILITY: Availability,
    Field.LANGUAGES: SpokenLanguage,
    LEVELS: Level,
    Field.LICENCES: Licence,
    **volunteered.VALUES,
}
_SINGLE = frozenset({Field.NAME, Field.ROLE, Field.CITY, Field.AVAILABILITY}) | volunteered.SINGLE


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A value and the words it rests on. `value` is the JSON form of one of `VALUES`."""

    field: str
    value: dict[str, Any]
    quote: str
    message_id: str
    source: str = "chat"  # chat | voice | cv | recruiter
    confidence: float = 1.0
    confirmed: bool = False
    id: str = ""


class Profile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The current facts of one candidate put together."""

    name: str | None = None
    role: str | None = None
    city: str | None = None
    available_from: dt.date | None = None
    immediate: bool = False
    languages: dict[str, str | None] = {}
    licences: list[str] | None = None  # [] = has none, None = not known


def kind(field: str) -> str:
    """`languages` of `languages.nl`."""
    return field.partition(".")[0]


def part(field: str) -> str:
    """`nl` of `languages.nl`; empty for a simple field."""
    return field.partition(".")[2]


def is_valid(fact: Fact) -> bool:
    """The field is one we may keep and the value has its type: an unknown field is refused, not stored."""
    shape = VALUES.get(kind(fact.field))
    if shape is None or (part(fact.field) == "") != (kind(fact.field) in _SINGLE):
        return False
    try:
        value = msgspec.convert(fact.value, shape)
    except msgspec.ValidationError:
        return False
    if isinstance(value, Level):
        return value.level in LEVEL_VALUES
    if isinstance(value, Licence):
        types = {*LICENCES, *OTHER_LICENCES} | ({NO_LICENCE} if value.held else set())
        return value.type in types and part(fact.field) == value.type
    if kind(fact.field) in volunteered.VALUES:
        return volunteered.is_told(kind(fact.field), part(fact.field), value)
    return True


def assemble(facts: Iterable[Fact]) -> Profile:
    """The profile that the facts make. Later facts of one field win."""
    profile = Profile(languages={})
    for fact in facts:
        value = fact.value
        match kind(fact.field):
            case Field.NAME:
                profile.name = value["display"]
            case Field.ROLE:
                profile.role = value["title"]
            case Field.CITY:
                profile.city = value["city"]
            case Field.AVAILABILITY:
                profile.available_from = dt.date.fromisoformat(value["from"])
                profile.immediate = bool(value.get("immediate"))
            case Field.LANGUAGES:
                profile.languages.setdefault(value["language"], None)
            case "language_levels":
                profile.languages[part(fact.field)] = value["level"]
            case Field.LICENCES if value.get("held", True):
                known = profile.licences or []
                profile.licences = known if value["type"] == NO_LICENCE else [*known, value["type"]]
    return profile


def known_fields(facts: Iterable[Fact]) -> set[str]:
    """Kinds of field that have at least one fact."""
    return {kind(fact.field) for fact in facts}


def fields_of(facts: Iterable[Fact]) -> list[str]:
    """Fields of the facts in order, as they are read back: levels belong to their languages."""
    return list(dict.fromkeys(Field.LANGUAGES if kind(f.field) == LEVELS else kind(f.field) for f in facts))


def shown_fields(facts: Iterable[Fact], *, for_vacancy: bool = False) -> list[str]:
    """Fields of a whole profile as it is read back: all that are asked, then what was told besides.

    `for_vacancy`: the work was not asked for, and is shown only if it was told.
    """
    known = known_fields(facts)
    asked = [field.value for field in Field if not (for_vacancy and field is Field.ROLE) or field in known]
    return [*asked, *(told for told in volunteered.VALUES if told in known)]


def merge(current: Sequence[Fact], found: Iterable[Fact]) -> list[Fact]:
    """The current facts after new ones: one per field, the newest in the place of the older."""
    by_field = {fact.field: fact for fact in current}
    for fact in found:
        by_field[fact.field] = fact
    return list(by_field.values())
