"""Guided router: lexicons of eight languages, and a library for the language of the text."""

import msgspec

from app.agents import turn_view
from app.agents.guided.paraphrases import Paraphrases, embedding_receipt
from app.agents.models.receipts import Receipt
from app.agents.state import Json, Routing, TurnInput
from app.recruiting import interrupts, languages, revisions
from app.recruiting.guard_inbound import intents_of
from app.recruiting.interrupts import REQUESTS, Noticed
from app.recruiting.languages import Detector
from app.recruiting.messages import InboundMessage, Kind

TIER = "guided"


class GuidedRouter:
    """Reads a turn with word lists, and with embeddings where they are given; certain or silent."""

    def __init__(self, detector: Detector, paraphrases: Paraphrases | None = None) -> None:
        self._detector = detector
        self._paraphrases = paraphrases

    async def route(self, turn: TurnInput) -> Routing:
        """Intents and language of a turn."""
        messages = turn_view.inbound(turn)
        current = turn_view.language(turn)
        asked = turn_view.asked(turn)
        own_words = [m.text for m in messages if m.text and m.kind not in {Kind.CHOICE, Kind.LOCATION, Kind.REACTION}]
        language = languages.follow(
            current,
            own_words,
            self._detector,
            country=turn["conversation"].get("country", ""),
            asked=asked,
        )
        heard = [
            *interrupts.in_messages(messages, language, asked),
            *revisions.noticed_in(messages, language, turn_view.facts(turn)),
        ]
        noticed = self._wary(messages, heard, language)
        decision: Json = {}
        if not noticed and self._paraphrases is not None and _may_leave(turn):
            receipt = embedding_receipt(turn["conversation"].get("candidate_id", ""))
            noticed = await self._meant(messages, self._paraphrases, receipt)
            decision = {"embedding": receipt.log()} if receipt.calls else {}
        return Routing(language=language, noticed=msgspec.to_builtins(noticed), tier=TIER, decision=decision)

    def _wary(self, messages: list[InboundMessage], noticed: list[Noticed], language: str) -> list[Noticed]:
        """Insults and instructions to software. Such a message may still ask for a person, but agrees to nothing."""
        signs = [
            Noticed(intent=intent, message_id=message.message_id, quote=quote)
            for message in messages
            if message.text
            for intent, quote in intents_of(message.text, language, self._detector.guess, message.kind).items()
        ]
        suspect = {sign.message_id for sign in signs}
        heard = [one for one in noticed if one.message_id not in suspect or one.intent in REQUESTS]
        return [*heard, *signs]

    @staticmethod
    async def _meant(messages: list[InboundMessage], paraphrases: Paraphrases, receipt: Receipt) -> list[Noticed]:
        """Requests in unforeseen words; asked only when the word lists heard nothing at all."""
        found = []
        for message in messages:
            if message.kind is not Kind.CHOICE and message.text:
                intent = await paraphrases.intent_of(message.text, receipt)
                if intent is not None:
                    found.append(Noticed(intent=intent, message_id=message.message_id, quote=message.text))
        return found


def _may_leave(turn: TurnInput) -> bool:
    """Nobody's words go to another server before they have read the notice, nor while a person leads."""
    conversation = turn["conversation"]
    noticed = turn_view.intake(turn).stage != "new" or turn_view.consented(turn)
    return noticed and conversation["owner"] == "assistant" and not conversation["opted_out"]
