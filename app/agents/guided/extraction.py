"""Guided extraction: typed readers of the answer to the question that was asked, and of what is volunteered."""

from zoneinfo import ZoneInfo

import msgspec

from app.agents import turn_view
from app.agents.guided.router import TIER
from app.agents.state import Extracted, TurnInput
from app.recruiting.answers.closed import asked_for
from app.recruiting.answers.reading import read_turn, volunteered
from app.recruiting.guard_inbound import intents_of
from app.recruiting.interrupts import Intent, in_text
from app.recruiting.languages import Detector
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.profile import LEVELS, Fact, kind, part
from app.recruiting.revisions import TYPED, Revision, corrected, revisions
from app.recruiting.said import Said, as_fact

_NO_ANSWER = frozenset(
    {
        Intent.STOP, Intent.HUMAN, Intent.DELETE, Intent.ABOUT_ME, Intent.BOT, Intent.DANGER, Intent.MINOR,
        Intent.COMPLAINT, Intent.ADJUSTMENT, Intent.SKIP, Intent.OFF_TOPIC, Intent.OTHER_WORK,
    }
)  # fmt: skip


class GuidedExtraction:
    """Reads the words of this turn. Before consent nothing is read, except when this turn may give it: then all."""

    def __init__(self, zone: ZoneInfo, detector: Detector) -> None:
        self._zone = zone
        self._detector = detector

    async def extract(self, turn: TurnInput) -> Extracted:
        """Facts of the turn, each with its message and quote."""
        language = turn_view.language(turn)
        language = language if language in LANGUAGES else "en"
        intake = turn_view.intake(turn)
        asked = intake.asked.field if intake.asked and intake.stage == "profile" else ""
        messages = turn_view.said_now(turn)
        if not turn_view.consented(turn):
            messages = [*turn_view.said_before(turn), *messages] if intake.stage == "consent" else []
        detect = self._detector.guess
        messages = [said for said in messages if not intents_of(said.text, language, detect, said.kind)]
        known = turn_view.facts(turn)
        revising = {m.message_id: revisions(m.text, language, known) for m in messages if m.kind in TYPED}
        rewritten = turn_view.rewritten(turn)
        passed = {m.message_id for m in messages if asked and self._is_no_answer(m, language, asked, known)}
        passed |= {id_ for id_, wishes in revising.items() if wishes} | rewritten.keys()
        region = turn["conversation"].get("country", "")
        reading = read_turn(messages, asked, language, self._zone, passed=frozenset(passed), region=region)
        facts = {fact.field: fact for fact in reading.facts}
        for said in messages:
            again = self._answered_again(said, rewritten.get(said.message_id, []), language)
            facts |= {one.field: one for one in again if one.field not in facts}
            if wishes := revising.get(said.message_id):
                facts = self._revised(facts, said, wishes, language, known)
        return Extracted(facts=msgspec.to_builtins(list(facts.values())), vague=reading.vague, tier=TIER, decision={})

    def _revised(
        self, facts: dict[str, Fact], said: Said, wishes: list[Revision], language: str, known: list[Fact]
    ) -> dict[str, Fact]:
        """With the new values that a message puts in the place of old ones. "My name is wrong" introduces nobody."""
        about = {one.field: one.quote for one in wishes}
        stands = {
            field: fact
            for field, fact in facts.items()
            if fact.message_id != said.message_id or fact.quote not in about.get(kind(field), "")
        }
        return stands | {one.field: as_fact(one, said) for one in corrected(said, language, self._zone, known)}

    def _answered_again(self, said: Said, fields: list[str], language: str) -> list[Fact]:
        """An edited message answers what it answered before: "Delft", where "Utrecht" was the town."""
        asked = dict.fromkeys(
            f"level.{part(field)}" if kind(field) == LEVELS else asked_for(field) or kind(field) for field in fields
        )
        return [fact for one in asked for fact in read_turn([said], one, language, self._zone).facts]

    def _is_no_answer(self, said: Said, language: str, asked: str, known: list[Fact]) -> bool:
        """A request, or "sorry, I live in Delft" where the town is known and something else is asked."""
        intents = dict(in_text(said.text, language, asked))
        if _NO_ANSWER & intents.keys():
            return True
        if Intent.CORRECTING not in intents:
            return False
        noted = {fact.field for fact in known}
        return any(one.field in noted for one in volunteered(said, language, self._zone))
