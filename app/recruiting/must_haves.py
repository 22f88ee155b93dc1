"""Must-haves of a vacancy that the profile does not answer yet, as questions: at most five, in the vacancy's order.

A question is named as the intake names its own (`licences`, `level.en`, `availability`), or by the path of the one
thing that it asks about (`shifts.night`, see `answers.closed`).
"""

from collections.abc import Sequence
from typing import Any

from app.recruiting.answers.closed import OPEN, is_closed, path_of
from app.recruiting.intake import Intake
from app.recruiting.knockouts import Finding, Verdict, finding
from app.recruiting.profile import LEVELS, LICENCES, OTHER_LICENCES, Fact, Field, kind, part
from app.recruiting.vacancy import MOST_MUST_HAVES, MustHave, Vacancy

_PLACES = frozenset({Field.CITY, "location", "travel"})
_BY_ITEM = frozenset({"shifts", "contract_preference", "certificates", "skills", "experience"})
_AS_THEY_ARE = frozenset({Field.AVAILABILITY, *OPEN})
_TYPES = {type_.casefold(): type_ for type_ in (*LICENCES, *OTHER_LICENCES)}


def questions(rule: MustHave, country: str, facts: Sequence[Fact]) -> list[str]:
    """Whatever can answer the rule, in order; none where only people can. `country`: the vacancy's, ISO 3166."""
    name, what = kind(rule.field), part(rule.field)
    wanted = [value for value in _values(rule.value) if isinstance(value, str)]
    if rule.op == "within_travel_minutes":  # people look at the way; it begins in a town
        return [Field.CITY.value] if name in _PLACES else []
    if name == LEVELS:
        return [f"level.{what}"] if what else []
    if name in _AS_THEY_ARE or name == Field.LANGUAGES:
        return [name]
    if name == Field.LICENCES:
        return _of_licences(rule.op, [what] if what else wanted, facts)
    if name == "right_to_work":
        return [rule.field if is_closed(rule.field) else f"{name}.{country}"]
    asked = [rule.field] if is_closed(rule.field) else []
    if not asked and name in _BY_ITEM:
        asked = [f"{name}.{value}" for value in wanted]
    if not asked and name == "travel" and rule.key == "own_transport":
        asked = ["travel.own_transport"]
    return [one for one in asked if is_closed(one)]


def _values(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _of_licences(op: str, wanted: Sequence[str], facts: Sequence[Fact]) -> list[str]:
    """One by one; where one of several is enough and nothing is known yet, all that somebody has."""
    types = [_TYPES[value.casefold()] for value in wanted if value.casefold() in _TYPES]
    known = [part(fact.field) for fact in facts if kind(fact.field) == Field.LICENCES and fact.value.get("held", True)]
    if op in {"contains_any", "in"} and len(types) > 1 and not known:
        return [Field.LICENCES.value]
    return [f"{Field.LICENCES}.{type_}" for type_ in types]


def is_answered(question: str, facts: Sequence[Fact]) -> bool:
    """The profile holds what the question asks for; of lists, something that somebody has."""
    if question.startswith("level."):
        return any(fact.field == f"{LEVELS}.{part(question)}" for fact in facts)
    if is_closed(question):
        return any(fact.field == path_of(question) for fact in facts)
    return any(kind(fact.field) == question and fact.value.get("held", True) for fact in facts)


def asked_in(intake: Intake) -> list[str]:
    """Questions that were put for the vacancy of the conversation, in order."""
    return [one.partition(" ")[2] for one in intake.must_haves if one.partition(" ")[0] == intake.vacancy]


def next_question(vacancy: Vacancy, facts: Sequence[Fact], intake: Intake) -> str:
    """The first question that may settle a must-have; empty when none is left, or enough were asked."""
    asked = asked_in(intake)
    for question in _open(vacancy, facts, intake):
        if question in asked or len(asked) < MOST_MUST_HAVES:
            return question
    return ""


def _open(vacancy: Vacancy, facts: Sequence[Fact], intake: Intake) -> list[str]:
    found = []
    for rule in vacancy.must_haves:
        if finding(rule, facts, whole=_is_whole(rule, intake)).verdict is Verdict.UNKNOWN:
            found += _left(rule, vacancy, facts)
    return [one for one in dict.fromkeys(found) if one not in intake.skipped]


def _left(rule: MustHave, vacancy: Vacancy, facts: Sequence[Fact]) -> list[str]:
    return [one for one in questions(rule, vacancy.country, facts) if not is_answered(one, facts)]


def _is_whole(rule: MustHave, intake: Intake) -> bool:
    """The candidate was asked for all their licences, or languages: what they did not name, they have not."""
    return f"whole:{kind(rule.field)}" in intake.told


def settled(vacancy: Vacancy, facts: Sequence[Fact], intake: Intake) -> list[Finding]:
    """What is known about every must-have, in order: what was not asked, or was not answered, is unknown."""
    return [_settled(rule, vacancy, facts, intake) for rule in vacancy.must_haves]


def _settled(rule: MustHave, vacancy: Vacancy, facts: Sequence[Fact], intake: Intake) -> Finding:
    left = _left(rule, vacancy, facts)
    unsure = any(one in intake.skipped for one in left)
    return finding(rule, facts, whole=not left or (_is_whole(rule, intake) and not unsure))


def rules_of(question: str, vacancy: Vacancy, facts: Sequence[Fact]) -> list[MustHave]:
    """The must-haves that a question is asked for."""
    return [rule for rule in vacancy.must_haves if question in questions(rule, vacancy.country, facts)]


def remember(intake: Intake, question: str) -> None:
    """The question was put for the vacancy of the conversation."""
    entry = f"{intake.vacancy} {question}"
    if question and entry not in intake.must_haves:
        intake.must_haves.append(entry)
