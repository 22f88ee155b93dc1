"""Delivery: outbox rows of one conversation and channel (a lane), in order, one vendor call and one receipt each."""

import random
import time
from typing import Protocol

from app.channels.errors import Ambiguous, Halted, Retry, SendError
from app.database.outbox import Channel, ClaimedRow, Outbox, Outcome, Settlement
from app.engine.wakeups import Wakeups
from app.mailbox.mailbox import Mailbox
from app.telemetry.logs import get_logger
from app.telemetry.metrics import DEAD_LETTERS_MADE, DELIVERIES

log = get_logger()
# Retries of one row: 1, 2, 4 … s, at most a minute apart; then a person has to look.
MAX_ATTEMPTS = 10
MAX_DELAY_SECONDS = 60.0
MAX_DESK_ATTEMPTS = 2000  # well over a day
HALTED_DELAY_SECONDS = 60.0
# A send without any receipt is made once more after its status did not come; then a person has to look.
MAX_SENDS = 2
# While reports lie unread, one of them may be about this very row.
STATUSES_SECONDS = 1.0


class Lane(Protocol):
    """How rows of one channel are sent. Implemented for WhatsApp and for Chatwoot."""

    # Record each receipt before the next send (the vendor cannot be asked later), or all of a claim at once.
    settles_each: bool

    async def send(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str:
        """One vendor call; returns the vendor's id. Raises SendError."""

    async def find(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str | None:
        """The vendor's id if it has this row from an earlier attempt; None if it has not or cannot be asked."""


class Delivery:
    """Sends what commits promised. `lease_seconds` and `reconcile_seconds` as in settings."""

    def __init__(
        self,
        outbox: Outbox,
        lanes: dict[Channel, Lane],
        mailbox: Mailbox,
        wakeups: Wakeups,
        *,
        worker: str,
        lease_seconds: float,
        reconcile_seconds: float,
    ) -> None:
        self._outbox = outbox
        self._lanes = lanes
        self._mailbox = mailbox
        self._wakeups = wakeups
        self._worker = worker
        self._lease_seconds = lease_seconds
        self._reconcile_seconds = reconcile_seconds

    async def send(self, conversation_id: str, address: str, channel: Channel, rows: list[ClaimedRow]) -> bool:
        """Send rows that were claimed for us with what wrote them; True when each has reached its end."""
        return await self._send_all(conversation_id, address, channel, rows)

    async def mirror_soon(self, conversation_id: str, address: str, turn_no: int) -> None:
        """Chatwoot's lane must not keep the candidate waiting: a task of its own works on it."""
        await self._wakeups.deliver(conversation_id, address, Channel.CHATWOOT, key=str(turn_no))

    async def run(self, conversation_id: str, address: str, channel: Channel, *, abandoned: bool = False) -> None:
        """Work on a lane until nothing in it is due. `abandoned`: whoever leased its rows is known to be dead."""
        while rows := await self._outbox.claim(
            conversation_id=conversation_id,
            channel=channel,
            worker=self._worker,
            lease_seconds=self._lease_seconds,
            abandoned=abandoned,
        ):
            if not await self._send_all(conversation_id, address, channel, rows):
                return

    async def resume(self, conversation_id: str, address: str) -> None:
        """Take over what a dead worker had claimed for the candidate."""
        await self.run(conversation_id, address, Channel.WHATSAPP, abandoned=True)

    async def _send_all(self, conversation_id: str, address: str, channel: Channel, rows: list[ClaimedRow]) -> bool:
        """True when every row reached its end; on the first that did not, the rest goes back in order."""
        lane = self._lanes[channel]
        settled: list[Settlement] = []
        complete = True
        for index, row in enumerate(rows):
            if settled and row.body.get("reply_to"):
                # What it quotes may be among them, and is found by its receipt.
                await self._settle(address, channel, settled)
                settled = []
            settlement = await self._send(lane, row, channel, conversation_id, address)
            settled.append(settlement)
            if settlement.status in (Outcome.RETRY, Outcome.UNCERTAIN):
                complete = False
                back = settlement.retry_at or settlement.reconcile_after
                settled += [Settlement(id=r.id, status=Outcome.RELEASED) for r in rows[index + 1 :]]
                await self._settle(address, channel, settled)
                key = f"{row.id}:{row.attempts}:{settlement.status}"
                delay = max(0.0, (back or 0.0) - time.time()) + 0.05
                await self._wakeups.deliver(conversation_id, address, channel, key=key, seconds=delay)
                return complete
            if lane.settles_each:
                await self._settle(address, channel, settled)
                settled = []
        if settled:
            await self._settle(address, channel, settled)
        return complete

    async def _settle(self, address: str, channel: Channel, settled: list[Settlement]) -> None:
        await self._outbox.settle(self._worker, settled)
        if channel is Channel.WHATSAPP:
            # An uncertain row keeps its mark: it has begun.
            ended = [each.id for each in settled if each.status is not Outcome.UNCERTAIN]
            if ended:
                await self._mailbox.end(address, ended)

    async def _send(
        self, lane: Lane, row: ClaimedRow, channel: Channel, conversation_id: str, address: str
    ) -> Settlement:
        if row.reconcile:
            try:
                known = await lane.find(row, conversation_id=conversation_id, address=address)
            except SendError as error:
                # Still not known: sending now could say it twice.
                return self._done(channel, self._refused(row, Ambiguous(error.title, code=error.code), channel))
            if known:
                return self._done(channel, Settlement(id=row.id, status=Outcome.SENT, vendor_id=known))
        try:
            if channel is Channel.WHATSAPP and (refused := await self._begin(row, address)):
                return self._done(channel, refused, "taken_over" if refused.status is Outcome.CANCELLED else "timeout")
            vendor_id = await lane.send(row, conversation_id=conversation_id, address=address)
        except SendError as error:
            settlement = self._refused(row, error, channel)
            return self._done(channel, settlement, error.kind)
        return self._done(channel, Settlement(id=row.id, status=Outcome.SENT, vendor_id=vendor_id))

    async def _begin(self, row: ClaimedRow, address: str) -> Settlement | None:
        """None = send now. WhatsApp cannot be asked what it has: a begun row waits for its status first."""
        begun = await self._mailbox.begin(address, row.id, assistant=row.author == "assistant")
        if begun.ok:
            return None
        if begun.held:
            return Settlement(id=row.id, status=Outcome.CANCELLED, error_code="taken_over")
        wait = self._reconcile_seconds - begun.waited_seconds
        if wait > 0 or begun.statuses_wait:
            after = time.time() + max(wait, STATUSES_SECONDS)
            return Settlement(id=row.id, status=Outcome.UNCERTAIN, reconcile_after=after)
        if begun.sends >= MAX_SENDS:
            return Settlement(id=row.id, status=Outcome.DEAD, error_code="ambiguous", error_title="no receipt, twice")
        # Its status would have come long ago: it was not accepted. Once more.
        again = await self._mailbox.begin(address, row.id, assistant=row.author == "assistant", again=True)
        return None if again.ok else Settlement(id=row.id, status=Outcome.CANCELLED, error_code="taken_over")

    def _refused(self, row: ClaimedRow, error: SendError, channel: Channel) -> Settlement:
        now = time.time()
        code, title = str(error.code or ""), error.title
        # A recruiter's screen that was away catches up, in order, however long that took.
        most = MAX_DESK_ATTEMPTS if channel is Channel.CHATWOOT else MAX_ATTEMPTS
        if isinstance(error, Ambiguous):
            if row.attempts >= MAX_DESK_ATTEMPTS:
                return Settlement(id=row.id, status=Outcome.DEAD, error_code=code, error_title=title)
            # Chatwoot can be asked at once; WhatsApp's status may still come.
            asked = min(2.0 ** min(row.attempts, 6), MAX_DELAY_SECONDS)
            after = now + (asked if channel is Channel.CHATWOOT else self._reconcile_seconds)
            return Settlement(
                id=row.id, status=Outcome.UNCERTAIN, error_code=code, error_title=title, reconcile_after=after
            )
        if isinstance(error, Halted):
            log.error("delivery.halted", error_code=error.code)
            at = now + HALTED_DELAY_SECONDS
            return Settlement(id=row.id, status=Outcome.RETRY, error_code=code, error_title=title, retry_at=at)
        if isinstance(error, Retry):
            if row.attempts >= most:
                return Settlement(id=row.id, status=Outcome.DEAD, error_code=code, error_title=title)
            delay = min(2.0 ** min(max(0, row.attempts - 1), 6), MAX_DELAY_SECONDS)
            delay = max(delay, error.retry_after) * random.uniform(1.0, 1.25)  # noqa: S311 jitter
            return Settlement(id=row.id, status=Outcome.RETRY, error_code=code, error_title=title, retry_at=now + delay)
        return Settlement(id=row.id, status=Outcome.FAILED, error_code=code, error_title=title)

    def _done(self, channel: Channel, settlement: Settlement, error_class: str = "none") -> Settlement:
        DELIVERIES(channel, settlement.status, error_class).inc()
        if settlement.status is Outcome.DEAD:
            DEAD_LETTERS_MADE("outbox").inc()
        if settlement.status is not Outcome.SENT:
            log.warning(
                "delivery.unsent", channel=channel, outcome=settlement.status, error_code=settlement.error_code or ""
            )
        return settlement
