"""The record in memory: what `open_turn` would return and what `commit_turn` would store, without a database."""

from typing import Any

import msgspec

from app.agents.state import ConversationState, Json, Proposal, TranscriptLine, TurnInput
from app.recruiting.messages import InboundMessage, Reply
from app.recruiting.profile import Fact
from app.recruiting.said import Said, heard
from app.recruiting.vacancy import Vacancy

TRANSCRIPT_LINES = 20  # as many as `open_turn` returns


class Record:
    """One candidate's conversation. Applies proposals in the engine's order: facts, consents, intake, ownership."""

    def __init__(self, country: str, now: float, vacancy: Vacancy | None = None) -> None:
        self.now = now
        self.language: str | None = None
        self.intake: Json = {}
        self.facts: list[Json] = []
        self.consents: list[Json] = []
        self.owner = "assistant"
        self.opted_out = False
        self.stage = "new"
        self.ever: list[Fact] = []  # every fact that was stored at some time
        self.said: dict[str, Said] = {}  # the candidate's messages by id
        self._country = country
        self._vacancy = vacancy
        self._transcript: list[TranscriptLine] = []
        self._turns = 0

    def open_turn(self, inbound: list[InboundMessage]) -> TurnInput:
        """The graph's input for these messages."""
        conversation = ConversationState(
            language=self.language,
            intake=dict(self.intake),
            facts=list(self.facts),
            consents=self._standings(),
            owner=self.owner,
            opted_out=self.opted_out,
            transcript=self._transcript[-TRANSCRIPT_LINES:],
            window_expires_at=None,
            country=self._country,
        )
        if self._vacancy is not None:  # as the engine links it
            conversation["intake"] |= {"vacancy": self._vacancy.code}
            conversation["vacancy"] = msgspec.to_builtins(self._vacancy)
        return TurnInput(
            turn_id=f"turn-{self._turns + 1}",
            attempt=0,
            now=self.now,
            conversation=conversation,
            inbound=[msgspec.to_builtins(message) for message in inbound],
            notes=[],
        )

    def commit_turn(self, inbound: list[InboundMessage], proposal: Proposal | None) -> list[Reply]:
        """Store the turn; the replies that would be sent. None: a person leads, the assistant did not think."""
        self._turns += 1
        for message in inbound:
            said = heard(message)
            self.said[message.message_id] = said
            self._line(message.message_id, "candidate", message.kind.value, said.text, message.choice_id)
        if proposal is None:
            return []
        self._store(proposal)
        replies = msgspec.convert(proposal["replies"], list[Reply])
        for index, reply in enumerate(replies):
            self._line(f"out-{self._turns}-{index}", "assistant", "text", reply.text, "")
        return replies

    def _store(self, proposal: Proposal) -> None:
        stored = {fact["id"] for fact in self.facts}
        if unknown := set(proposal["retract"]) - stored:
            raise ValueError(f"the proposal retracts {len(unknown)} facts that the record does not hold")
        self.facts = [fact for fact in self.facts if fact["id"] not in proposal["retract"]] + proposal["facts"]
        self.ever += msgspec.convert(proposal["facts"], list[Fact])
        self.consents += proposal["consents"]
        self.intake, self.language, self.stage = proposal["intake"], proposal["language"], proposal["stage"]
        if proposal["opted_out"] is not None:
            self.opted_out = proposal["opted_out"]
        if proposal["handoff"] is not None:
            self.owner = "human"

    def _standings(self) -> list[Json]:
        """The latest word on each purpose."""
        latest: dict[str, Any] = {consent["purpose"]: consent for consent in self.consents}
        return list(latest.values())

    def _line(self, message_id: str, author: str, kind: str, text: str, choice_id: str) -> None:
        line = TranscriptLine(
            message_id=message_id, author=author, kind=kind, text=text, choice_id=choice_id, at=self.now
        )
        self._transcript.append(line)

    @property
    def asked(self) -> str:
        """The open question, empty when there is none."""
        asked = self.intake.get("asked")
        return str(asked["field"]) if asked else ""

    @property
    def profile(self) -> list[Fact]:
        """The current facts."""
        return msgspec.convert(self.facts, list[Fact])
