"""A turn's vacancy for the nodes: the pitch, what recruiters read of the match, what becomes of the application."""

from collections.abc import Sequence

import msgspec

from app.agents.state import Json, TurnInput
from app.agents.turn_view import intake
from app.recruiting.conflicts import CONFLICT
from app.recruiting.guard import PayRange
from app.recruiting.intake import Decision, Line, applied_for
from app.recruiting.match_note import match_note, must_have_results, queue_labels, score_record, suggestion_note
from app.recruiting.vacancy import Vacancy, approved_facts, pitch

CONTRADICTION = "review-contradiction"  # a label
OPEN_PITCH, CLOSED_PITCH = "pitch", "pitch_closed"


def vacancy_of(turn: TurnInput) -> Vacancy | None:
    """The vacancy the candidate comes for."""
    data = turn["conversation"].get("vacancy")
    return msgspec.convert(data, Vacancy) if data else None


def others_of(turn: TurnInput) -> list[Vacancy]:
    """Open vacancies that the turn was given for comparison."""
    return msgspec.convert(turn["conversation"].get("others") or [], list[Vacancy])


def pitch_of(turn: TurnInput, language: str) -> Line | None:
    """What is said of the vacancy, once."""
    vacancy = vacancy_of(turn)
    if vacancy is None:
        return None
    lines = dict(pitch(vacancy, language))
    if not vacancy.is_open:
        return Line(key=CLOSED_PITCH, params={"title": lines["title"]})
    return Line(key=OPEN_PITCH, params=lines)


def approved_of(turn: TurnInput, language: str) -> Sequence[str]:
    """What candidates' questions about the vacancy may be answered from."""
    vacancy = vacancy_of(turn)
    return approved_facts(vacancy, language) if vacancy is not None and vacancy.is_open else ()


def pay_of(turn: TurnInput) -> PayRange | None:
    """The figures that may be named to the candidate."""
    vacancy = vacancy_of(turn)
    return pay_range(vacancy) if vacancy is not None and vacancy.is_open else None


def pay_range(vacancy: Vacancy) -> PayRange:
    """A vacancy's pay as the guard knows it."""
    pay = vacancy.pay
    return PayRange(minimum=pay.min, maximum=pay.max, currency=pay.currency, period=pay.period)


def for_vacancy(turn: TurnInput, decision: Decision) -> bool:
    """The vacancy says which work is wanted, so that nobody asks for it."""
    return applied_for(vacancy_of(turn), decision.intake) is not None


def _confirmed(decision: Decision) -> bool:
    return decision.stage == "done" and any(fact.confirmed for fact in decision.facts)


def _pitched(turn: TurnInput, decision: Decision) -> bool:
    """The candidate has just been told about the vacancy: from here on they apply for it."""
    told = f"pitch:{decision.intake.vacancy}"
    return told in decision.intake.told and told not in intake(turn).told


def note_of(turn: TurnInput, decision: Decision) -> str:
    """The comparison, once: when the profile is confirmed, or when somebody with a confirmed one names a vacancy."""
    vacancy, others = vacancy_of(turn), others_of(turn)
    if vacancy is not None and (_confirmed(decision) or (decision.stage == "done" and _pitched(turn, decision))):
        return match_note(vacancy, decision.profile, others, intake=decision.intake)
    if not others or not _confirmed(decision):
        return ""
    return suggestion_note(others, decision.profile, intake=decision.intake)


def queues_of(turn: TurnInput, decision: Decision) -> list[str]:
    """Labels by which recruiters find whom to look at, and whom first (product §1e)."""
    vacancy = applied_for(vacancy_of(turn), decision.intake)
    told = decision.intake.told
    labels = [CONTRADICTION] if any(one.startswith(f"{CONFLICT}.") for one in told) else []
    if vacancy is None or f"pitch:{vacancy.code}" not in told:
        return labels
    complete = decision.stage == "done"
    return labels + queue_labels(vacancy, decision.profile, decision.intake, complete=complete)


def application_of(turn: TurnInput, decision: Decision) -> Json | None:
    """Begun with the consent, to be reviewed by a person once the profile is confirmed, renewed when facts change."""
    vacancy = vacancy_of(turn)
    if vacancy is None or not vacancy.is_open:
        return None
    pitched = _pitched(turn, decision)
    if decision.stage == "done" and (pitched or decision.facts or decision.retract):
        return {
            "vacancy": vacancy.code,
            "status": "awaiting_review",
            "must_have_results": must_have_results(vacancy, decision.profile, decision.intake),
            "score": score_record(vacancy, decision.profile),
        }
    return {"vacancy": vacancy.code, "status": "screening"} if pitched else None
