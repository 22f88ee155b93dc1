"""What keeps a vacancy from being loaded: rules that ask what may not be asked, scores nobody can explain.

Pure; places are paths into the file (`["vacancies", 0, "must_haves", 1, "op"]`), for `vacancy_file` to find the line.
"""

import datetime as dt
import functools
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from babel.core import get_global

from app.recruiting.amounts import PERIODS
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.patterns import Phrases, search
from app.recruiting.profile import LEVEL_VALUES, VALUES, kind
from app.recruiting.scoring import HIGHEST, MOST_POINTS
from app.recruiting.text import read
from app.recruiting.vacancy import (
    ASK_THEN_HUMAN,
    HUMAN_REVIEW,
    MOST_MUST_HAVES,
    OPS,
    Vacancy,
    Words,
    in_language,
    pay_text,
)
from app.recruiting.vacancy_codes import CODE

Place = tuple[str | int, ...]
_DATA = Path(__file__).with_name("vacancy_data") / "words.toml"
MOST_PITCH = 300  # product §1f
_LEAST_REASON = 10  # characters
_LANGUAGE_FIELDS = ("languages", "language_levels")
_LIST_OPS = ("in", "contains_any", "contains_all")


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`text` says what is wrong and what to do; a warning does not keep the file from being loaded."""

    place: Place
    text: str
    warning: bool = False


@functools.cache
def _words(section: str) -> Mapping[str, Phrases]:
    data: dict[str, dict[str, list[str]]] = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    return {name: Phrases(patterns) for name, patterns in data[section].items()}


@functools.cache
def _refused_fields() -> frozenset[str]:
    data: dict[str, Any] = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    return frozenset(data["fields"]["refused"])


def lint(vacancies: Sequence[Vacancy]) -> list[Fault]:
    """Faults of all vacancies of a file, in its order."""
    faults: list[Fault] = []
    seen: set[str] = set()
    for number, vacancy in enumerate(vacancies):
        at: Place = ("vacancies", number)
        if vacancy.code in seen:
            faults.append(Fault(place=(*at, "code"), text=f"{vacancy.code} stands here twice; give each its own code"))
        seen.add(vacancy.code)
        faults += [
            *_basics(vacancy, at), *_texts(vacancy, at), *_must_haves(vacancy, at), *_criteria(vacancy, at),
        ]  # fmt: skip
    return faults


def _basics(vacancy: Vacancy, at: Place) -> Iterator[Fault]:
    if not CODE.fullmatch(vacancy.code):
        yield Fault(place=(*at, "code"), text="write a code like WH-102: 2-8 capital letters, a hyphen, a number")
    if not re.fullmatch("[A-Z]{2}", vacancy.country):
        yield Fault(place=(*at, "country"), text="write the country as ISO 3166, such as NL")
    if vacancy.status not in {"", "open", "closed"}:
        yield Fault(place=(*at, "status"), text='write "open" or "closed", or leave it out')
    if not vacancy.languages or not set(vacancy.languages) <= set(LANGUAGES):
        yield Fault(place=(*at, "languages"), text=f"name the languages of the texts, of {', '.join(LANGUAGES)}")
    pay = vacancy.pay
    if pay.currency not in get_global("all_currencies"):
        yield Fault(place=(*at, "pay", "currency"), text="write the currency as ISO 4217, such as EUR")
    if pay.period not in PERIODS:
        yield Fault(place=(*at, "pay", "period"), text=f"write one of {', '.join(PERIODS)}")
    if not 0 < pay.min <= pay.max:
        yield Fault(place=(*at, "pay", "min"), text="the pay range needs 0 < min <= max; candidates are told it")
    for link in vacancy.links:
        if not link.startswith("https://"):
            yield Fault(place=(*at, "links"), text=f"{link!r} is no https:// address")


def _all_texts(vacancy: Vacancy, at: Place) -> Iterator[tuple[Place, Words]]:
    yield (*at, "title"), vacancy.title
    yield (*at, "task"), vacancy.task
    yield (*at, "place"), vacancy.place
    for number, fact in enumerate(vacancy.approved):
        yield (*at, "approved", number, "text"), fact.text


def _rule_texts(vacancy: Vacancy, at: Place) -> Iterator[tuple[Place, Words]]:
    for number, rule in enumerate(vacancy.must_haves):
        yield (*at, "must_haves", number, "title"), rule.title
        yield (*at, "must_haves", number, "justification"), rule.justification
    for number, criterion in enumerate(vacancy.criteria):
        yield (*at, "criteria", number, "title"), criterion.title
        for anchor in criterion.anchors:
            yield (*at, "criteria", number, "anchors"), anchor.text


def _texts(vacancy: Vacancy, at: Place) -> Iterator[Fault]:
    told = list(_all_texts(vacancy, at))
    for place, words in told:
        given = {vacancy.languages[0]: words} if isinstance(words, str) and vacancy.languages else words
        if isinstance(given, str) or not any(text.strip() for text in given.values()):
            yield Fault(place=place, text="write a text")
        elif strange := set(given) - set(vacancy.languages):
            yield Fault(place=place, text=f"{', '.join(sorted(strange))} is not among the vacancy's languages")
    for place, words in [*told, *_rule_texts(vacancy, at)]:
        for text in [words] if isinstance(words, str) else words.values():
            yield from _wording(place, text)
    for language in vacancy.languages if pay_is_sound(vacancy) else ():
        lines = [in_language(each, language) for each in (vacancy.title, vacancy.task, vacancy.place)]
        if (length := sum(map(len, [*lines, pay_text(vacancy, language)]))) > MOST_PITCH:
            yield Fault(
                place=(*at, "task"),
                text=f"title, task, place and pay have {length} characters in {language}; {MOST_PITCH} at most",
            )


def pay_is_sound(vacancy: Vacancy) -> bool:
    """The range can be written out."""
    return vacancy.pay.currency in get_global("all_currencies") and vacancy.pay.period in PERIODS


def _wording(place: Place, text: str) -> Iterator[Fault]:
    for topic, quote in _hits("refused", text):
        what = f"“{quote}” touches {topic}, which may play no part; describe the work or the ability it needs instead"
        yield Fault(place=place, text=what)
    for topic, quote in _hits("coded", text):
        what = f"“{quote}” is {topic}-coded and keeps some people from applying; try a neutral word"
        yield Fault(place=place, text=what, warning=True)


def _hits(section: str, text: str) -> Iterator[tuple[str, str]]:
    for clause in read(text).clauses:
        for topic, pattern in _words(section).items():
            if match := search(pattern, clause.folded):
                yield topic, clause.quote(match.start(), match.end() - 1)


def _field(field: str, place: Place) -> Iterator[Fault]:
    if kind(field) in _refused_fields():
        yield Fault(place=(*place, "field"), text=f"{field!r} may play no part in a decision about a person")
    elif kind(field) not in VALUES:
        known = ", ".join(sorted({kind(each) for each in VALUES} - _refused_fields()))
        yield Fault(place=(*place, "field"), text=f"the profile has no field {field!r}; it has {known}")


def _value(op: str, value: Any, place: Place) -> Iterator[Fault]:
    if op in _LIST_OPS and not (isinstance(value, list) and value):
        yield Fault(place=(*place, "value"), text=f"{op} needs a list of values")
    elif op == "date_before" and not _is_date(value):
        yield Fault(place=(*place, "value"), text="date_before needs a day, such as 2026-12-01")
    elif op in ("gte", "lte") and not (_is_number(value) or value in LEVEL_VALUES[:-1]):
        yield Fault(place=(*place, "value"), text=f"{op} needs a number or a level from A1 to C2")
    elif op == "eq" and value is None:
        yield Fault(place=(*place, "value"), text="eq needs a value")
    if "native" in (value if isinstance(value, list) else [value]):
        yield Fault(place=(*place, "value"), text='nobody is asked to be "native"; write the level the work needs')


def _is_date(value: Any) -> bool:
    try:
        return bool(dt.date.fromisoformat(str(value)))
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ids(named: Iterable[Any], place: Place) -> Iterator[Fault]:
    counted = Counter(one.id for one in named)
    for id_, count in counted.items():
        if count > 1 or not re.fullmatch(r"[a-z][a-z0-9_]*", id_):
            yield Fault(place=place, text=f"{id_!r}: give each its own id of small letters, digits and _")


def _must_haves(vacancy: Vacancy, at: Place) -> Iterator[Fault]:
    yield from _ids(vacancy.must_haves, (*at, "must_haves"))
    if len(vacancy.must_haves) > MOST_MUST_HAVES:
        yield Fault(
            place=(*at, "must_haves"),
            text=f"at most {MOST_MUST_HAVES} must-haves; make the others criteria of the score",
        )
    for number, rule in enumerate(vacancy.must_haves):
        place = (*at, "must_haves", number)
        if rule.op not in OPS:
            yield Fault(place=(*place, "op"), text=f"{rule.op!r} is none of {', '.join(OPS)}")
        travels = rule.op == "within_travel_minutes" and rule.field in {"city", "location", "travel"}
        if not travels:  # a place counts for the way to work only
            yield from _field(rule.field, place)
        yield from _value(rule.op, rule.value, place)
        if len(rule.justification.strip()) < _LEAST_REASON:
            yield Fault(place=(*place, "justification"), text="say why the work cannot be done without it")
        if rule.on_fail != HUMAN_REVIEW:
            yield Fault(
                place=(*place, "on_fail"), text=f'only "{HUMAN_REVIEW}" may follow: nobody is rejected by a rule'
            )
        if rule.on_unknown != ASK_THEN_HUMAN:
            yield Fault(place=(*place, "on_unknown"), text=f'only "{ASK_THEN_HUMAN}" may follow')


def _criteria(vacancy: Vacancy, at: Place) -> Iterator[Fault]:
    yield from _ids(vacancy.criteria, (*at, "criteria"))
    weight = sum(criterion.weight for criterion in vacancy.criteria)
    if vacancy.criteria and (weight != 100 or any(each.weight < 1 for each in vacancy.criteria)):
        yield Fault(
            place=(*at, "criteria"), text=f"the weights sum to {weight}; they have to sum to 100, each at least 1"
        )
    if vacancy.fast_lane and not (vacancy.criteria and 0 < vacancy.fast_lane <= MOST_POINTS):
        yield Fault(place=(*at, "fast_lane"), text=f"points of the score, from 1 to {MOST_POINTS}; needs criteria")
    required = {rule.field for rule in vacancy.must_haves}
    for number, criterion in enumerate(vacancy.criteria):
        place = (*at, "criteria", number)
        yield from _field(criterion.field, place)
        if criterion.op not in OPS or criterion.op == "within_travel_minutes":
            yield Fault(place=(*place, "op"), text=f"{criterion.op!r} is none of {', '.join(OPS[:-1])}")
        if kind(criterion.field) in _LANGUAGE_FIELDS and criterion.field not in required:
            yield Fault(
                place=(*place, "field"),
                text="a language counts only where a must-have with its reason requires it, too",
            )
        levels = [anchor.level for anchor in criterion.anchors]
        if len(set(levels)) < len(levels) or not {0, HIGHEST} <= set(levels) <= set(range(HIGHEST + 1)):
            yield Fault(
                place=(*place, "anchors"), text="give an anchor each to 0 and 4 and to levels between as needed"
            )
        for anchor in criterion.anchors:
            if not anchor.text.strip():
                yield Fault(
                    place=(*place, "anchors"), text=f"level {anchor.level} needs a text: what it means in words"
                )
            if anchor.level and criterion.op != "true":
                yield from _value(criterion.op, anchor.value, (*place, "anchors"))
