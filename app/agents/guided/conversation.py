"""Guided conversation: the decided sentences from the phrase files."""

import msgspec

from app.agents.guided.router import TIER
from app.agents.state import Phrased, TurnInput
from app.recruiting.intake import Decision
from app.recruiting.phrases import Phrasebook, version


class GuidedConversation:
    """Says exactly what the phrase files hold."""

    def __init__(self, phrasebook: Phrasebook) -> None:
        self._phrasebook = phrasebook

    async def phrase(self, turn: TurnInput, language: str, decision: Decision) -> Phrased:  # noqa: ARG002
        """The replies; the turn itself matters only to tiers that phrase freely."""
        replies = self._phrasebook.replies(language, decision)
        return Phrased(
            replies=[msgspec.to_builtins(reply) for reply in replies],
            tier=TIER,
            decision={"prompt_version": f"phrases-{version()}"},
        )
