"""Guided reports for recruiters: what happened, what is known, what is open. In English, the desk's language."""

from zoneinfo import ZoneInfo

from app.agents import turn_view
from app.agents.guided.packet import DESK_LANGUAGE, packet, profile_lines
from app.agents.guided.router import TIER
from app.agents.matching import for_vacancy, note_of, queues_of
from app.agents.state import CrmUpdate, Json, TurnInput
from app.recruiting.intake import Decision
from app.recruiting.literal import literal
from app.recruiting.phrases import phrases
from app.recruiting.profile import Fact, assemble, shown_fields
from app.recruiting.readback import ALONE, items
from app.recruiting.volunteered import VALUES as VOLUNTEERED

_KEYS = {"phone": "phone_given", "email": "email_given"}


class GuidedCrm:
    """Writes a note when a recruiter has something to do or to know; labels and attributes always."""

    def __init__(self, zone: ZoneInfo) -> None:
        """`zone`: the office's, for times in notes."""
        self._zone = zone

    async def report(self, turn: TurnInput, language: str, decision: Decision) -> CrmUpdate:
        """Note, labels and attributes of the turn."""
        handoff = decision.handoff
        note = None
        if handoff is not None:
            note = packet(turn, language, decision, handoff, self._zone)
        elif decision.stage == "done" and any(fact.confirmed for fact in decision.facts):
            known = profile_lines(decision.profile, for_vacancy=for_vacancy(turn, decision))
            note = "\n".join(
                [
                    "**Intake complete, confirmed by the candidate**",
                    *(f"- {label}: {value}" for label, value in known),
                ]
            )
        elif decision.remarks:
            note = "\n".join(map(literal, decision.remarks))
        if handoff is None and (match := note_of(turn, decision)):
            note = f"{note}\n\n{match}" if note else match
        return CrmUpdate(
            note=note,
            labels=[*self._labels(language, decision), *queues_of(turn, decision)],
            attributes=self._attributes(language, decision, turn_view.facts(turn)),
            tier=TIER,
            decision={},
        )

    @staticmethod
    def _labels(language: str, decision: Decision) -> list[str]:
        labels = [f"stage-{decision.stage}", f"lang-{language}"]
        if decision.handoff:
            labels.append(f"handoff-{decision.handoff.reason}".replace("_", "-"))
        if decision.intake.vacancy:
            labels.append(f"vacancy-{decision.intake.vacancy.lower()}")
        return labels

    @staticmethod
    def _attributes(language: str, decision: Decision, before: list[Fact]) -> Json:
        """Contact attributes in Chatwoot; profile values only. What is no longer known is emptied: it keeps the rest.

        Not `name` and `city`: Chatwoot has fields of its own by these names and shows no attribute for them.
        """
        known = _values(decision.profile)
        gone = dict.fromkeys(_values(before).keys() - known.keys())
        return {"language": language, "intake_stage": decision.stage, **gone, **known}


def _values(facts: list[Fact]) -> Json:
    profile = assemble(facts)
    attributes: Json = {}
    simple = {"candidate_name": profile.name, "role": profile.role, "town": profile.city}
    attributes |= {key: value for key, value in simple.items() if value is not None}
    if profile.available_from is not None:
        attributes["available_from"] = profile.available_from.isoformat()
    if profile.languages:
        attributes["languages"] = ", ".join(
            f"{code} {level}" if level else code for code, level in profile.languages.items()
        )
    if profile.licences is not None:
        attributes["licences"] = ", ".join(profile.licences) or "none"
    return attributes | _told(facts)


def _told(facts: list[Fact]) -> Json:
    """What nobody asked for, as recruiters filter by it; `phone` and `email` are fields of Chatwoot's own."""
    shown = [field for field in shown_fields(facts) if field in VOLUNTEERED]
    labels = phrases(DESK_LANGUAGE).labels
    values = {field: items(facts, [field], DESK_LANGUAGE, labels, room=ALONE)[0][1] for field in shown}
    return {_KEYS.get(field, field): value for field, value in values.items()}
