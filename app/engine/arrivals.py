"""What candidates say is in Chatwoot at once: before the burst has settled, and before anybody has thought about it."""

from app.database.conversations import Conversations, Owner
from app.database.outbox import Channel
from app.engine.composer import arrival
from app.engine.composing import Worker
from app.engine.delivery import Delivery
from app.engine.folding import fold
from app.mailbox.mailbox import Mailbox


class Arrivals:
    """Shows what lies in a mailbox, beside whoever handles it.

    The turn writes the same messages and rows under the same ids, so that nothing is lost if this fails and nothing is
    shown twice if it comes late.
    """

    def __init__(self, mailbox: Mailbox, conversations: Conversations, delivery: Delivery, worker: Worker) -> None:
        self._mailbox = mailbox
        self._conversations = conversations
        self._delivery = delivery
        self._worker = worker

    async def show(self, address: str) -> None:
        """Raises RecordError, RedisError; whatever failed is done by the turn."""
        events = fold(await self._mailbox.waiting(address))
        if not events.said:
            return
        pairs = [arrival(event.message, event.sender.wa_id) for event in events.said]
        shown = await self._conversations.show_arrivals(
            address=address,
            number_id=events.number_id,
            sender=events.sender,
            previous=events.identities[-1].previous if events.identities else None,
            messages=[stored for stored, _ in pairs],
            outbox=[row for _, row in pairs],
            worker=self._worker.name,
            lease_seconds=self._worker.lease_seconds,
        )
        if shown is None or not shown.claimed:
            return
        if shown.owner is Owner.NOBODY:
            # Chatwoot reopens what was closed when the candidate writes: that echo is no act of a recruiter.
            await self._mailbox.note_status(shown.address, "pending")
        if await self._delivery.send(shown.conversation_id, shown.address, Channel.CHATWOOT, shown.claimed):
            await self._delivery.run(shown.conversation_id, shown.address, Channel.CHATWOOT)
