"""A past conversation thought through again in memory, with other prompts or models; nothing is sent or written.

Each recorded turn's messages go through the graph once more. What the replayed assistant remembers from turn to turn
(intake, facts, consent) is its own, so that a change shows its consequences; what the candidate said, when, and which
turns a person led is as recorded. A shared pin is replayed by its words alone, a voice note by its transcript.

The record is what turns are rebuilt from: a conversation keeps one checkpoint, its last. Where that one still lies in
Redis, the last turn takes its clock and its messages from it, and a turn that was never committed all of its input.
"""

from collections.abc import Sequence
from typing import Any, cast
from uuid import NAMESPACE_OID, uuid5

import msgspec

from app.agents.graph import Graph
from app.agents.roles import AgentContext
from app.agents.state import ConversationState, TurnInput
from app.database.conversations import ConversationView, Owner, TranscriptLine, TurnRecord
from app.engine.thinking import remarks
from app.recruiting.interviews import PREFIX
from app.recruiting.languages import country_of
from app.recruiting.messages import InboundMessage, Kind
from app.recruiting.vacancy import Vacancy

Json = dict[str, Any]
TRANSCRIPT = 20  # lines that a turn opens with
_COMPARED = ("replies", "facts", "stage", "intents", "language", "tier", "model")


class Checkpoint(msgspec.Struct, kw_only=True):
    """What the conversation's last checkpoint holds: of a finished turn its clock and the messages it answered, of
    one that was never finished its whole input.
    """

    turn_id: str
    now: float
    answered: list[str] = []
    unfinished: TurnInput | None = None


class Answer(msgspec.Struct, kw_only=True):
    """What a turn said and kept: texts of the replies, values by field, what was noticed, and at what cost (USD).

    `stage` is empty where an older version did not log it; voice notes are not part of the cost.
    """

    replies: list[str]
    facts: dict[str, Any]
    stage: str
    intents: list[str]
    language: str
    tier: str
    model: str | None
    prompt_version: str | None
    cost_usd: float


class ReplayedTurn(msgspec.Struct, kw_only=True):
    """`changed`: which parts of the answer differ, cost aside. `recorded` None: the turn was never finished."""

    turn_no: int
    said: list[str]
    recorded: Answer | None
    replayed: Answer
    changed: list[str]


class Replay(msgspec.Struct, kw_only=True):
    """All turns in which the assistant thought, oldest first. `over_budget`: some had nothing left to spend."""

    conversation_id: str
    turns: list[ReplayedTurn]
    over_budget: bool = False

    @property
    def differing(self) -> int:
        """Turns in which anything differs."""
        return sum(bool(turn.changed) for turn in self.turns)


class _Memory:
    """What the record would know between the replayed turns."""

    def __init__(self, view: ConversationView, vacancy: Vacancy | None) -> None:
        self._view = view
        self._vacancy = vacancy
        self.facts: list[Json] = []
        self._consents: dict[str, Json] = {}
        self._intake: Json = {}
        self._language: str | None = None
        self._opted_out = False
        self.transcript: list[Json] = []

    def opened(self, owner: str) -> ConversationState:
        to, vacancy = self._view.recipient, self._vacancy
        state = ConversationState(
            language=self._language,
            intake=self._intake | ({"vacancy": vacancy.code} if vacancy else {}),
            facts=list(self.facts),
            consents=list(self._consents.values()),
            owner=owner,
            opted_out=self._opted_out,
            transcript=cast(Any, self.transcript[-TRANSCRIPT:]),
            window_expires_at=None,
            candidate_id=self._view.candidate_id,
            wa_id=to.wa_id,
            country=country_of(to.wa_id, to.bsuid),
        )
        if vacancy is not None:
            state["vacancy"] = msgspec.to_builtins(vacancy)
        return state

    def notes(self) -> list[str]:
        """What a recruiter said since the assistant last spoke."""
        return remarks((line["author"], line["text"]) for line in reversed(self.transcript[-TRANSCRIPT:]))

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
    view: ConversationView,
    graph: Graph,
    context: AgentContext,
    *,
    checkpoint: Checkpoint | None = None,
    vacancy: Vacancy | None = None,
) -> Replay:
    """Think every turn again. `vacancy`: what the conversation is about, told from its beginning as it reads today."""
    memory = _Memory(view, vacancy)
    targets = _targets(view)
    thought: list[tuple[TurnRecord, list[TranscriptLine], Json]] = []
    left = [line for line in view.transcript if line.author in {"candidate", "human"}]
    for turn in view.turns:
        before, said = _of_turn(turn, left)
        left = left[len(before) :]
        memory.hear([line for line in before if line.author == "human"])
        # Choices of interviews are answered by rules, whatever else was said in the turn.
        asked = [line for line in said if not line.choice_id.startswith(PREFIX)]
        if turn.decision.get("tier") and any(line.kind is not Kind.REACTION for line in asked):
            owner = str(turn.decision.get("owner") or Owner.ASSISTANT.value)
            given = _input(turn, asked, targets, memory.opened(owner), memory.notes())
            proposal = await _think(graph, context, _as_checkpointed(given, checkpoint))
            memory.hear(said)
            memory.take(proposal, turn.turn_id, turn.at.timestamp())
            thought.append((turn, asked, proposal))
        else:
            memory.hear(said)
    turns = [_compared(view, turn, said, proposal, memory.facts) for turn, said, proposal in thought]
    proposals = [proposal for _, _, proposal in thought]
    unfinished = checkpoint.unfinished if checkpoint else None
    if unfinished is not None and unfinished["turn_id"] not in {turn.turn_id for turn in view.turns}:
        proposals.append(await _think(graph, context, unfinished))
        turns.append(_never_finished(view.turn_no + 1, unfinished, proposals[-1]))
    return Replay(conversation_id=view.conversation_id, turns=turns, over_budget=any(map(_starved, proposals)))


def _never_finished(number: int, given: TurnInput, proposal: Json) -> ReplayedTurn:
    words = [str(message.get("text", "")) for message in given["inbound"]]
    answer = _replayed(proposal, _values(proposal["facts"]))
    return ReplayedTurn(turn_no=number, said=words, recorded=None, replayed=answer, changed=["unfinished"])


def _targets(view: ConversationView) -> dict[str, str]:
    """Which earlier message an edit or a deletion is about; the transcript does not say, what was mirrored does."""
    shown = [row.body for row in view.outbox if row.kind == "incoming"]
    return {str(body.get("message_id")): str(body.get("reply_to", "")) for body in shown}


def _as_checkpointed(given: TurnInput, checkpoint: Checkpoint | None) -> TurnInput:
    """The last turn as its checkpoint has it: the very clock, and the very messages that were answered."""
    if checkpoint is None or checkpoint.turn_id != given["turn_id"] or not checkpoint.answered:
        return given
    answered = set(checkpoint.answered)
    inbound = [message for message in given["inbound"] if message["message_id"] in answered]
    return TurnInput(**{**given, "now": checkpoint.now, "inbound": inbound})


def _starved(proposal: Json) -> bool:
    decision = proposal["decision"]
    agents = [decision.get("router") or {}, *decision.get("agents", {}).values()]
    return any(agent.get("fell_back") == "budget" for agent in agents)


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


def _input(
    turn: TurnRecord,
    said: Sequence[TranscriptLine],
    targets: dict[str, str],
    opened: ConversationState,
    notes: list[str],
) -> TurnInput:
    inbound = [
        InboundMessage(
            message_id=line.message_id,
            sent_at=line.at.timestamp(),
            kind=Kind(line.kind),
            text=line.text,
            choice_id=line.choice_id,
            target_id=targets.get(line.message_id, "") if line.kind in {Kind.EDIT, Kind.REVOKE} else "",
        )
        for line in said
        if line.kind is not Kind.REACTION
    ]
    return TurnInput(
        turn_id=turn.turn_id,
        attempt=0,
        now=turn.at.timestamp(),
        conversation=opened,
        inbound=[msgspec.to_builtins(message) for message in inbound],
        notes=notes,
    )


async def _think(graph: Graph, context: AgentContext, turn: TurnInput) -> Json:
    """The proposal, silent where a person led, as the engine makes it."""
    answer = await graph.ainvoke(turn, context=context)
    proposal = dict(answer["proposal"])
    return proposal if turn["conversation"]["owner"] == Owner.ASSISTANT else proposal | {"replies": [], "handoff": None}


def _compared(
    view: ConversationView, turn: TurnRecord, said: Sequence[TranscriptLine], proposal: Json, facts: Sequence[Json]
) -> ReplayedTurn:
    """Facts are compared as they stand at the end, by the turn whose messages they quote."""
    ids = {line.message_id for line in said}
    stood = [msgspec.to_builtins(fact) for fact in view.facts if fact.message_id in ids]
    recorded = _answer(turn.decision, _replies(view, turn), _values(stood))
    replayed = _replayed(proposal, _values([fact for fact in facts if fact["message_id"] in ids]))
    changed = [name for name in _COMPARED if getattr(recorded, name) != getattr(replayed, name)]
    if not recorded.stage and "stage" in changed:
        changed.remove("stage")
    words = [line.text for line in said]
    return ReplayedTurn(turn_no=turn.turn_no, said=words, recorded=recorded, replayed=replayed, changed=changed)


def _replies(view: ConversationView, turn: TurnRecord) -> list[str]:
    """What was said to the candidate in the turn: messages whose ids derive from it (app/engine/composer)."""
    ids = {str(uuid5(NAMESPACE_OID, f"{turn.turn_id}:{number}")) for number in range(len(view.outbox) + 1)}
    return [line.text for line in view.transcript if line.message_id in ids]


def _values(facts: Sequence[Json]) -> dict[str, Any]:
    return {str(fact["field"]): fact["value"] for fact in sorted(facts, key=lambda fact: str(fact["field"]))}


def _replayed(proposal: Json, facts: dict[str, Any]) -> Answer:
    return _answer(proposal["decision"], [reply["text"] for reply in proposal["replies"]], facts)


def _answer(decision: Json, replies: list[str], facts: dict[str, Any]) -> Answer:
    router = decision.get("router") or {}
    heard = decision.get("agents", {}).get("transcription", {}).get("cost_usd") or 0.0
    return Answer(
        replies=replies,
        facts=facts,
        stage=str(decision.get("stage") or ""),
        intents=list(router.get("intents", [])),
        language=str(router.get("language", "")),
        tier=str(decision.get("tier") or ""),
        model=decision.get("model"),
        prompt_version=decision.get("prompt_version"),
        cost_usd=max(0.0, round(float(decision.get("cost_usd") or 0.0) - heard, 9)),
    )
