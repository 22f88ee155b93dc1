"""What goes into a turn's graph, what lies between its nodes, and what comes out. JSON values only.

Checkpoints revive no classes: structs of `app.recruiting` travel as `msgspec.to_builtins` and are read again by the
node that needs them.
"""

from typing import Any, NotRequired, TypedDict

Json = dict[str, Any]


class TranscriptLine(TypedDict):
    """A stored message. `at` is ISO 8601 or Unix seconds; author: candidate, assistant, human or system."""

    message_id: str
    author: str
    kind: str
    text: str
    choice_id: str
    at: str | float


class ConversationState(TypedDict):
    """What the record knows when the turn opens (`open_turn`).

    `country` (ISO 3166) helps the first greeting and completes national phone numbers; `candidate_id` is whose daily
    budget the models spend; `wa_id` (digits) is the candidate's own number: it tells their contact card from those of
    others, and may be named to them. `vacancy` and `others` are `Vacancy` builtins.
    """

    language: str | None
    intake: Json
    facts: list[Json]
    consents: list[Json]
    owner: str
    opted_out: bool
    transcript: list[TranscriptLine]
    window_expires_at: str | float | None
    country: NotRequired[str]
    candidate_id: NotRequired[str]
    wa_id: NotRequired[str]
    vacancy: NotRequired[Json]  # the one the candidate comes for
    others: NotRequired[list[Json]]  # open ones, where the turn may end the intake


class TurnInput(TypedDict):
    """One turn: `inbound` are `InboundMessage` builtins in order; `now` is the only clock the graph knows."""

    turn_id: str
    attempt: int
    now: float
    conversation: ConversationState
    inbound: list[Json]
    notes: list[str]


class Routing(TypedDict):
    """The router's word: language to answer in and what was noticed (`Noticed` builtins)."""

    language: str
    noticed: list[Json]
    tier: str
    decision: Json  # goes to the decision log: model, tokens, scores


class Extracted(TypedDict):
    """Proposed facts (`Fact` builtins, not yet checked) and fields answered too vaguely.

    `rejected`: facts that the extraction let fall by itself, by reason. `remarks` are for recruiters, in English.
    """

    facts: list[Json]
    vague: list[str]
    rejected: NotRequired[dict[str, int]]
    remarks: NotRequired[list[str]]
    tier: str
    decision: Json


class Phrased(TypedDict):
    """Messages to the candidate (`Reply` builtins)."""

    replies: list[Json]
    tier: str
    decision: Json


class CrmUpdate(TypedDict):
    """For recruiters: a private note (markdown), labels, and attributes of the contact."""

    note: str | None
    labels: list[str]
    attributes: Json
    tier: str
    decision: Json


class HandoffProposal(TypedDict):
    """A person takes over. What the candidate hears is in `replies`; `text` tells the recruiter why."""

    reason: str
    urgency: str  # now | same_day | queue | review
    text: str


class Proposal(TypedDict):
    """What the turn wants committed. Shapes are those of `commit_turn`."""

    replies: list[Json]
    facts: list[Json]
    retract: list[str]
    consents: list[Json]
    intake: Json
    language: str
    opted_out: bool | None
    handoff: HandoffProposal | None
    stage: str
    crm: Json
    application: Json | None
    rejected_facts: int
    decision: Json


class GraphState(TypedDict):
    """Channels of the graph: the input, one channel per agent, and the proposal."""

    turn_id: str
    attempt: int
    now: float
    conversation: ConversationState | None
    inbound: list[Json]
    notes: list[str]
    routing: Routing | None
    extracted: Extracted | None
    decided: Json | None
    phrased: Phrased | None
    proposal: Proposal | None
    answered: list[str]  # message ids the proposal is about
