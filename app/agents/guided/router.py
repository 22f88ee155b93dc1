"""Guided router: lexicons of eight languages, and a library for the language of the text."""

import msgspec

from app.agents import turn_view
from app.agents.state import Routing, TurnInput
from app.recruiting import interrupts, languages
from app.recruiting.languages import Detector
from app.recruiting.messages import Kind

TIER = "guided"


class GuidedRouter:
    """Reads a turn with word lists; certain or silent."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    async def route(self, turn: TurnInput) -> Routing:
        """Intents and language of a turn."""
        messages = turn_view.inbound(turn)
        current = turn_view.language(turn)
        asked = turn_view.intake(turn).asked
        own_words = [m.text for m in messages if m.text and m.kind not in {Kind.CHOICE, Kind.LOCATION, Kind.REACTION}]
        language = languages.follow(
            current,
            own_words,
            self._detector,
            country=turn["conversation"].get("country", ""),
            asked=asked.field if asked else "",
        )
        noticed = interrupts.in_messages(messages, language)
        return Routing(language=language, noticed=msgspec.to_builtins(noticed), tier=TIER, decision={})
