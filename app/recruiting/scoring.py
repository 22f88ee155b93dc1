"""The explainable score (product §1d): the vacancy's criteria over facts with evidence, by rules alone.

It orders what people look at; it decides nothing. Name, place, language of the chat and spelling are no inputs.
"""

from collections.abc import Sequence

import msgspec

from app.recruiting.knockouts import Verdict, judge, of_field
from app.recruiting.profile import Fact
from app.recruiting.vacancy import Anchor, Criterion, Vacancy

RULES = "match-1"
MOST_POINTS = 100
HIGHEST, UNCONFIRMED = 4, 2  # levels: the best, and the most that an unconfirmed fact can give
COVERAGE = 70  # per cent of the weight with evidence, below which there is no number
_BANDS = ((80, "A"), (60, "B"), (0, "C"))
_CHANGES = 2


class Graded(msgspec.Struct, frozen=True, kw_only=True):
    """A criterion with its level; `level` None = no evidence. `reached` is the level if all facts were confirmed."""

    criterion: Criterion
    level: int | None
    reached: int | None
    anchor: str
    evidence: list[Fact]


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """`points` (0-100) are None while `coverage` (0-100) is too low."""

    points: int | None
    coverage: int
    graded: list[Graded]
    improvements: list[str]
    target: str  # band that the improvements lead to; empty if none other

    @property
    def band(self) -> str:
        """For ordering people's work; empty without a number."""
        return "" if self.points is None else band_of(self.points)


def band_of(points: int) -> str:
    """A, B or C."""
    return next(name for least, name in _BANDS if points >= least)


def score(vacancy: Vacancy, facts: Sequence[Fact]) -> Score:
    """The score of the facts under the vacancy's criteria."""
    graded = [grade(criterion, facts) for criterion in vacancy.criteria]
    points, coverage = total(graded)
    improvements, target = _improvements(graded, points)
    return Score(points=points, coverage=coverage, graded=graded, improvements=improvements, target=target)


def grade(criterion: Criterion, facts: Sequence[Fact]) -> Graded:
    """The best level that an anchor gives. Nothing known, or nothing comparable, is no evidence, and never level 0."""
    about = of_field(facts, criterion.field)
    anchors = sorted(criterion.anchors, key=lambda anchor: -anchor.level)
    verdicts = [(anchor, _holds(criterion, anchor, about)) for anchor in anchors if anchor.level]
    held = [_held(criterion, anchor, about) for anchor, verdict in verdicts if verdict is Verdict.MET]
    if held:
        best = max(held, key=lambda one: one.level or 0)
        return msgspec.structs.replace(best, reached=held[0].reached)
    if not about or not verdicts or any(verdict is Verdict.UNKNOWN for _, verdict in verdicts):
        return Graded(criterion=criterion, level=None, reached=None, anchor="", evidence=about)
    lowest = next((anchor.text for anchor in anchors if anchor.level == 0), "")
    return Graded(criterion=criterion, level=0, reached=0, anchor=lowest, evidence=about)


def _holds(criterion: Criterion, anchor: Anchor, facts: Sequence[Fact]) -> Verdict:
    return judge(criterion.field, criterion.op, anchor.value, facts, key=criterion.key)


def _held(criterion: Criterion, anchor: Anchor, about: list[Fact]) -> Graded:
    """An anchor that holds: by the confirmed facts alone, else with the cap."""
    confirmed = [fact for fact in about if fact.confirmed]
    sure = _holds(criterion, anchor, confirmed) is Verdict.MET
    pool = confirmed if sure else about
    alone = [fact for fact in pool if _holds(criterion, anchor, [fact]) is Verdict.MET]
    level = anchor.level if sure else min(anchor.level, UNCONFIRMED)
    return Graded(
        criterion=criterion, level=level, reached=anchor.level, anchor=anchor.text, evidence=alone or list(pool)
    )


def total(graded: Sequence[Graded]) -> tuple[int | None, int]:
    """Points over the criteria with evidence, and their share of the weight."""
    known = [(one.criterion.weight, one.level) for one in graded if one.level is not None]
    weight = sum(each for each, _ in known)
    if weight < COVERAGE:
        return None, weight
    return round(MOST_POINTS * sum(each * level for each, level in known) / (HIGHEST * weight)), weight


def _improvements(graded: Sequence[Graded], points: int | None) -> tuple[list[str], str]:
    """What would raise the score most: confirmations first of all, then what is not known yet, then a higher level."""
    better: list[tuple[int, int, str, int]] = []
    for at, one in enumerate(graded):
        changed, words = _improved(one)
        if changed is None:
            continue
        now, _ = total([*graded[:at], changed, *graded[at + 1 :]])
        if now is not None and (points is None or now > points):
            better.append((now - (points or 0), -at, words, now))
    if points is None and not better:  # no single word is enough: all that is missing
        return [_improved(one)[1] for one in graded if one.level is None], ""
    better.sort(reverse=True)
    best = better[:_CHANGES]
    target = band_of(best[0][3]) if best else ""
    return [words for _, _, words, _ in best], "" if points is not None and target == band_of(points) else target


def _improved(one: Graded) -> tuple[Graded | None, str]:
    title = one.criterion.title
    if one.level is None:
        top = max(one.criterion.anchors, key=lambda anchor: anchor.level)
        return msgspec.structs.replace(one, level=HIGHEST), f"{title} becomes known (best: {top.text})"
    if one.reached is not None and one.reached > one.level:
        return msgspec.structs.replace(one, level=one.reached), f"{title} is confirmed"
    above = [anchor for anchor in one.criterion.anchors if anchor.level > one.level]
    if not above:
        return None, ""
    step = min(above, key=lambda anchor: anchor.level)
    return msgspec.structs.replace(one, level=step.level), f"{title}: {step.text}"
