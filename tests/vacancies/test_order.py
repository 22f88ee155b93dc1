"""Which must-haves are asked: in the vacancy's order, five at most, none twice, and never held against anybody."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.recruiting.answers.closed import fact_of, is_closed, path_of
from app.recruiting.intake import Intake
from app.recruiting.knockouts import Verdict, finding, judge
from app.recruiting.must_haves import asked_in, next_question, questions, remember, settled
from app.recruiting.profile import Fact, kind
from app.recruiting.vacancy import MOST_MUST_HAVES, MustHave, Vacancy
from tests.vacancies.test_asked import EXAMPLES
from tests.vacancies.test_rules import profiles

_POOL: list[tuple[str, str, Any]] = [
    ("licences", "contains_any", ["CE"]), ("licences", "contains_all", ["B", "VCA"]), ("licences", "in", ["C", "D"]),
    ("language_levels.nl", "gte", "B1"), ("languages", "contains_any", ["nl"]),
    ("availability", "date_before", "2027-01-31"),
    ("city", "within_travel_minutes", 45), ("location", "within_travel_minutes", 45),
    ("hours", "gte", 32),
    ("shifts", "contains_all", ["early", "late", "night"]), ("shifts", "contains_any", ["day", "weekend"]),
    ("contract_preference", "contains_any", ["temporary"]), ("work_mode", "in", ["onsite"]),
    ("travel.own_transport", "true", None), ("references_available", "true", None), ("right_to_work", "eq", "yes"),
    ("certificates", "contains_any", ["BIG", "NEN 3140"]), ("education", "gte", 4), ("notice_period", "eq", "P1M"),
]  # fmt: skip
_OPEN: dict[str, dict[str, Any]] = {
    "licences": {"type": "C"}, "city": {"city": "Utrecht"}, "availability": {"from": "2027-03-01"},
    "languages": {"language": "pl"}, "hours": {"min": 24, "max": 24}, "work_mode": {"mode": "remote"},
}  # fmt: skip
_PARTS = {"licences": ".C", "languages": ".pl"}


@st.composite
def vacancies(draw: st.DrawFn) -> Vacancy:
    picked = draw(st.lists(st.sampled_from(_POOL), min_size=1, max_size=MOST_MUST_HAVES, unique_by=str))
    rules = [
        MustHave(id=f"r{n}", title=f"r{n}", field=field, op=op, value=value, justification="The work needs it.")
        for n, (field, op, value) in enumerate(picked)
    ]
    example = EXAMPLES["WH-102"]
    return Vacancy(
        code="WH-1", title="x", company="x", city="x", country="NL", languages=["en"], task="x", place="x",
        pay=example.pay, must_haves=rules,
    )  # fmt: skip


def answer(question: str, word: str) -> list[Fact]:
    """The facts of an answer; none of "not sure"."""
    if word == "unsure":
        return []
    if is_closed(question):
        found = fact_of(question, word, yes=word == "yes")
        return [Fact(field=found.field, value=dict(found.value), quote=word, message_id="m")] if found else []
    if question.startswith("level."):
        return [Fact(field=f"language_levels.{question[6:]}", value={"level": "A1"}, quote="A1", message_id="m")]
    return [Fact(field=question + _PARTS.get(question, ""), value=_OPEN[question], quote="so", message_id="m")]


@settings(max_examples=300)
@given(vacancies(), profiles(), st.lists(st.sampled_from(["yes", "no", "unsure"]), min_size=20, max_size=20))
def test_must_haves_are_asked_in_order_and_no_more_than_five(
    vacancy: Vacancy, facts: list[Fact], words: list[str]
) -> None:
    intake = Intake(vacancy=vacancy.code)
    reached = 0
    for word in words:
        question = next_question(vacancy, facts, intake)
        if not question:
            break
        assert question not in asked_in(intake), "none twice"
        about = [n for n, one in enumerate(vacancy.must_haves) if question in questions(one, vacancy.country, facts)]
        assert max(about) >= reached, "the vacancy's order"
        reached = max(reached, min(about))
        wanted = [finding(vacancy.must_haves[n], facts, whole=False).verdict for n in about]
        assert Verdict.UNKNOWN in wanted, "only what is unknown"
        remember(intake, question)
        new = answer(question, word)
        facts = [one for one in facts if one.field not in {fact.field for fact in new}] + new
        if not new:
            intake.skipped.append(question)
    else:
        raise AssertionError("no end of questions")
    assert len(asked_in(intake)) <= MOST_MUST_HAVES
    for one in settled(vacancy, facts, intake):
        refused = judge(one.rule.field, one.rule.op, one.rule.value, one.evidence, whole=False) is Verdict.NOT_MET
        left = [q for q in questions(one.rule, vacancy.country, facts) if q in intake.skipped]
        if left and not refused and not any(path_of(q) in {f.field for f in facts} for q in left):
            assert one.verdict is not Verdict.NOT_MET, (one.rule, facts, "not sure is not no")
        assert kind(one.rule.field) != "education" or one.verdict is not Verdict.NOT_MET
