"""What recruiters read of a match: every line with the candidate's words, the message and the rule. In English."""

from collections.abc import Sequence
from typing import Any

from app.recruiting.intake import Intake
from app.recruiting.knockouts import Finding, Verdict, findings
from app.recruiting.literal import literal
from app.recruiting.must_haves import settled
from app.recruiting.profile import Fact
from app.recruiting.scoring import COVERAGE, RULES, Graded, Score, score
from app.recruiting.suggestions import Suggestion, suggestions
from app.recruiting.vacancy import Vacancy, pay_text, title_of

MOST_SUGGESTED = 3
DESK_LANGUAGE = "en"
_QUOTE = 160  # characters
_WORDS = {Verdict.MET: "met", Verdict.NOT_MET: "not met", Verdict.UNKNOWN: "unknown"}
_PURPOSE = f"A comparison by written rules ({RULES}, no language model) for people who decide. It rejects nobody."
_FAST = "⚡ **Fast lane**: all must-haves are met, and {points} points (this vacancy's rule: from {least})."
NOT_MET, FAST_LANE = "review-must-have", "fast-lane"  # labels
NOTHING_OPEN = (
    "No vacancy is linked to this conversation, and none is open: load some with `python -m app vacancies load FILE`."
)


def match_note(
    vacancy: Vacancy, facts: Sequence[Fact], others: Sequence[Vacancy], *, intake: Intake | None = None
) -> str:
    """The linked vacancy; with must-haves not met, or when it is closed, also what else is open.

    `intake`: what the candidate was asked, where that is known.
    """
    found = _found(vacancy, facts, intake)
    scored = score(vacancy, facts)
    closed = "" if vacancy.is_open else " (closed)"
    lines = [
        f"**Match with {_named(vacancy)}{closed}**",
        *([_FAST.format(points=scored.points, least=vacancy.fast_lane)] if _is_fast(vacancy, found, scored) else []),
        _PURPOSE,
        "",
        "**Must-haves**" if found else "**Must-haves**: none",
        *map(_must_have, found),
        *_score(scored),
    ]
    failed = [one.rule.title for one in found if one.verdict is Verdict.NOT_MET]
    if failed:
        lines += [
            "",
            f"Not met: {', '.join(failed)}. A recruiter looks at this; a must-have may be waived with a reason.",
        ]
    other = [each for each in others if each.code != vacancy.code]
    if other and (failed or closed):
        lines += ["", suggestion_note(other, facts, heading="**Also open**", intake=intake)]
    return "\n".join(lines)


def queue_labels(vacancy: Vacancy, facts: Sequence[Fact], intake: Intake, *, complete: bool) -> list[str]:
    """Where a person has to look: a must-have that is not met, and, once the profile is complete, the fast lane."""
    found = _found(vacancy, facts, intake)
    labels = [NOT_MET] if any(one.verdict is Verdict.NOT_MET for one in found) else []
    return [*labels, FAST_LANE] if complete and _is_fast(vacancy, found, score(vacancy, facts)) else labels


def _found(vacancy: Vacancy, facts: Sequence[Fact], intake: Intake | None) -> list[Finding]:
    return settled(vacancy, facts, intake) if intake is not None else findings(vacancy, facts)


def _is_fast(vacancy: Vacancy, found: Sequence[Finding], scored: Score) -> bool:
    """The recruiters' own rule; what is unknown is no reason for haste."""
    met = all(one.verdict is Verdict.MET for one in found)
    enough = scored.points is not None and scored.points >= vacancy.fast_lane
    return vacancy.is_open and vacancy.fast_lane > 0 and met and enough


def suggestion_note(
    vacancies: Sequence[Vacancy], facts: Sequence[Fact], *, heading: str = "", intake: Intake | None = None
) -> str:
    """The first three open vacancies with the reasons for their order."""
    if not vacancies:
        return NOTHING_OPEN
    ordered = suggestions(vacancies, facts, intake)
    lines = [heading or "**No vacancy is linked to this conversation. Open ones that may fit:**"]
    lines += [_suggested(one) for one in ordered[:MOST_SUGGESTED]]
    more = len(ordered) - MOST_SUGGESTED
    if more > 0:
        lines.append(f"{more} more are open: `python -m app vacancies list`.")
    return "\n".join([*lines, "The order is a suggestion; nothing is excluded by it."])


def must_have_results(vacancy: Vacancy, facts: Sequence[Fact], intake: Intake) -> list[dict[str, Any]]:
    """For `applications.must_have_results`: verdicts with the facts they cite, no words of the candidate."""
    return [
        {
            "id": one.rule.id,
            "verdict": one.verdict.value,
            "on_fail": one.rule.on_fail,
            "evidence": _cited(one.evidence),
        }
        for one in settled(vacancy, facts, intake)
    ]


def score_record(vacancy: Vacancy, facts: Sequence[Fact]) -> dict[str, Any]:
    """For `applications.score`."""
    scored = score(vacancy, facts)
    criteria = [
        {"id": one.criterion.id, "weight": one.criterion.weight, "level": one.level, "evidence": _cited(one.evidence)}
        for one in scored.graded
    ]
    return {"points": scored.points, "coverage": scored.coverage, "rules": RULES, "criteria": criteria}


def _cited(evidence: Sequence[Fact]) -> list[dict[str, Any]]:
    return [{"field": fact.field, "message_id": fact.message_id, "confirmed": fact.confirmed} for fact in evidence]


def _named(vacancy: Vacancy) -> str:
    return f"{vacancy.code}, {literal(title_of(vacancy, DESK_LANGUAGE))}, {literal(vacancy.city)}"


def _must_have(one: Finding) -> str:
    line = f"- {_WORDS[one.verdict]}: {literal(one.rule.title)}"
    look = ["a person looks at the way to work"] if one.rule.op == "within_travel_minutes" else []
    words = [_quoted(one.evidence)] if one.evidence else look or ["nothing said about it yet"]
    return f"{line} — {'; '.join([*words, *(look if one.evidence else [])])}"


def _score(scored: Score) -> list[str]:
    if not scored.graded:
        return ["", "**Score**: the vacancy has no criteria."]
    if scored.points is None:
        number = f"no number: not enough evidence (for {scored.coverage} % of the weight, {COVERAGE} % needed)"
    else:
        number = f"{scored.points} of 100, band {scored.band} (evidence for {scored.coverage} % of the weight)"
    return ["", f"**Score**: {number}", *map(_criterion, scored.graded), *_improvements(scored)]


def _criterion(one: Graded) -> str:
    line = f"- {literal(one.criterion.title)} (weight {one.criterion.weight}): "
    if one.level is None:
        return f"{line}no evidence, does not count" + (f" — {_quoted(one.evidence)}" if one.evidence else "")
    capped = f", would be {one.reached} once confirmed" if one.reached is not None and one.reached > one.level else ""
    return f"{line}level {one.level} of 4{capped}, “{literal(one.anchor)}” — {_quoted(one.evidence)}"


def _improvements(scored: Score) -> list[str]:
    if not scored.improvements:
        return []
    if scored.points is None and not scored.target:
        return [f"Needed for a number: {'; '.join(map(literal, scored.improvements))}"]
    first, *further = map(literal, scored.improvements)
    if scored.points is None:
        return [f"A number is possible if: {first}"]
    where = f"to {scored.target}" if scored.target else "up"
    return [f"Moves {where} if: {first}" + (f". Moves up also if: {further[0]}" if further else "")]


def _suggested(one: Suggestion) -> str:
    met = sum(finding.verdict is Verdict.MET for finding in one.findings)
    reasons = [f"must-haves met {met} of {len(one.findings)}"] if one.findings else ["no must-haves"]
    open_ = [finding.rule.title for finding in one.findings if finding.verdict is Verdict.UNKNOWN]
    reasons += [f"still unknown: {', '.join(open_)}"] if open_ else []
    reasons += [f"not met: {', '.join(finding.rule.title for finding in one.not_met)}"] if one.not_met else []
    reasons += [f"same words as the wanted work: {', '.join(one.shared)}"] if one.shared else []
    reasons += ["same town"] if one.same_city else []
    pay = pay_text(one.vacancy, DESK_LANGUAGE)
    return f"- **{_named(one.vacancy)}** ({pay}): {literal('; '.join(reasons))}"


def _quoted(evidence: Sequence[Fact]) -> str:
    return "; ".join(map(_quote, evidence))


def _quote(fact: Fact) -> str:
    """The end of the message's id: enough to find it, and no phone number in it."""
    words = literal(" ".join(fact.quote.split())[:_QUOTE])
    confirmed = "confirmed" if fact.confirmed else "not confirmed"
    return f"“{words}” ({fact.source}, {confirmed}, message …{literal(fact.message_id[-8:])})"
