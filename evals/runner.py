"""One dialogue through the compiled graph, as the engine drives it, with the record in memory."""

import time
from typing import Any

import msgspec

from app.agents.graph import Graph
from app.agents.roles import AgentContext
from app.agents.state import Json
from app.recruiting.messages import InboundMessage, Reply
from app.recruiting.phrases import phrases
from app.recruiting.profile import Fact, shown_fields
from app.recruiting.readback import items
from evals.candidate import Candidate, fields_answered
from evals.dialogues import MONDAY, Dialogue, DialogueError, vacancy_of
from evals.record import Record

MOST_TURNS = 40  # an assistant that asks in circles is stopped here
THINKING = 1.5  # seconds of dialogue time between the candidate's words and ours


class Turn(msgspec.Struct, kw_only=True):
    """What was said, in a form that a report can show. `own` are our lines that hold the candidate's own words."""

    candidate: list[str]
    replies: list[Reply]
    asked: str
    stage: str
    language: str = ""
    seconds: float = 0.0
    decision: Json = {}
    rejected: int = 0
    own: list[str] = []


class Run(msgspec.Struct, kw_only=True):
    """A played dialogue."""

    dialogue: Dialogue
    turns: list[Turn]
    facts: list[Fact]
    ever: list[Fact]
    said: dict[str, Any]  # the candidate's messages by id
    answered: set[str]  # kinds of field that were asked and answered
    owner: str
    stage: str
    opted_out: bool
    language: str
    qualified_after: int = 0  # messages of ours until the profile was confirmed, 0 = never
    broken: str = ""  # why the dialogue could not be played to its end

    @property
    def messages(self) -> int:
        """Messages of ours."""
        return sum(len(turn.replies) for turn in self.turns)


async def play(graph: Graph, context: AgentContext, dialogue: Dialogue) -> Run:
    """Play until the candidate has nothing more to say. A person who leads is not talked over: no turn is thought."""
    candidate, record = Candidate(dialogue, MONDAY), Record(dialogue.country, MONDAY, vacancy_of(dialogue))
    turns: list[Turn] = []
    qualified, broken = 0, ""
    while len(turns) < MOST_TURNS:
        try:
            inbound = candidate.next_turn(record.asked)
        except DialogueError as error:
            broken = str(error)
            break
        if not inbound:
            break
        asked = record.asked
        turns.append(await _turn(graph, context, record, inbound, asked))
        candidate.read(turns[-1].replies)
        candidate.now = record.now = record.now + THINKING
        if not qualified and record.stage == "done":
            qualified = sum(len(turn.replies) for turn in turns)
        if record.opted_out or record.owner != "assistant":
            break
    return Run(
        dialogue=dialogue,
        turns=turns,
        facts=record.profile,
        ever=record.ever,
        said=record.said,
        answered=fields_answered(candidate.answered),
        owner=record.owner,
        stage=record.stage,
        opted_out=record.opted_out,
        language=record.language or "",
        qualified_after=qualified,
        broken=broken or ("the dialogue did not end" if len(turns) == MOST_TURNS else ""),
    )


async def _turn(graph: Graph, context: AgentContext, record: Record, inbound: list[InboundMessage], asked: str) -> Turn:
    record.now = inbound[-1].sent_at
    began = time.perf_counter()
    state = await graph.ainvoke(record.open_turn(inbound), context=context)
    seconds = time.perf_counter() - began
    proposal = state["proposal"]
    replies = record.commit_turn(inbound, proposal)
    return Turn(
        candidate=[f"[{message.kind.value}] {message.text}" for message in inbound],
        replies=replies,
        asked=asked,
        stage=record.stage,
        language=record.language or "",
        seconds=seconds,
        decision=proposal["decision"],
        rejected=proposal["rejected_facts"],
        own=_own_lines(record),
    )


def _own_lines(record: Record) -> list[str]:
    """Read-back lines of the profile and the bare name: the candidate's words, which the guard does not judge."""
    language = record.language or "en"
    labels = phrases(language).labels
    fields = shown_fields(record.profile)
    shown = [
        line for marked in (False, True) for line in items(record.profile, fields, language, labels, marked=marked)
    ]
    return [f"{label}: {value}" for label, value in shown] + [value for _, value in shown[:1]]
