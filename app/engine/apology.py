"""When messages failed every try, nobody is left in silence: a fixed sentence, and a person takes over."""

from collections.abc import Callable

from app.database.conversations import CommitStatus, Conversations, Owner, OwnerChange, TurnCommit
from app.engine.composing import Composer, Worker, turn_id_of
from app.engine.delivery import Delivery
from app.recruiting.messages import Reply


class Apologies:
    """`sentence(language)` is the fixed text in the candidate's language."""

    def __init__(
        self, conversations: Conversations, delivery: Delivery, worker: Worker, sentence: Callable[[str], str]
    ) -> None:
        self._conversations = conversations
        self._delivery = delivery
        self._worker = worker
        self._sentence = sentence

    async def give(self, address: str, parked: int, *, now: float) -> bool:
        """Tell candidate and recruiter; False when the record does not know the conversation. Raises RecordError."""
        opened = await self._conversations.find(address)
        if opened is None:
            return False
        composer = Composer(opened, turn_id_of(opened.conversation_id, opened.turn_no + 1))
        if opened.owner is Owner.ASSISTANT and not opened.opted_out:
            composer.reply(Reply(text=self._sentence(opened.language or "en")), author="system", now=now)
        composer.note(
            f"{parked} messages of the candidate could not be handled and are kept as a dead letter. "
            "Please answer; an operator can send them through once more."
        )
        composer.status(Owner.HUMAN)
        result = await self._conversations.commit_turn(
            TurnCommit(
                turn_id=turn_id_of(opened.conversation_id, opened.turn_no + 1),
                conversation_id=opened.conversation_id,
                turn_no=opened.turn_no,
                fence=opened.fence,
                worker=self._worker.name,
                lease_seconds=self._worker.lease_seconds,
                messages=composer.messages,
                outbox=composer.outbox,
                owner=OwnerChange(owner=Owner.HUMAN, reason="technical"),
                decision={"parked": parked},
            )
        )
        if result.status is not CommitStatus.COMMITTED:
            return False
        if result.claimed:
            await self._delivery.send_claimed(opened.conversation_id, opened.address, result.claimed)
        await self._delivery.mirror_soon(opened.conversation_id, opened.address, result.turn_no)
        return True
