"""A past conversation thought through again in memory, with other prompts or models; nothing is sent or written.

Each recorded turn's messages go through the graph once more. What the replayed assistant remembers from turn to turn
(intake, facts, consent) is its own, so that a change shows its consequences; what the candidate said, when, and which
turns a person led is as recorded. A shared pin is replayed by its words alone.
"""

from collections.abc import Sequence
from typing import Any, cast
from uuid import NAMESPACE_OID, uuid5

import msgspec

from app.agents.graph import Graph
from app.agents.roles import AgentContext
from app.agents.state import ConversationState, TurnInput
from app.database.conversations import ConversationView, Owner, TranscriptLine, TurnRecord
from app.recruiting.messages import SILENT, InboundMessage, Kind

Json = dict[str, Any]
TRANSCRIPT = 20  # lines that a turn opens with


class Answer(msgspec.Struct, kw_only=True):
    """What a turn said and kept: texts of the replies, values by field, what was noticed, and at what cost (USD)."""

    replies: list[str]
    facts: dict[str, Any]
    intents: list[str]
    language: str
    tier: str
    model: str | None
    prompt_version: str | None
    cost_usd: float


class ReplayedTurn(msgspec.Struct, kw_only=True):
    """`changed`: which of replies, facts, intents, language, tier and model differ. `recorded` None: never finished."""

    turn_no: int
    said: list[str]
    recorded: Answer | None
    replayed: Answer
    changed: list[str]


class Replay(msgspec.Struct, kw_only=True):
    """All turns in which the assistant thought, oldest first."""

    conversation_id: str
    turns: list[ReplayedTurn]

    @property
    def differing(self) -> int:
        """Turns in which anything differs."""
        return sum(bool(turn.changed) for turn in self.turns)


class _Memory:
    """What the record would know between the replayed turns."""

    def __init__(self, view: ConversationView) -> None:
        self._view = view
        self.facts: list[Json] = []
        self._consents: dict[str, Json] = {}
        self._intake: Json = {}
        self._language: str | None = None
        self._opted_out = False
        self.transcript: list[Json] = []

    def opened(self) -> ConversationState:
        return ConversationState(
            language=self._language,
            intake=self._intake,
            facts=list(self.facts),
            consents=list(self._consents.values()),
            owner=Owner.ASSISTANT.value,
            opted_out=self._opted_out,
            transcript=cast(Any, self.transcript[-TRANSCRIPT:]),
            window_expires_at=None,
            candidate_id=self._view.candidate_id,
        )

    def hear(self, lines: Sequence[TranscriptLine]) -> None:
        self.transcript += [msgspec.to_builtins(line) for line in lines]

    def take(self, proposal: Json, turn_id: str, now: float) -> None:
        gone = set(proposal["retract"])
        self.facts = [fact for fact in self.facts if fact["id"] not in gone] + proposal["facts"]
        self._consents |= {each["purpose"]: {**each, "at": now} for each in proposal["consents"]}
        self._intake, self._language = proposal["intake"], proposal["language"]
        if proposal["opted_out"] is not None:
            self._opted_out = proposal["opted_out"]
        for number, reply in enumerate(proposal["replies"]):
            line = {"message_id": f"replay:{turn_id}:{number}", "author": "assistant", "kind": "text", "choice_id": ""}
            self.transcript.append({**line, "text": reply["text"], "at": now})


async def replay(
    view: ConversationView, graph: Graph, context: AgentContext, *, unfinished: TurnInput | None = None
) -> Replay:
    """Think every turn again. `unfinished`: input of a turn that lies in a checkpoint and was never committed."""
    memory = _Memory(view)
    thought: list[tuple[TurnRecord, list[TranscriptLine], Json]] = []
    left = [line for line in view.transcript if line.author in {"candidate", "human"}]
    for turn in view.turns:
        before, said = _of_turn(turn, left)
        left = left[len(before) :]
        memory.hear([line for line in before if line.author == "human"])
        if turn.decision.get("tier") and any(line.kind not in SILENT for line in said):
            proposal = await _think(graph, context, _input(turn, said, memory.opened()))
            memory.hear(said)
            memory.take(proposal, turn.turn_id, turn.at.timestamp())
            thought.append((turn, said, proposal))
        else:
            memory.hear(said)
    turns = [_compared(view, turn, said, proposal, memory.facts) for turn, said, proposal in thought]
    if unfinished is not None and unfinished["turn_id"] not in {turn.turn_id for turn in view.turns}:
        proposal = await _think(graph, context, unfinished)
        words = [str(message.get("text", "")) for message in unfinished["inbound"]]
        answer = _replayed(proposal, _values(proposal["facts"]))
        number = view.turn_no + 1
        turns.append(ReplayedTurn(turn_no=number, said=words, recorded=None, replayed=answer, changed=["unfinished"]))
    return Replay(conversation_id=view.conversation_id, turns=turns)


def _of_turn(turn: TurnRecord, left: Sequence[TranscriptLine]) -> tuple[list[TranscriptLine], list[TranscriptLine]]:
    """The next lines up to the turn's last message, and of these the candidate's: a turn knows how many it answered."""
    wanted = int(turn.decision.get("coalesced", 0))
    taken: list[TranscriptLine] = []
    said: list[TranscriptLine] = []
    for line in left:
        if len(said) == wanted:
            break
        taken.append(line)
        if line.author == "candidate":
            said.append(line)
    return taken, said


def _input(turn: TurnRecord, said: Sequence[TranscriptLine], opened: ConversationState) -> TurnInput:
    inbound = [
        InboundMessage(
            message_id=line.message_id,
            sent_at=line.at.timestamp(),
            kind=Kind(line.kind),
            text=line.text,
            choice_id=line.choice_id,
        )
        for line in said
        if line.kind not in SILENT
    ]
    return TurnInput(
        turn_id=turn.turn_id,
        attempt=0,
        now=turn.at.timestamp(),
        conversation=opened,
        inbound=[msgspec.to_builtins(message) for message in inbound],
        notes=[],
    )


async def _think(graph: Graph, context: AgentContext, turn: TurnInput) -> Json:
    answer = await graph.ainvoke(turn, context=context)
    return dict(answer["proposal"])


def _compared(
    view: ConversationView, turn: TurnRecord, said: Sequence[TranscriptLine], proposal: Json, facts: Sequence[Json]
) -> ReplayedTurn:
    """Facts are compared as they stand at the end, by the turn whose messages they quote."""
    ids = {line.message_id for line in said}
    stood = [msgspec.to_builtins(fact) for fact in view.facts if fact.message_id in ids]
    recorded = _answer(turn.decision, _replies(view, turn), _values(stood))
    replayed = _replayed(proposal, _values([fact for fact in facts if fact["message_id"] in ids]))
    names = ("replies", "facts", "intents", "language", "tier", "model")
    changed = [name for name in names if getattr(recorded, name) != getattr(replayed, name)]
    words = [line.text for line in said]
    return ReplayedTurn(turn_no=turn.turn_no, said=words, recorded=recorded, replayed=replayed, changed=changed)


def _replies(view: ConversationView, turn: TurnRecord) -> list[str]:
    """What was said to the candidate in the turn: messages whose ids derive from it (app/engine/composing)."""
    ids = {str(uuid5(NAMESPACE_OID, f"{turn.turn_id}:{number}")) for number in range(len(view.outbox) + 1)}
    return [line.text for line in view.transcript if line.message_id in ids]


def _values(facts: Sequence[Json]) -> dict[str, Any]:
    return {str(fact["field"]): fact["value"] for fact in sorted(facts, key=lambda fact: str(fact["field"]))}


def _replayed(proposal: Json, facts: dict[str, Any]) -> Answer:
    return _answer(proposal["decision"], [reply["text"] for reply in proposal["replies"]], facts)


def _answer(decision: Json, replies: list[str], facts: dict[str, Any]) -> Answer:
    router = decision.get("router") or {}
    return Answer(
        replies=replies,
        facts=facts,
        intents=list(router.get("intents", [])),
        language=str(router.get("language", "")),
        tier=str(decision.get("tier") or ""),
        model=decision.get("model"),
        prompt_version=decision.get("prompt_version"),
        cost_usd=float(decision.get("cost_usd") or 0.0),
    )
