"""One turn: what lies in a mailbox becomes one commit and what follows from it.

At most one worker at a time holds a conversation (the mailbox's lease); a stale one is refused by the commit.
"""

import time
from dataclasses import dataclass, replace
from typing import Any, Protocol

from app.database.conversations import CommitResult, CommitStatus, Conversations, OpenTurn, Owner, TurnCommit
from app.database.errors import RecordUnavailable
from app.database.outbox import Channel
from app.engine.composing import Worker, compose
from app.engine.counting import count_committed
from app.engine.delivery import Delivery
from app.engine.desk_acts import Acts
from app.engine.desk_work import DeskWork
from app.engine.folding import Fold, fold
from app.engine.interview_acts import NO_INTERVIEWS, joined
from app.engine.interviews import InterviewChoices
from app.engine.ownership import Ownership, decide
from app.engine.understanding import Understanding, Understood
from app.mailbox.mailbox import Lease, Mailbox
from app.recruiting.events import CandidateSaid
from app.telemetry.logs import get_logger, log_context
from app.telemetry.metrics import REPLY_SECONDS, TURN_MESSAGES, TURN_RESTARTS, TURN_SECONDS

log = get_logger()
# A candidate who keeps writing restarts the turn; after this many times they get an answer to what is there.
MAX_RESTARTS = 3
# Other turns or owner changes may have been committed between open and commit; then the turn opens again.
MAX_REOPENS = 3


class Thinker(Protocol):
    """The graph of agents: proposes, writes nothing. Implemented by the service and by tests' scripted graphs."""

    async def propose(
        self, opened: OpenTurn, fold: Fold, *, owner: Owner, turn_no: int, attempt: int, resumed: bool, now: float
    ) -> dict[str, Any]:
        """The graph's proposal; `owner` has the word now, `resumed` = an earlier try may lie unfinished."""

    async def forget(self, conversation_id: str) -> None:
        """The turn is committed: only its last checkpoint is kept."""


@dataclass(frozen=True)
class Turned:
    """What became of a turn: `outcome` and `tier` (who thought) are metric labels; `epoch` must be woken when not 0."""

    outcome: str
    epoch: int = 0
    tier: str = "none"
    reopen: bool = False  # nothing was written; the conversation changed meanwhile


class Turns:
    """Handles mailboxes of conversations."""

    def __init__(
        self,
        mailbox: Mailbox,
        conversations: Conversations,
        understanding: Understanding,
        thinker: Thinker,
        delivery: Delivery,
        worker: Worker,
        desk: DeskWork,
        interviews: InterviewChoices,
    ) -> None:
        self._mailbox = mailbox
        self._conversations = conversations
        self._understanding = understanding
        self._thinker = thinker
        self._delivery = delivery
        self._worker = worker
        self._desk = desk
        self._interviews = interviews

    async def handle(self, lease: Lease) -> Turned:
        """Handle the lease's events. Raises LeaseLost, RecordError, RedisError; nothing is half-done then."""
        started = time.monotonic()
        done: dict[str, str] = {}
        for _ in range(MAX_REOPENS):
            opened = await self._open(lease)
            turned = await self._turn(lease, opened, done) if opened else await self._nothing(lease, None)
            TURN_SECONDS(turned.outcome, turned.tier).observe(time.monotonic() - started)
            if not turned.reopen:
                return turned
        raise RecordUnavailable("the conversation changes faster than it can be handled", operation="commit_turn")

    async def _open(self, lease: Lease) -> OpenTurn | None:
        events = fold(lease.events)
        if not events.said and not events.identities:
            return await self._find(lease, events)
        change = events.identities[-1] if events.identities else None
        opened = await self._conversations.open_turn(
            address=lease.address,
            number_id=events.number_id or (change.number_id if change else ""),
            sender=events.sender if events.said or change is None else change.current,
            message_ids=events.message_ids,
            previous=change.previous if change else None,
        )
        if opened.address != lease.address:
            await self._mailbox.link(lease.address, opened.address)
        return opened

    async def _find(self, lease: Lease, events: Fold) -> OpenTurn | None:
        """What somebody writes on our own phone names the candidate by one id, perhaps not the one of the address. It
        opens no conversation: who never wrote to us is none of our business."""
        opened = await self._conversations.find(lease.address, events.message_ids)
        if opened is not None or not events.app:
            return opened
        address = await self._conversations.locate(events.app[-1].number_id, events.app[-1].recipient)
        if address:
            await self._mailbox.link(lease.address, address)
            opened = await self._conversations.find(address, events.message_ids)
        return opened

    async def _nothing(self, lease: Lease, opened: OpenTurn | None) -> Turned:
        if opened is not None and lease.tries > 1:
            # An earlier try committed and died: its rows may still lie under a dead worker's lease.
            await self._delivery.resume(opened.conversation_id, opened.address)
        held = opened is not None and opened.owner is not Owner.ASSISTANT
        return Turned("folded", await self._mailbox.trim(lease, held=held))

    async def _turn(self, lease: Lease, opened: OpenTurn, done: dict[str, str]) -> Turned:
        """`reopen`: the conversation changed meanwhile, open it again."""
        restarts = 0
        known: dict[str, Understood] = {}
        looked: set[int] = set()
        while True:
            events = fold(lease.events).without(opened.seen)
            if not events:
                return await self._nothing(lease, opened)
            if await self._desk.overtaken(lease.address, events.recruiter, looked):
                lease.events.extend(await self._mailbox.newer(lease))
                continue
            acts = await self._desk.acts(opened, events, done)
            if acts.erase:
                return await self._erase(lease, opened)
            understood = await self._understanding.read(
                events.said, opened.language, known, candidate_id=opened.candidate_id
            )
            events = replace(
                events,
                said=understood.said,
                plain=events.said,
                remarks=understood.remarks,
                heard=understood.log,
            )
            with log_context(turn=f"{opened.conversation_id}:{opened.turn_no + 1}"):
                commit = await self._prepare(lease, opened, events, restarts, acts)
            newer = await self._mailbox.newer(lease)
            if not newer or restarts == MAX_RESTARTS:
                break
            # A stale answer is worse than a late one: begin again with what has arrived meanwhile.
            lease.events.extend(newer)
            if any(isinstance(event, CandidateSaid) for event in newer):
                opened = await self._reopen(lease, opened)
            restarts += 1
            TURN_RESTARTS.inc()
        result = await self._commit(commit)
        if result.status in (CommitStatus.STALE, CommitStatus.TAKEN_OVER, CommitStatus.INTERVIEW_CHANGED):
            log.info("turn.reopened", outcome=result.status)
            return Turned(str(result.status), 0, reopen=True)
        if commit.owner is not None or events.by_desk:
            # Also where the owner stays: the door held for what turned out to take nothing, a message taken back.
            await self._mailbox.set_hold(lease, held=result.owner is not Owner.ASSISTANT)
        if commit.owner is not None and result.owner is Owner.ASSISTANT and (acted := events.acted_at):
            await self._mailbox.note_written(opened.address, "returned", f"{acted:.6f}")
        talks = max(events.people_spoke_at, default=0.0) > acts.paused_at
        if talks or (commit.owner is not None and result.owner is Owner.ASSISTANT):
            # A pause ends a silence; whoever speaks during it has taken the conversation without an end.
            await self._mailbox.note_written(opened.address, "pause", "")
        if result.status is CommitStatus.COMMITTED:
            count_committed(commit)
        return await self._finish(lease, opened, events, result, tier=str(commit.decision.get("tier") or "none"))

    async def _reopen(self, lease: Lease, opened: OpenTurn) -> OpenTurn:
        """New messages may show new ids of the candidate."""
        fresh = await self._open(lease)
        return fresh or opened

    async def _erase(self, lease: Lease, opened: OpenTurn) -> Turned:
        addresses = {lease.address, opened.address}
        for address in addresses:
            await self._mailbox.begin_erasing(address)
        await self._desk.erase(opened)
        epoch = await self._mailbox.trim(lease, held=False)
        for address in addresses:
            if not epoch:  # else somebody has just written, and begins anew
                await self._mailbox.erase(address)
            await self._mailbox.end_erasing(address)
        return Turned("erased", epoch)

    async def _prepare(self, lease: Lease, opened: OpenTurn, events: Fold, restarts: int, acts: Acts) -> TurnCommit:
        returned_at = 0.0
        if (events.humans or events.in_app) and opened.owner is Owner.ASSISTANT:
            returned_at = float(await self._mailbox.written(opened.address, "returned") or 0)
        ownership = decide(opened.owner, opened.owner_since.timestamp(), events, returned_at=returned_at)
        if acts.owner is not None:
            ownership = Ownership(acts.owner.owner, acts.owner if acts.owner.owner is not opened.owner else None)
        now = time.time()
        proposal = None
        choices = await self._interviews.answer(opened, events, owner=ownership.owner, now=now)
        left = events.without(list(choices.answered)) if choices.answered else events
        if left.inbound:
            # Beside a person and when all is closed the graph is silent, but STOP counts, and facts come and go.
            proposal = await self._thinker.propose(
                opened,
                left,
                owner=ownership.owner,
                turn_no=opened.turn_no + 1,
                attempt=restarts,
                resumed=lease.tries > 1,
                now=now,
            )
            if ownership.owner is not Owner.ASSISTANT:
                proposal |= {"replies": [], "handoff": None}
            if proposal.get("opted_out"):
                choices, acts = await self._interviews.end(opened, now), replace(acts, interviews=NO_INTERVIEWS)
        acts = replace(acts, interviews=joined(acts.interviews, choices))
        decision = {"coalesced": len(events.said), "restarts": restarts, "fence": lease.fence}
        return compose(opened, events, ownership, proposal, worker=self._worker, now=now, decision=decision, acts=acts)

    async def _commit(self, commit: TurnCommit) -> CommitResult:
        try:
            return await self._conversations.commit_turn(commit)
        except RecordUnavailable:
            # The answer may have been lost after the commit: the same turn id tells, once.
            return await self._conversations.commit_turn(commit)

    async def _finish(self, lease: Lease, opened: OpenTurn, events: Fold, result: CommitResult, *, tier: str) -> Turned:
        if result.claimed:
            await self._delivery.send(opened.conversation_id, opened.address, Channel.WHATSAPP, result.claimed)
            if events.said:
                REPLY_SECONDS.observe(max(0.0, time.time() - events.said[-1].message.sent_at))
        await self._delivery.mirror_soon(opened.conversation_id, opened.address, result.turn_no)
        await self._thinker.forget(opened.conversation_id)
        # Only now: until here a crash makes the next worker look after this turn's rows.
        epoch = await self._mailbox.trim(lease, held=result.owner is not Owner.ASSISTANT)
        TURN_MESSAGES.observe(len(events.said))
        log.info(
            "turn.completed",
            outcome=result.status,
            coalesced=len(events.said),
            recruiter_messages=len(events.recruiter),
            rows=len(result.claimed),
        )
        if result.status is not CommitStatus.COMMITTED:
            return Turned("repeated", epoch, tier)
        return Turned("committed" if result.claimed else "silent", epoch, tier)
