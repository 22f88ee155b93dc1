"""Which vacancy a conversation is about: from the record's intake, or from what the candidate's messages carry now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec

from app.database.conversations import OpenTurn
from app.database.vacancies import Vacancies
from app.recruiting.intake import Intake
from app.recruiting.match_note import MOST_SUGGESTED, match_note, suggestion_note
from app.recruiting.messages import InboundMessage
from app.recruiting.profile import Fact
from app.recruiting.suggestions import suggestions
from app.recruiting.vacancy import Vacancy
from app.recruiting.vacancy_codes import advertised, codes_in, referrals_in

# Stages of the intake that the next message may end: then a note compares with what is open.
_NEARLY_DONE = frozenset({"review", "change"})


@dataclass(frozen=True)
class Linked:
    """`vacancy` as the turn begins, `others` only where they may be needed."""

    vacancy: Vacancy | None
    others: list[Vacancy]

    def builtins(self) -> "_InState":
        """For the graph's state."""
        state = _InState()
        if self.vacancy is not None:
            state["vacancy"] = msgspec.to_builtins(self.vacancy)
        if self.others:
            state["others"] = msgspec.to_builtins(self.others)
        return state


class _InState(TypedDict, total=False):
    vacancy: dict[str, Any]
    others: list[dict[str, Any]]


class VacancyLinks:
    """Looks up; asks the record only where a message or the intake names a vacancy, or the intake may end."""

    def __init__(self, vacancies: Vacancies) -> None:
        self._vacancies = vacancies

    async def look(self, opened: OpenTurn, messages: Sequence[InboundMessage]) -> Linked:
        """The vacancy named last. Nothing is guessed: no code, no vacancy. Raises RecordError."""
        vacancy = await self._named(messages)
        stage, known = opened.intake.get("stage"), opened.intake.get("vacancy")
        named = vacancy is not None
        if vacancy is None and known:
            vacancy = await self._vacancies.find(str(known))
        others: list[Vacancy] = []
        if stage in _NEARLY_DONE or (named and stage == "done"):
            ordered = suggestions(await self._vacancies.open(), facts_of(opened), intake_of(opened))
            others = [one.vacancy for one in ordered[: MOST_SUGGESTED + 1]]
        return Linked(vacancy, others)

    async def _named(self, messages: Sequence[InboundMessage]) -> Vacancy | None:
        for code in codes_in(messages):
            if (found := await self._vacancies.find(code)) is not None:
                return found
        for referral in referrals_in(messages):
            if (found := advertised(await self._vacancies.open(), referral)) is not None:
                return found
        return None

    async def answer(self, opened: OpenTurn) -> str:
        """The note that `/match` asks for. Raises RecordError."""
        facts, code = facts_of(opened), str(opened.intake.get("vacancy") or "")
        vacancy = await self._vacancies.find(code) if code else None
        others = await self._vacancies.open()
        if vacancy is None:
            return suggestion_note(others, facts, intake=intake_of(opened))
        application = await self._vacancies.application(opened.candidate_id, code)
        state = application.status.replace("_", " ") if application else "none yet (it begins with the consent)"
        return f"{match_note(vacancy, facts, others, intake=intake_of(opened))}\n\n**Application**: {state}"


def intake_of(opened: OpenTurn) -> Intake:
    """The record's memory of the policy."""
    return msgspec.convert(opened.intake, Intake)


def facts_of(opened: OpenTurn) -> list[Fact]:
    """The record's facts in the rules' terms."""
    return msgspec.convert(msgspec.to_builtins(opened.facts), list[Fact])
