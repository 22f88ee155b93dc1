"""What recruiters read: the rules' note, and on a handoff or a confirmed profile a short summary by a model."""

import re
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from app.agents.models.mind import Mind
from app.agents.models.quoting import as_data, last_words, moment, numbered
from app.agents.roles import Crm
from app.agents.state import CrmUpdate, Json, TurnInput
from app.agents.turn_view import said_now
from app.recruiting.intake import Decision
from app.recruiting.interrupts import Intent
from app.recruiting.literal import literal

_LINES = 20  # the whole transcript that a turn carries
_MOST_SUMMARY_LINES, _MOST_LINE = 5, 200
# Who is in danger waits for nothing; about a minor nothing more is gathered.
_NO_SUMMARY = frozenset({Intent.DANGER.value, Intent.MINOR.value, Intent.DELETE.value})
# What a candidate's text could make of a recruiter's note: links, pictures, mentions, headings.
_ACTIVE = re.compile(r"https?:|www\.|\]\(|!\[|<[^>]*>|@\w", re.IGNORECASE)
_HEADING = "**Summary by the assistant's model, to be checked against the chat**"


class Summary(BaseModel):
    """For a recruiter who opens the conversation."""

    model_config = ConfigDict(extra="forbid")

    lines: list[str] = Field(description="Three to five short lines in English")


class ModelCrm:
    """Labels and attributes are the rules'; the model writes only the summary."""

    def __init__(self, mind: Mind[Summary], guided: Crm, zone: ZoneInfo) -> None:
        self._mind = mind
        self._guided = guided
        self._zone = zone

    async def report(self, turn: TurnInput, language: str, decision: Decision) -> CrmUpdate:
        """Note, labels and attributes of the turn."""
        base = await self._guided.report(turn, language, decision)
        if base["note"] is None or not _worth_a_summary(decision):
            return base
        thought = await self._mind.think(turn, self._message(turn, decision))
        lines = summary_lines(thought.output) if thought.output else []
        if not lines:
            return _with(base, base["note"], base["tier"], thought.log)
        head, _, rest = base["note"].partition("\n")
        note = "\n".join([head, _HEADING, *(f"> {literal(line)}" for line in lines), *([rest] if rest else [])])
        return _with(base, note, thought.tier, thought.log)

    def _message(self, turn: TurnInput, decision: Decision) -> str:
        handoff = decision.handoff
        profile = [{"field": fact.field, "value": fact.value} for fact in decision.profile]
        return self._mind.prompt.turn(
            now=moment(turn, self._zone),
            occasion=as_data(handoff.reason if handoff else "profile confirmed"),
            profile=as_data(profile),
            recent=as_data(last_words(turn, _LINES)),
            recruiter=as_data(turn["notes"]),
            data=as_data(numbered(said_now(turn), self._zone)),
        )


def _worth_a_summary(decision: Decision) -> bool:
    if decision.handoff is not None:
        return decision.handoff.reason not in _NO_SUMMARY
    return decision.stage == "done" and any(fact.confirmed for fact in decision.facts)


def summary_lines(summary: Summary) -> list[str]:
    """At most five lines of plain text. One that could do something when it is shown spoils the summary."""
    lines = [" ".join(line.split()).lstrip("-*#> ") for line in summary.lines]
    lines = [line[:_MOST_LINE] for line in lines if line][:_MOST_SUMMARY_LINES]
    return [] if any(_ACTIVE.search(line) for line in lines) else lines


def _with(base: CrmUpdate, note: str, tier: str, log: Json) -> CrmUpdate:
    return CrmUpdate(
        note=note,
        labels=base["labels"],
        attributes=base["attributes"],
        tier=tier,
        decision={**base["decision"], **log},
    )
