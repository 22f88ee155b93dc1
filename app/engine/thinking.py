"""The graph as the turn sees it: give it what the record knows, take a proposal, continue where a crash stopped it."""

from collections.abc import Iterable
from typing import Any

import msgspec
from langchain_core.runnables import RunnableConfig

from app.agents.checkpointer import HardenedRedisSaver, prune, round_trip
from app.agents.graph import Graph
from app.agents.roles import AgentContext
from app.agents.state import ConversationState, TurnInput
from app.database.conversations import OpenTurn, Owner
from app.engine.composing import turn_id_of
from app.engine.folding import Fold
from app.engine.vacancy_link import Linked, VacancyLinks
from app.recruiting.languages import country_of

# Of a recruiter's messages, repeated to the graph when they give a conversation back.
MOST_REMARKED = 5
REMARK_CHARACTERS = 300


class GraphThinker:
    """The conversation's id is the graph's thread; the record is the truth, a checkpoint only saves work."""

    def __init__(self, graph: Graph, saver: HardenedRedisSaver, context: AgentContext, vacancies: VacancyLinks) -> None:
        self._graph = graph
        self._saver = saver
        self._context = context
        self._vacancies = vacancies

    async def prepare(self) -> None:
        """Make the search indexes that checkpoints need; safe to repeat."""
        await self._saver.asetup()

    async def round_trip(self) -> None:
        """Write, read and delete a checkpoint of a probe thread. Raises when one of them fails."""
        await round_trip(self._saver)

    async def propose(
        self, opened: OpenTurn, fold: Fold, *, owner: Owner, turn_no: int, attempt: int, resumed: bool, now: float
    ) -> dict[str, Any]:
        """Think, or go on thinking: nodes that a crashed try of the same turn finished do not run again."""
        linked = await self._vacancies.look(opened, fold.inbound)
        turn = _input(opened, fold, linked, owner=owner, turn_no=turn_no, attempt=attempt, now=now)
        config: RunnableConfig = {"configurable": {"thread_id": opened.conversation_id}}
        given: TurnInput | None = turn
        if resumed:
            state = await self._graph.aget_state(config)
            asked = [message["message_id"] for message in turn["inbound"]]
            values = state.values or {}
            if values.get("turn_id") == turn["turn_id"]:
                if state.next and not state.interrupts and _ids(values.get("inbound", [])) == asked:
                    given = None
                elif not state.next and values.get("answered") == asked and values.get("proposal"):
                    return dict(values["proposal"])
        answer = await self._graph.ainvoke(given, config, context=self._context, durability="sync")
        return dict(answer["proposal"])

    async def erase(self, conversation_id: str) -> None:
        """Delete every checkpoint of a conversation."""
        await self._saver.adelete_thread(conversation_id)

    async def forget(self, conversation_id: str) -> None:
        """Keep the last checkpoint only: it is the one that replay starts from."""
        await prune(self._saver, conversation_id)


def _ids(inbound: list[dict[str, Any]]) -> list[str]:
    return [str(message["message_id"]) for message in inbound]


def remarks(transcript: Iterable[tuple[str, str]]) -> list[str]:
    """After a stretch in which a person spoke: what they said. Without it a model goes on as before.

    `transcript` are authors and texts, the newest first.
    """
    spoken: list[str] = []
    for author, text in transcript:
        if author == "assistant":
            break
        if author == "human":
            spoken.append(" ".join(text.split())[:REMARK_CHARACTERS])
    if not spoken:
        return []
    said = " / ".join(f"“{text}”" for text in reversed(spoken[:MOST_REMARKED]))
    return [f"A recruiter spoke with the candidate since your last message and has given the conversation back: {said}"]


def _input(
    opened: OpenTurn, fold: Fold, linked: Linked, *, owner: Owner, turn_no: int, attempt: int, now: float
) -> TurnInput:
    known = msgspec.to_builtins(opened)
    vacancy = linked.vacancy
    return TurnInput(
        turn_id=turn_id_of(opened.conversation_id, turn_no),
        attempt=attempt,
        now=now,
        conversation=ConversationState(
            language=opened.language,
            # From here on the intake remembers it: the policy carries it along, and the commit stores it.
            intake=opened.intake | ({"vacancy": vacancy.code} if vacancy else {}),
            facts=known["facts"],
            consents=known["consents"],
            owner=owner,
            opted_out=opened.opted_out,
            transcript=known["transcript"],
            window_expires_at=known["window_expires_at"],
            candidate_id=opened.candidate_id,
            country=country_of(opened.recipient.wa_id, opened.recipient.bsuid),
            wa_id=opened.recipient.wa_id,
            **linked.builtins(),
        ),
        inbound=[msgspec.to_builtins(message) for message in fold.inbound],
        notes=remarks((line.author, line.text) for line in reversed(opened.transcript)),
    )
