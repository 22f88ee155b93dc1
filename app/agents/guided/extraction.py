"""Guided extraction: typed readers of the answer to the question that was asked, and of what is volunteered."""

from zoneinfo import ZoneInfo

import msgspec

from app.agents import turn_view
from app.agents.guided.router import TIER
from app.agents.state import Extracted, TurnInput
from app.recruiting.answers.reading import read_turn
from app.recruiting.guard_inbound import intents_of
from app.recruiting.interrupts import Intent, in_text
from app.recruiting.languages import Detector
from app.recruiting.lexicon import LANGUAGES

_NO_ANSWER = frozenset(
    {
        Intent.STOP, Intent.HUMAN, Intent.DELETE, Intent.ABOUT_ME, Intent.BOT, Intent.DANGER, Intent.MINOR,
        Intent.COMPLAINT, Intent.ADJUSTMENT, Intent.SKIP,
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
        passed = {m.message_id for m in messages if asked and self._is_no_answer(m.text, language)}
        region = turn["conversation"].get("country", "")
        reading = read_turn(messages, asked, language, self._zone, passed=frozenset(passed), region=region)
        return Extracted(facts=msgspec.to_builtins(reading.facts), vague=reading.vague, tier=TIER, decision={})

    @staticmethod
    def _is_no_answer(text: str, language: str) -> bool:
        intents = dict(in_text(text, language))
        return bool(_NO_ANSWER & intents.keys())
