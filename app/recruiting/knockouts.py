"""Rules over a candidate's facts in three values: met, not met, unknown. Unknown and not met go to people.

A rule sees the values of one field and nothing else of the candidate.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import msgspec

from app.recruiting.profile import LEVEL_VALUES, NO_LICENCE, Fact, kind
from app.recruiting.vacancy import MustHave, Vacancy

SURE = 0.6  # confidence below which a fact counts as not known (product, handoff triggers)
# Directive 2006/126/EC, Art. 6: holders of these also hold those.
_IMPLIED = {"BE": ("B",), "C": ("B",), "CE": ("C", "BE", "B"), "D": ("B",), "C1": ("B",), "C1E": ("C1", "BE", "B"), "DE": ("D", "BE", "B"), "D1": ("B",)}  # fmt: skip # noqa: E501
_MAIN_KEYS = ("level", "type", "title", "city", "language", "from", "status", "kind", "mode", "value")
# Lists that people give whole, because they are asked for them. Of others ("nights are fine") we know what was said.
_WHOLE = frozenset({"licences", "languages"})
_UNSURE = ("unsure", "not_sure", "unknown")  # an answer that says that nothing is known
_EVIDENCE = 3


class Verdict(StrEnum):
    """What is known about a rule."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A must-have and what is known about it, with the facts it rests on."""

    rule: MustHave
    verdict: Verdict
    evidence: list[Fact]


def findings(vacancy: Vacancy, facts: Sequence[Fact]) -> list[Finding]:
    """Every must-have of the vacancy, in its order."""
    return [finding(rule, facts) for rule in vacancy.must_haves]


def finding(rule: MustHave, facts: Sequence[Fact], *, whole: bool = True) -> Finding:
    """One must-have. `whole`: licences and languages that are known are all there are."""
    about = of_field(facts, rule.field)

    def verdict_of(some: Sequence[Fact]) -> Verdict:
        return judge(rule.field, rule.op, rule.value, some, key=rule.key, whole=whole)

    verdict = verdict_of(about)
    alone = [fact for fact in about if verdict_of([fact]) is verdict]
    return Finding(rule=rule, verdict=verdict, evidence=(alone or about)[:_EVIDENCE])


def of_field(facts: Iterable[Fact], field: str) -> list[Fact]:
    """Facts at a path (`language_levels.nl`), or of a kind (`licences`)."""
    return [fact for fact in facts if field in (fact.field, kind(fact.field))]


def judge(field: str, op: str, wanted: Any, facts: Sequence[Fact], *, key: str = "", whole: bool = True) -> Verdict:
    """Whether the facts of `field` satisfy the operator. Nothing known, or nothing comparable: unknown."""
    sure = [fact for fact in facts if fact.confidence >= SURE]
    values = [value for fact in sure for value in _values(fact, key)]
    if not values or op == "within_travel_minutes":  # travel time is looked up by people
        return Verdict.UNKNOWN
    if op == "date_before":
        return _any(_before(fact, key, wanted) for fact in sure)
    if kind(field) == "licences" and op in ("eq", "in"):
        op, wanted = "contains_any", wanted if isinstance(wanted, list) else [wanted]
    if op in ("contains_any", "contains_all"):
        return _contained(field, sure, wanted, key=key, every=op == "contains_all", whole=whole)
    return _any(_single(op, value, wanted) for value in values)


def _values(fact: Fact, key: str) -> Iterator[Any]:
    """The part of a fact that rules compare; lists one by one."""
    names = [key] if key else [name for name in _MAIN_KEYS if name in fact.value] or list(fact.value)
    value = fact.value.get(names[0]) if names else None
    several = value if isinstance(value, list) else [value]
    yield from (one for one in several if one is not None and one not in _UNSURE)


def _any(verdicts: Iterable[Verdict]) -> Verdict:
    """Met by one is met; not met only if none may still meet it."""
    seen = set(verdicts)
    for verdict in (Verdict.MET, Verdict.UNKNOWN):
        if verdict in seen:
            return verdict
    return Verdict.NOT_MET if seen else Verdict.UNKNOWN


def _said(*, holds: bool) -> Verdict:
    return Verdict.MET if holds else Verdict.NOT_MET


def _plain(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _contained(field: str, facts: Sequence[Fact], wanted: Any, *, key: str, every: bool, whole: bool) -> Verdict:
    """`every`: all that is wanted, else one of it. What was refused ("no nights", "no CE") is known, too."""
    if not isinstance(wanted, list) or not wanted:
        return Verdict.UNKNOWN
    has: set[Any] = set()
    refused: set[Any] = set()
    for fact in facts:
        values = [value for value in _values(fact, key) if value != NO_LICENCE]
        no = fact.value.get("possible") is False or fact.value.get("held") is False
        (refused if no else has).update(map(_plain, values))
        if kind(field) == "licences" and not no:
            has |= {_plain(less) for value in values for less in _IMPLIED.get(str(value), ())}
    asked = {_plain(value) for value in wanted}
    if asked <= has if every else asked & has:
        return Verdict.MET
    out = asked & refused if every else asked <= refused
    listed = kind(field) in _WHOLE and any(fact.value.get("held", True) for fact in facts)
    none_at_all = any(fact.field == f"licences.{NO_LICENCE}" for fact in facts)
    return Verdict.NOT_MET if out or none_at_all or (listed and whole) else Verdict.UNKNOWN


def _single(op: str, value: Any, wanted: Any) -> Verdict:
    match op:
        case "eq":
            return _said(holds=_plain(value) == _plain(wanted))
        case "in" if isinstance(wanted, list):
            return _said(holds=_plain(value) in [_plain(one) for one in wanted])
        case "true":
            return _said(holds=value) if isinstance(value, bool) else Verdict.UNKNOWN
        case "gte" | "lte":
            one, other = _rank(value), _rank(wanted)
            if one is None or other is None or one[0] != other[0]:
                return Verdict.UNKNOWN
            return _said(holds=one[1] >= other[1] if op == "gte" else one[1] <= other[1])
    return Verdict.UNKNOWN


def _rank(value: Any) -> tuple[str, Decimal] | None:
    """The scale and the place on it: CEFR levels, or numbers."""
    if isinstance(value, str) and value in LEVEL_VALUES:
        return "cefr", Decimal(LEVEL_VALUES.index(value))
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return ("number", number) if number.is_finite() else None


def _before(fact: Fact, key: str, wanted: Any) -> Verdict:
    """On that day at the latest. "In December" may lie on both sides of it."""
    try:
        last = dt.date.fromisoformat(str(wanted))
        first = dt.date.fromisoformat(str(next(_values(fact, key))))
    except (StopIteration, ValueError):
        return Verdict.UNKNOWN
    latest = _end(first, str(fact.value.get("precision", "day")))
    if latest <= last:
        return Verdict.MET
    return Verdict.NOT_MET if first > last else Verdict.UNKNOWN


def _end(first: dt.date, precision: str) -> dt.date:
    """Last day that is meant; no year is as late as 9999."""
    if precision == "week":
        return first + dt.timedelta(days=6) if first < dt.date(9999, 1, 1) else first
    if precision == "month" and first.year < 9999:
        return (first.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
    return first
