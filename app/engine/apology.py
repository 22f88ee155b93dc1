"""When messages failed every try, nobody is left in silence: a fixed sentence, and a person takes over."""

from collections.abc import Callable
from uuid import NAMESPACE_OID, uuid5

from app.database.conversations import CommitStatus, Conversations, OpenTurn, Owner, OwnerChange, TurnCommit
from app.database.outbox import Channel
from app.engine.composer import Composer
from app.engine.composing import Worker
from app.engine.delivery import Delivery
from app.mailbox.dead_letters import DeadLetter
from app.recruiting.messages import Reply

REASON = "technical"


class Apologies:
    """`sentence` is the fixed text by language and moment; `team_id` 0 = none; `label`: of handoffs."""

    def __init__(
        self,
        conversations: Conversations,
        delivery: Delivery,
        worker: Worker,
        sentence: Callable[[str, float], str],
        *,
        team_id: int,
        label: str,
    ) -> None:
        self._conversations = conversations
        self._delivery = delivery
        self._worker = worker
        self._sentence = sentence
        self._team_id = team_id
        self._label = label

    async def give(self, letter: DeadLetter, *, now: float) -> bool:
        """Tell candidate and recruiter; once, however often it is called. False: try again. Raises RecordError."""
        opened = await self._conversations.find(letter.address)
        if opened is None:
            # The record could not even open the conversation: there is nobody to write to. Counted and alarmed.
            return True
        turn_id = str(uuid5(NAMESPACE_OID, f"apology:{opened.conversation_id}:{letter.at}"))
        composer = Composer(opened, turn_id)
        if opened.owner is Owner.ASSISTANT and not opened.opted_out:
            composer.reply(Reply(text=self._sentence(opened.language or "en", now)), author="system", now=now)
        composer.note(
            f"{letter.count} messages of the candidate could not be handled and are kept as a dead letter. "
            "Please answer; an operator can send them through once more."
        )
        if opened.owner is Owner.ASSISTANT:
            self._hand_over(composer, opened)
        composer.status(Owner.HUMAN)
        result = await self._conversations.commit_turn(
            TurnCommit(
                turn_id=turn_id,
                conversation_id=opened.conversation_id,
                turn_no=opened.turn_no,
                fence=opened.fence,
                worker=self._worker.name,
                lease_seconds=self._worker.lease_seconds,
                messages=composer.messages,
                outbox=composer.outbox,
                stage="handoff" if opened.owner is Owner.ASSISTANT else None,
                owner=OwnerChange(owner=Owner.HUMAN, reason=REASON),
                decision={"parked": letter.count},
            )
        )
        if result.status in (CommitStatus.STALE, CommitStatus.TAKEN_OVER):
            return False
        if result.claimed:
            await self._delivery.send(opened.conversation_id, opened.address, Channel.WHATSAPP, result.claimed)
        await self._delivery.mirror_soon(opened.conversation_id, opened.address, result.turn_no)
        return True

    def _hand_over(self, composer: Composer, opened: OpenTurn) -> None:
        """Recruiters find it where they find all handoffs."""
        if self._team_id:
            composer.team(self._team_id)
        vacancy = str(opened.intake.get("vacancy") or "").lower()
        known = [f"lang-{opened.language}"] if opened.language else []
        known += [f"vacancy-{vacancy}"] if vacancy else []
        composer.profile({}, ["stage-handoff", f"handoff-{REASON}", self._label, *known])
