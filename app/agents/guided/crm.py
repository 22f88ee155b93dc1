"""Guided reports for recruiters: what happened, what is known, what is open. In English, the desk's language."""

from app.agents.guided.router import TIER
from app.agents.state import CrmUpdate, Json, TurnInput
from app.recruiting.intake import Decision, Handoff
from app.recruiting.phrases import phrases
from app.recruiting.profile import Fact, Field, assemble
from app.recruiting.readback import items

DESK_LANGUAGE = "en"
_QUOTES = 3  # last words of the candidate in a handoff note
_QUOTE_LENGTH = 200


class GuidedCrm:
    """Writes a note when a recruiter has something to do or to know; labels and attributes always."""

    async def report(self, turn: TurnInput, language: str, decision: Decision) -> CrmUpdate:
        """Note, labels and attributes of the turn."""
        handoff = decision.handoff
        note = None
        if handoff is not None:
            note = self._packet(turn, language, decision, handoff)
        elif decision.stage == "done" and any(fact.confirmed for fact in decision.facts):
            note = "\n".join(["**Intake complete, confirmed by the candidate**", *self._profile(decision.profile)])
        elif decision.remarks:
            note = "\n".join(decision.remarks)
        return CrmUpdate(
            note=note,
            labels=self._labels(language, decision),
            attributes=self._attributes(language, decision),
            tier=TIER,
            decision={},
        )

    def _packet(self, turn: TurnInput, language: str, decision: Decision, handoff: Handoff) -> str:
        """The handoff packet (product §1e): reason, profile, open question, language, window, last words."""
        asked = decision.intake.asked
        quotes = [str(message["text"]) for message in turn["inbound"] if message.get("text")][-_QUOTES:]
        window = turn["conversation"]["window_expires_at"]
        return "\n".join(
            [
                f"**Handoff: {handoff.reason}** ({handoff.urgency})",
                handoff.text,
                *self._profile(decision.profile),
                f"Open question: {asked.field if asked else 'none'}",
                f"Language: {language}",
                f"Reply window until: {window or 'unknown'}",
                *(f"> {quote[:_QUOTE_LENGTH]}" for quote in quotes),
                *decision.remarks,
            ]
        )

    @staticmethod
    def _profile(profile: list[Fact]) -> list[str]:
        if not profile:
            return ["No details in the profile."]
        shown = items(profile, [field.value for field in Field], DESK_LANGUAGE, phrases(DESK_LANGUAGE).labels)
        return [f"- {label}: {value}" for label, value in shown]

    @staticmethod
    def _labels(language: str, decision: Decision) -> list[str]:
        labels = [f"stage-{decision.stage}", f"lang-{language}"]
        if decision.handoff:
            labels.append(f"handoff-{decision.handoff.reason}".replace("_", "-"))
        return labels

    @staticmethod
    def _attributes(language: str, decision: Decision) -> Json:
        """Contact attributes in Chatwoot; profile values only, and only those that are known."""
        profile = assemble(decision.profile)
        attributes: Json = {"language": language, "intake_stage": decision.stage}
        simple = {"name": profile.name, "role": profile.role, "city": profile.city}
        attributes |= {key: value for key, value in simple.items() if value is not None}
        if profile.available_from is not None:
            attributes["available_from"] = profile.available_from.isoformat()
        if profile.languages:
            attributes["languages"] = ", ".join(
                f"{code} {level}" if level else code for code, level in profile.languages.items()
            )
        if profile.licences is not None:
            attributes["licences"] = ", ".join(profile.licences) or "none"
        return attributes
