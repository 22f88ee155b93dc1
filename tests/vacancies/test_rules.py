"""Three-valued must-haves and the score hold for any facts: unknown is never held against anybody."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.recruiting.knockouts import Verdict, findings, judge
from app.recruiting.match_note import match_note
from app.recruiting.profile import LEVEL_VALUES, LICENCES, OTHER_LICENCES, Fact
from app.recruiting.scoring import COVERAGE, UNCONFIRMED, grade, score, total
from app.recruiting.suggestions import suggestions
from app.recruiting.vacancy import Anchor, Criterion, MustHave, Pay, Vacancy


def fact(
    field: str, value: dict[str, Any], *, confirmed: bool = True, confidence: float = 1.0, quote: str = "so"
) -> Fact:
    return Fact(field=field, value=value, quote=quote, message_id="m-1", confirmed=confirmed, confidence=confidence)


def levels(criterion: str, weight: int, field: str, op: str, *values: tuple[int, Any]) -> Criterion:
    anchors = [
        Anchor(level=0, text="not yet"),
        *(Anchor(level=level, value=value, text=f"level {level}") for level, value in values),
    ]
    return Criterion(id=criterion, title=criterion, weight=weight, field=field, op=op, anchors=anchors)


CRITERIA = [
    levels("dutch", 30, "language_levels.nl", "gte", (2, "A2"), (4, "B1")),
    levels("licence", 35, "licences", "contains_any", (2, ["B"]), (3, ["C"]), (4, ["CE"])),
    levels("start", 20, "availability", "date_before", (2, "2027-03-31"), (4, "2027-01-31")),
    levels("english", 15, "language_levels.en", "gte", (4, "B1")),
]
RULES = [
    MustHave(id="dutch", title="Dutch", field="language_levels.nl", op="gte", value="A2", justification="Safety."),
    MustHave(id="ce", title="CE", field="licences", op="contains_any", value=["CE"], justification="The law."),
    MustHave(id="way", title="Way", field="city", op="within_travel_minutes", value=45, justification="Early shift."),
]
VACANCY = Vacancy(
    code="TR-1", title="Driver", company="Example", city="Utrecht", country="NL", languages=["en"], task="You drive.",
    place="Utrecht.", pay=Pay(min=Decimal(14), max=Decimal(16), currency="EUR", period="hour"),
    roles=["driver"], must_haves=RULES, criteria=CRITERIA,
)  # fmt: skip

_licences = st.lists(st.sampled_from([*LICENCES, *OTHER_LICENCES]), unique=True, max_size=4)
_tongues = st.dictionaries(st.sampled_from(["nl", "en", "pl"]), st.sampled_from(LEVEL_VALUES), max_size=3)
_start = st.none() | st.dates(dt.date(2026, 6, 1), dt.date(2028, 1, 1))


@st.composite
def profiles(draw: st.DrawFn) -> list[Fact]:
    """Facts as the intake makes them, each confirmed or not, sure or not."""
    made: list[Fact] = []

    def add(field: str, value: dict[str, Any]) -> None:
        made.append(
            fact(field, value, confirmed=draw(st.booleans()), confidence=draw(st.sampled_from([0.3, 0.7, 1.0])))
        )

    for code, level in draw(_tongues).items():
        add(f"language_levels.{code}", {"level": level})
    for licence in draw(_licences) or draw(st.sampled_from([[], ["none"]])):
        add(f"licences.{licence}", {"type": licence})
    if (day := draw(_start)) is not None:
        add("availability", {"from": day.isoformat(), "precision": draw(st.sampled_from(["day", "week", "month"]))})
    return made


@given(profiles())
def test_nothing_said_is_unknown_and_never_not_met(facts: list[Fact]) -> None:
    assert {one.verdict for one in findings(VACANCY, [])} == {Verdict.UNKNOWN}
    for one in findings(VACANCY, facts):
        if one.verdict is not Verdict.UNKNOWN:
            assert one.evidence
            assert any(each.confidence >= 0.6 for each in one.evidence)
        assert one.rule.on_fail == "human_review"


_ops = st.sampled_from(
    ["eq", "in", "contains_any", "contains_all", "gte", "lte", "date_before", "true", "odd"]
)  # fmt: skip
_wanted = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)


@given(profiles(), _ops, _wanted)
def test_any_operator_on_any_value_gives_one_of_three_answers(facts: list[Fact], op: str, wanted: Any) -> None:
    for field in ("licences", "language_levels.nl", "availability", "no_such_field"):
        about = [each for each in facts if each.field.startswith(field)]
        assert judge(field, op, wanted, about) in Verdict


@given(st.sampled_from(LEVEL_VALUES), st.sampled_from(LEVEL_VALUES[:-1]))
def test_levels_are_ordered_and_one_of_both_ways_holds(has: str, wanted: str) -> None:
    about = [fact("language_levels.nl", {"level": has})]
    up, down = (judge("language_levels.nl", op, wanted, about) for op in ("gte", "lte"))
    assert (up is Verdict.MET) == (LEVEL_VALUES.index(has) >= LEVEL_VALUES.index(wanted))
    assert Verdict.MET in (up, down)


@pytest.mark.parametrize(
    ("start", "precision", "verdict"),
    [
        ("2026-12-14", "day", Verdict.MET), ("2026-12-16", "day", Verdict.NOT_MET),
        ("2026-12-01", "month", Verdict.UNKNOWN), ("2026-11-01", "month", Verdict.MET),
        ("2026-12-14", "week", Verdict.UNKNOWN), ("2027-01-01", "month", Verdict.NOT_MET),
    ],
)  # fmt: skip
def test_a_month_may_lie_on_both_sides_of_a_day(start: str, precision: str, verdict: Verdict) -> None:
    about = [fact("availability", {"from": start, "precision": precision})]
    assert judge("availability", "date_before", "2026-12-15", about) is verdict


@pytest.mark.parametrize(("licence", "wanted"), [("CE", "B"), ("CE", "C"), ("C", "B"), ("BE", "B"), ("D", "B")])
def test_a_higher_licence_holds_the_lower(licence: str, wanted: str) -> None:
    about = [fact(f"licences.{licence}", {"type": licence})]
    assert judge("licences", "contains_any", [wanted], about) is Verdict.MET


def test_not_sure_is_no_answer_and_a_named_part_is_compared() -> None:
    permit = fact("right_to_work.NL", {"country": "NL", "status": "unsure"})
    assert judge("right_to_work", "in", ["yes"], [permit], key="status") is Verdict.UNKNOWN
    wish = fact("salary_expectation", {"min": 15, "currency": "EUR", "period": "hour"})
    assert judge("salary_expectation", "lte", 16, [wish], key="min") is Verdict.MET
    assert judge("salary_expectation", "lte", 16, [wish], key="max") is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("op", "wanted", "verdict"),
    [
        ("contains_any", ["early"], Verdict.MET), ("contains_any", ["late", "early"], Verdict.MET),
        ("contains_any", ["late"], Verdict.UNKNOWN), ("contains_any", ["night"], Verdict.NOT_MET),
        ("contains_any", ["night", "late"], Verdict.UNKNOWN), ("contains_all", ["early", "day"], Verdict.MET),
        ("contains_all", ["early", "late"], Verdict.UNKNOWN), ("contains_all", ["early", "night"], Verdict.NOT_MET),
    ],
)  # fmt: skip
def test_of_shifts_only_what_was_said_is_known(op: str, wanted: list[str], verdict: Verdict) -> None:
    said = [
        fact("shifts.early", {"kind": "early"}),
        fact("shifts.day", {"kind": "day"}),
        fact("shifts.night", {"kind": "night", "possible": False}),
    ]
    assert judge("shifts", op, wanted, said) is verdict


@given(profiles())
def test_a_criterion_without_evidence_never_lowers_the_score(facts: list[Fact]) -> None:
    scored = score(VACANCY, facts)
    known = [one for one in scored.graded if one.level is not None]
    assert scored.coverage == sum(one.criterion.weight for one in known)
    assert (scored.points is None) == (scored.coverage < COVERAGE)
    assert total(known) == (scored.points, scored.coverage)
    if scored.points is not None:
        assert 0 <= scored.points <= 100


@given(profiles(), st.integers(0, 20))
def test_taking_a_word_back_takes_its_criterion_out_instead_of_counting_it_as_bad(
    facts: list[Fact], which: int
) -> None:
    assume(facts)
    gone = facts[which % len(facts)]
    less = [each for each in facts if each is not gone]
    for criterion in CRITERIA:
        if not any(each.field.startswith(criterion.field) for each in less):
            assert grade(criterion, less).level is None


@given(profiles())
def test_what_is_not_confirmed_gives_two_at_most_and_confirming_lowers_nothing(facts: list[Fact]) -> None:
    bare = [msgspec.structs.replace(each, confirmed=False) for each in facts]
    sure = [msgspec.structs.replace(each, confirmed=True) for each in facts]
    for criterion in CRITERIA:
        unconfirmed, mixed, confirmed = (grade(criterion, each) for each in (bare, facts, sure))
        assert (unconfirmed.level or 0) <= UNCONFIRMED
        assert unconfirmed.reached == confirmed.level
        if mixed.level is not None:
            assert unconfirmed.level is not None
            assert confirmed.level is not None
            assert unconfirmed.level <= mixed.level <= confirmed.level
            assert mixed.evidence


@given(profiles(), st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=60))
def test_name_town_and_the_way_of_writing_change_nothing(
    facts: list[Fact], name: str, town: str, spelling: str
) -> None:
    more = [
        fact("name", {"display": name}), fact("city", {"city": town}), fact("languages.pl", {"language": "pl"}),
        *(msgspec.structs.replace(each, quote=spelling, message_id="m-2") for each in facts),
    ]  # fmt: skip
    one, other = score(VACANCY, facts), score(VACANCY, more)
    assert (one.points, one.coverage, _levels(one.graded)) == (other.points, other.coverage, _levels(other.graded))
    assert [f.verdict for f in findings(VACANCY, facts)] == [f.verdict for f in findings(VACANCY, more)]


def _levels(graded: Sequence[Any]) -> list[int | None]:
    return [one.level for one in graded]


@given(profiles(), st.text(max_size=20))
def test_suggestions_exclude_nobody_and_nothing(facts: list[Fact], role: str) -> None:
    offered = [msgspec.structs.replace(VACANCY, code=f"TR-{number}", must_haves=RULES[:number]) for number in range(4)]
    ordered = suggestions(offered, [*facts, fact("role", {"title": role})])
    assert sorted(one.vacancy.code for one in ordered) == [each.code for each in offered]
    assert [len(one.not_met) for one in ordered] == sorted(len(one.not_met) for one in ordered)


def test_the_note_says_what_would_help_and_quotes_without_markup() -> None:
    facts = [
        fact("licences.CE", {"type": "CE"}, confirmed=False, quote="CE [free](https://evil.example) {{contact.name}}"),
        fact("language_levels.nl", {"level": "B1"}, quote="Nederlands B1"),
        fact("availability", {"from": "2026-12-01"}, quote="1 december"),
    ]
    note = match_note(VACANCY, facts, [VACANCY])
    assert "Moves to A if: licence is confirmed" in note
    assert "](https://evil" not in note.replace("\\]", "")
    assert "unknown: Way" in note
    assert "message …m-1" in note
    assert "evidence for 85 %" in note
