"""The tasks that docket runs: wake-ups, deliveries, the sweep. Payloads are ids only."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from docket import Docket, Perpetual

from app.channels.errors import SendError
from app.channels.whatsapp import WhatsApp
from app.database.outbox import Channel, Outbox
from app.engine.apology import Apologies
from app.engine.arrivals import Arrivals
from app.engine.delivery import Delivery
from app.engine.desk_outcomes import DeskOutcomes
from app.engine.outages import is_outage
from app.engine.reconciliation import Reconciliation
from app.engine.reminders import Reminders
from app.engine.reports import Reports, is_report
from app.engine.settling import Pace, wait_seconds
from app.engine.turn import Turns
from app.engine.wakeups import Wakeups
from app.mailbox.dead_letters import DeadLetter
from app.mailbox.mailbox import Clock, Lease, LeaseLost, Mailbox
from app.recruiting.events import CandidateSaid
from app.telemetry.logs import get_logger, log_context
from app.telemetry.metrics import DEAD_LETTERS_MADE, MAILBOX_DUE, MAILBOX_OLDEST, TURN_SECONDS, TURNS_IN_FLIGHT
from app.telemetry.sentry import traced

log = get_logger()
# Longer than any turn may take: models have deadlines of their own.
TASK_SECONDS = 150
# A mailbox this old without a turn has lost its wake-up.
OVERDUE_SECONDS = 15.0
# Recruiters learn within 2 s that a message did not reach the candidate.
SHOW_SECONDS = 0.75
LOST_SECONDS = 0.5
MOST_SWEPT = 200
MOST_APOLOGIES = 20


class Engine:
    """What a worker process does. Built by the wiring; `register` hands the tasks to docket."""

    def __init__(
        self,
        mailbox: Mailbox,
        turns: Turns,
        arrivals: Arrivals,
        reports: Reports,
        apologies: Apologies,
        delivery: Delivery,
        outbox: Outbox,
        whatsapp: WhatsApp,
        wakeups: Wakeups,
        outcomes: DeskOutcomes,
        reconciliation: Reconciliation,
        reminders: Reminders,
        pace: Pace,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._mailbox = mailbox
        self._turns = turns
        self._arrivals = arrivals
        self._reports = reports
        self._apologies = apologies
        self._delivery = delivery
        self._outbox = outbox
        self._whatsapp = whatsapp
        self._wakeups = wakeups
        self._outcomes = outcomes
        self._reconciliation = reconciliation
        self._reminders = reminders
        self._pace = pace
        self._on_error = on_error

    def register(
        self, docket: Docket, *, sweep_seconds: float, reconcile_desk_seconds: float, remind_seconds: float
    ) -> None:
        """Give docket the tasks under the names that wake-ups use."""

        async def wake(address: str, epoch: int, step: int) -> None:
            async with asyncio.timeout(TASK_SECONDS):
                await self.wake(address, epoch, step)

        async def show(address: str) -> None:
            async with asyncio.timeout(TASK_SECONDS):
                await self.show(address)

        async def deliver(conversation_id: str, address: str, channel: str) -> None:
            async with asyncio.timeout(TASK_SECONDS):
                await self.deliver(conversation_id, address, channel)

        every = Perpetual(every=timedelta(seconds=sweep_seconds), automatic=True)

        async def sweep(perpetual: Perpetual = every) -> None:  # noqa: ARG001 docket reads the schedule from it
            await self.sweep()

        soon = Perpetual(every=timedelta(seconds=SHOW_SECONDS), automatic=True)

        async def show_outcomes(perpetual: Perpetual = soon) -> None:  # noqa: ARG001 docket reads the schedule from it
            await self.show_outcomes()

        seldom = Perpetual(every=timedelta(seconds=reconcile_desk_seconds), automatic=True)

        async def reconcile_desk(perpetual: Perpetual = seldom) -> None:  # noqa: ARG001 docket reads the schedule from it
            await self.reconcile_desk()

        in_time = Perpetual(every=timedelta(seconds=remind_seconds), automatic=True)

        async def remind(perpetual: Perpetual = in_time) -> None:  # noqa: ARG001 docket reads the schedule from it
            await self.remind()

        async def hand_back(address: str, reason: str, until: float) -> None:  # noqa: ARG001 the task's record says why
            await self._reconciliation.pause_over(address, until)

        for task in (wake, show, deliver, sweep, show_outcomes, reconcile_desk, remind, hand_back):
            docket.register(task)

    async def wake(self, address: str, epoch: int, step: int) -> None:
        """Look at a mailbox: wait for the burst to settle (without holding a worker slot) or handle it."""
        with log_context(conversation=address):
            clock = await self._mailbox.clock(address)
            if clock is None:
                return
            wait = wait_seconds(self._pace, clock)
            if wait > 0.01:
                name = f"{step + 1}:{clock.last:.3f}"
                await self._wakeups.wake(address, epoch, step=name, seconds=wait)
                if step == 0:
                    await self._show_typing(address, clock)
                return
            await self._handle(address, epoch)

    async def show(self, address: str) -> None:
        """Show recruiters what has arrived; what fails here is shown by the turn."""
        with log_context(conversation=address), self._survived("arrivals"):
            await self._arrivals.show(address)

    async def _show_typing(self, address: str, clock: Clock) -> None:
        if not isinstance(clock.newest, CandidateSaid) or await self._mailbox.is_held(address):
            return
        try:
            await self._whatsapp.show_typing(clock.newest.message.message_id)
        except SendError as error:
            # Only a courtesy: the answer comes all the same.
            log.info("typing.unsent", error_code=error.code)

    async def _handle(self, address: str, epoch: int) -> None:
        taken = await self._mailbox.take(address)
        if taken.parked:
            DEAD_LETTERS_MADE("turn").inc()
            log.error("mailbox.parked", count=taken.parked)
            with self._survived("apology"):
                await self._apologise(address)
        if taken.busy_seconds:
            # The holder wakes what is left; this one is for the case that it dies.
            step = f"busy:{int(time.time())}"
            await self._wakeups.wake(address, epoch, step=step, seconds=taken.busy_seconds + 0.2)
        if taken.lease is None:
            return
        began = time.monotonic()
        try:
            with TURNS_IN_FLIGHT.track_inprogress(), traced("turn.run", "queue.process"):
                async with self._mailbox.held(taken.lease) as lease:
                    next_epoch = await self._work(lease)
        except LeaseLost:
            log.warning("turn.lease_lost")
            TURN_SECONDS("lost", "none").observe(time.monotonic() - began)
            # Perhaps to nobody: a process that stood still could not renew it. The sweep would look after many seconds.
            await self._wakeups.wake(address, epoch, step=f"lost:{taken.lease.fence}", seconds=LOST_SECONDS)
        except Exception as error:  # the run loop: every failure is counted, retried, then parked
            away = is_outage(error)
            TURN_SECONDS("postponed" if away else "failed", "none").observe(time.monotonic() - began)
            if away:
                log.warning("turn.postponed", error_type=type(error).__name__)
            else:
                self._on_error(error)
                log.exception("turn.failed")
            await self._retry_later(taken.lease, counts=not away)
        else:
            if next_epoch:
                await self._wakeups.wake(address, next_epoch, step=f"next:{taken.lease.fence}")

    async def _apologise(self, address: str) -> None:
        """The sweep repeats what did not come through: the mailbox stays among the unanswered."""
        letter = await self._mailbox.letters.unanswered_of(address)
        if letter is None:
            return
        if is_report(address) or await self._apologies.give(letter, now=time.time()):
            await self._mailbox.letters.answered(address)

    @contextmanager
    def _survived(self, task: str) -> Iterator[None]:
        """What runs again by itself: an outage is one line, an error goes where errors go; neither ends a task."""
        try:
            yield
        except Exception as error:
            if is_outage(error) or isinstance(error, TimeoutError):
                log.warning("task.postponed", task=task, error_type=type(error).__name__)
            else:
                self._on_error(error)
                log.exception("task.failed", task=task)

    async def _work(self, lease: Lease) -> int:
        if is_report(lease.address):
            await self._reports.handle(lease)
            return await self._mailbox.trim(lease, held=False)
        return (await self._turns.handle(lease)).epoch

    async def _retry_later(self, lease: Lease, *, counts: bool) -> None:
        epoch, delay = await self._mailbox.release(lease, counts=counts)
        if epoch:
            await self._wakeups.wake(lease.address, epoch, step=f"retry:{lease.fence}", seconds=delay)

    async def deliver(self, conversation_id: str, address: str, channel: str) -> None:
        """Work on a lane; what fails here is found by the sweep."""
        with log_context(conversation=address), self._survived("delivery"):
            await self._delivery.run(conversation_id, address, Channel(channel))

    async def show_outcomes(self) -> None:
        """Show recruiters what became of messages; the next pass repeats what failed."""
        with self._survived("outcomes"):
            await self._outcomes.show()

    async def reconcile_desk(self) -> None:
        """Find what recruiters did and no webhook told; the next pass goes on where this one stopped."""
        with self._survived("reconciliation"):
            async with asyncio.timeout(TASK_SECONDS):
                await self._reconciliation.return_silent()
                await self._reconciliation.run()

    async def remind(self) -> None:
        """Remind candidates of their interviews; the next pass repeats what failed."""
        with self._survived("reminders"):
            async with asyncio.timeout(TASK_SECONDS):
                await self._reminders.run(time.time())

    async def sweep(self) -> None:
        """Wake mailboxes that lost their wake-up and lanes whose worker died; repeat apologies that did not get out."""
        with self._survived("sweep"):
            await self._sweep()
        await self._repeat_apologies()

    async def _repeat_apologies(self) -> None:
        letters: list[DeadLetter] = []
        with self._survived("apology"):
            letters = await self._mailbox.letters.unanswered(MOST_APOLOGIES)
        for letter in letters:
            with log_context(conversation=letter.address), self._survived("apology"):
                await self._apologise(letter.address)

    async def _sweep(self) -> None:
        for address, epoch in await self._mailbox.overdue(OVERDUE_SECONDS, MOST_SWEPT):
            await self._wakeups.wake(address, epoch, step=f"sweep:{int(time.time() / OVERDUE_SECONDS)}")
        count, oldest = await self._mailbox.backlog()
        MAILBOX_DUE.set(count)
        MAILBOX_OLDEST.set(oldest)
        await self._reconciliation.look_for_it()
        for lane in await self._outbox.due(limit=MOST_SWEPT):
            key = f"sweep:{int(time.time())}"
            await self._wakeups.deliver(lane.conversation_id, lane.address, lane.channel, key=key)
