"""The graph of a turn: router ∥ extraction → policy → conversation → crm. Nodes propose and write nothing."""

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import NodeTimeoutError
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy

from app.agents import matching, turn_view
from app.agents.models.receipts import SUMMED
from app.agents.roles import AgentContext
from app.agents.state import Extracted, GraphState, Json, Proposal, Routing, TurnInput
from app.recruiting import phrases, policy
from app.recruiting.answers.closed import asked_for
from app.recruiting.evidence_values import UNDECIDED, rejection
from app.recruiting.guard_inbound import intents_of
from app.recruiting.intake import Decision, Situation
from app.recruiting.interrupts import Noticed
from app.recruiting.languages import FALLBACK, build_detector
from app.recruiting.lexicon import LANGUAGES
from app.recruiting.profile import Fact, kind

Graph = CompiledStateGraph[GraphState, AgentContext, TurnInput, GraphState]
# Seconds a node may take, retries included in the model tier's own budget.
ROUTER_SECONDS, EXTRACTION_SECONDS, POLICY_SECONDS, CONVERSATION_SECONDS, CRM_SECONDS = 15.0, 25.0, 5.0, 30.0, 15.0
POLICY_VERSION = f"{policy.VERSION}+{phrases.version()}"


def _transient(error: Exception) -> bool:
    """Only what a second try may heal; a refused request or a bug fails the turn at once."""
    return isinstance(error, TimeoutError | ConnectionError | NodeTimeoutError)


_RETRY = RetryPolicy(max_attempts=2, initial_interval=0.2, jitter=False, retry_on=_transient)


def _turn(state: GraphState) -> TurnInput:
    conversation = state["conversation"]
    if conversation is None:
        raise ValueError("the turn's input was already answered; give the graph a new turn")
    return TurnInput(
        turn_id=state["turn_id"],
        attempt=state["attempt"],
        now=state["now"],
        conversation=conversation,
        inbound=state["inbound"],
        notes=state["notes"],
    )


async def _route(state: GraphState, runtime: Runtime[AgentContext]) -> dict[str, Routing]:
    return {"routing": await runtime.context.router.route(_turn(state))}


async def _extract(state: GraphState, runtime: Runtime[AgentContext]) -> dict[str, Extracted]:
    return {"extracted": await runtime.context.extraction.extract(_turn(state))}


class Proof(msgspec.Struct, frozen=True):
    """Facts that may be stored, how many fell for which reason, and fields whose value rules could not derive."""

    facts: list[Fact]
    rejected: dict[str, int]
    undecided: list[str]


def proven(turn: TurnInput, extracted: Extracted, zone: ZoneInfo) -> Proof:
    """Facts that stand on the candidate's words, whichever tier read them.

    The quote stands in the message it names, the value has its field's type and follows from the words, and the
    message neither insults nor instructs. What the extraction itself has let fall is counted here, too.
    """
    messages = {said.message_id: said for said in [*turn_view.said_before(turn), *turn_view.said_now(turn)]}
    language = turn_view.language(turn)
    language = language if language in LANGUAGES else FALLBACK
    detect = build_detector().guess
    region = turn["conversation"].get("country", "")
    edited = turn_view.rewritten(turn)  # new words answer what the old ones did
    asked, now = turn_view.asked(turn), {said.message_id for said in turn_view.said_now(turn)}
    kept: list[Fact] = []
    undecided: set[str] = set()
    rejected = Counter(extracted.get("rejected", {}))
    for fact in msgspec.convert(extracted["facts"], list[Fact]):
        said = messages.get(fact.message_id)
        again = asked_for(fact.field) if fact.field in edited.get(fact.message_id, ()) else ""
        open_ = again or (asked if fact.message_id in now else "")
        reason = rejection(fact, said, language, zone, region=region, asked=open_)
        if not reason and said is not None and intents_of(said.text, language, detect, said.kind):
            reason = "no_statement"
        if not reason:
            kept.append(fact)
            continue
        rejected[reason] += 1
        if reason == UNDECIDED:
            undecided.add(kind(fact.field))
    return Proof(kept, dict(rejected), sorted(undecided - {kind(fact.field) for fact in kept}))


async def _decide(state: GraphState, runtime: Runtime[AgentContext]) -> dict[str, Json]:
    turn, routing, extracted = _turn(state), state["routing"], state["extracted"]
    if routing is None or extracted is None:
        raise ValueError("policy ran before router and extraction")
    proof = proven(turn, extracted, runtime.context.zone)
    conversation = turn["conversation"]
    decision = policy.decide(
        Situation(
            turn_id=turn["turn_id"],
            now=turn["now"],
            language=routing["language"],
            intake=turn_view.intake(turn),
            facts=turn_view.facts(turn),
            consents=turn_view.standings(turn),
            owner=conversation["owner"],
            opted_out=conversation["opted_out"],
            said=turn_view.said_now(turn),
            unread=turn_view.unread_kinds(turn),
            revoked=turn_view.revoked(turn),
            deleted=turn_view.deleted(turn),
            edits=turn_view.edits(turn),
            kept_on=turn_view.kept_on(turn, runtime.context.zone),
            noticed=msgspec.convert(routing["noticed"], list[Noticed]),
            found=proof.facts,
            vague=sorted({*extracted["vague"], *proof.undecided}),
            vacancy=matching.vacancy_of(turn),
            pitch=matching.pitch_of(turn, routing["language"]),
            consent_text=runtime.context.phrasebook.consent_text(routing["language"]),
        )
    )
    decision.remarks += extracted.get("remarks", [])
    return {"decided": {"decision": msgspec.to_builtins(decision), "rejections": proof.rejected}}


def _decided(state: GraphState) -> tuple[str, Decision, dict[str, int]]:
    routing, decided = state["routing"], state["decided"]
    if routing is None or decided is None:
        raise ValueError("the policy has not decided yet")
    return routing["language"], msgspec.convert(decided["decision"], Decision), dict(decided.get("rejections", {}))


async def _phrase(state: GraphState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """The words of the step, and the guard's last look at them; it may take back what was decided."""
    language, decision, rejected = _decided(state)
    turn, context = _turn(state), runtime.context
    phrased = await context.conversation.phrase(turn, language, decision)
    settled, decision = context.outbound.settle(turn, language, decision, phrased)
    return {"phrased": settled, "decided": {"decision": msgspec.to_builtins(decision), "rejections": rejected}}


async def _report(state: GraphState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    """The last node: recruiters' part, then the proposal. The bulky input leaves the checkpoint with it."""
    language, decision, rejected = _decided(state)
    turn, phrased = _turn(state), state["phrased"]
    if phrased is None:
        raise ValueError("crm ran before conversation")
    crm = await runtime.context.crm.report(turn, language, decision)
    logs = (state["routing"], state["extracted"], phrased, crm)
    handoff = decision.handoff
    proposal = Proposal(
        replies=phrased["replies"],
        facts=[msgspec.to_builtins(fact) for fact in decision.facts],
        retract=decision.retract,
        consents=[msgspec.to_builtins(consent) for consent in decision.consents],
        intake=msgspec.to_builtins(decision.intake),
        language=language,
        opted_out=decision.opted_out,
        handoff={"reason": handoff.reason, "urgency": handoff.urgency, "text": handoff.text} if handoff else None,
        stage=decision.stage,
        crm={"note": crm["note"], "labels": crm["labels"], "attributes": crm["attributes"]},
        application=matching.application_of(turn, decision),
        rejected_facts=sum(rejected.values()),
        decision={"owner": turn["conversation"]["owner"], "stage": decision.stage, **_log(logs, rejected)},
    )
    return {
        "proposal": proposal,
        "answered": [str(message["message_id"]) for message in state["inbound"]],
        "conversation": None,
        "inbound": [],
        "notes": [],
        "routing": None,
        "extracted": None,
        "decided": None,
        "phrased": None,
    }


def _log(parts: tuple[Any, ...], rejected: dict[str, int]) -> Json:
    """The decision log's row: who thought, with which versions, at what cost. No text of the candidate."""
    routing, extracted, phrased, crm = parts
    near = routing["decision"].get("embedding", {})
    asked = [*(part["decision"] for part in parts), near]
    sums = {name: sum(each.get(name, 0) for each in asked) for name in SUMMED}
    waits = [each.get("latency_ms", 0) for each in asked]
    agents = {"extraction": extracted, "conversation": phrased, "crm": crm}
    return {
        "router": {
            "language": routing["language"],
            "intents": sorted({noticed["intent"] for noticed in routing["noticed"]}),
            **routing["decision"],
        },
        "agents": {name: part["decision"] for name, part in agents.items()},
        "tier": phrased["tier"],
        "tiers": {"router": routing["tier"], "extraction": extracted["tier"], "crm": crm["tier"]},
        "model": phrased["decision"].get("model"),
        "prompt_version": phrased["decision"].get("prompt_version"),
        "policy_version": POLICY_VERSION,
        "rejected_facts": sum(rejected.values()),
        "rejected_reasons": rejected,
        # Router and extraction run side by side.
        "latency_ms": max(waits[0] + waits[4], waits[1]) + waits[2] + waits[3],
        **sums,
    }


def build_graph(checkpointer: BaseCheckpointSaver[str] | None = None) -> Graph:
    """Compile the graph; without a checkpointer it thinks but cannot be resumed."""
    graph = StateGraph(GraphState, context_schema=AgentContext, input_schema=TurnInput)
    graph.add_node("router", _route, timeout=ROUTER_SECONDS, retry_policy=_RETRY)
    graph.add_node("extraction", _extract, timeout=EXTRACTION_SECONDS, retry_policy=_RETRY)
    graph.add_node("policy", _decide, timeout=POLICY_SECONDS)
    graph.add_node("conversation", _phrase, timeout=CONVERSATION_SECONDS, retry_policy=_RETRY)
    graph.add_node("crm", _report, timeout=CRM_SECONDS, retry_policy=_RETRY)
    graph.add_edge(START, "router")
    graph.add_edge(START, "extraction")
    # Both run in the first superstep, so policy follows once, after both. A joined edge would keep a set between
    # them, which is no JSON and so refused by the checkpointer.
    graph.add_edge("router", "policy")
    graph.add_edge("extraction", "policy")
    graph.add_edge("policy", "conversation")
    graph.add_edge("conversation", "crm")
    graph.add_edge("crm", END)
    return graph.compile(checkpointer=checkpointer)
