"""Finds what Chatwoot's webhooks lost: they come at most once, and everything a recruiter does must take effect.

What it finds goes into the same mailboxes under the same ids, so that it may run beside the webhooks.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from app.channels import chatwoot_inbound
from app.channels.chatwoot import Chatwoot, NotFound
from app.channels.chatwoot_inbound import Reading
from app.channels.errors import SendError
from app.database.conversations import Owner
from app.database.desk import Cursor, DeskRecord
from app.database.outbox import Channel, Outbox
from app.mailbox.desk_memory import GONE
from app.mailbox.intake import Intake, Item
from app.mailbox.mailbox import Mailbox
from app.recruiting.events import DeskChanged, HandBack, RecruiterSaid
from app.telemetry.logs import get_logger
from app.telemetry.metrics import RECONCILED_GAPS

log = get_logger()
# Looked at again although they were before the last pass: activity may be written a little late.
OVERLAP_SECONDS = 120.0
MOST_CONVERSATION_PAGES = 40
MOST_MESSAGE_PAGES = 10
# A webhook takes a moment; what is younger is still its business.
SETTLED_SECONDS = 5.0
# Ids are remembered for eight days; what was deleted before that would be news again.
DELETED_SECONDS = 7 * 86400.0
# How far webhooks overtake each other: seconds in Chatwoot's queues, not minutes. Looking must not hold words up long.
OVERTAKEN_SECONDS = 120.0
LOOK_SECONDS = 2.0
_encoder = msgspec.json.Encoder()


class Reconciliation:
    """`silence_seconds` 0 = a conversation that a person took never comes back by itself."""

    def __init__(
        self,
        chatwoot: Chatwoot,
        record: DeskRecord,
        outbox: Outbox,
        mailbox: Mailbox,
        intake: Intake,
        *,
        silence_seconds: float = 0.0,
        reading: Callable[[], Reading] = Reading,
    ) -> None:
        self._chatwoot = chatwoot
        self._record = record
        self._outbox = outbox
        self._mailbox = mailbox
        self._intake = intake
        self._silence = silence_seconds
        self._reading = reading
        self._gaps = 0  # of the pass under way; docket runs one at a time

    async def run(self) -> int:
        """One pass, or as much of it as there is time for; returns the gaps it closed. Raises RecordError, RedisError.

        The next call goes on with the page at which this one stopped. Chatwoot lists the latest activity first: what
        moves to the front meanwhile is younger than this pass, and the next one looks at it.
        """
        self._gaps = 0
        try:
            await self._pages()
        except SendError as error:
            log.warning("reconciliation.postponed", error_code=error.code)
        finally:
            # Also of a pass that was cut short: what it found was lost once.
            if self._gaps:
                RECONCILED_GAPS.inc(self._gaps)
                log.error("reconciliation.gaps", count=self._gaps)
        return self._gaps

    async def _pages(self) -> None:
        since = float(await self._mailbox.written("desk", "reconciled") or 0) - OVERLAP_SECONDS
        started, _, reached = (await self._mailbox.written("desk", "reconciling")).partition(":")
        began, first = float(started or time.time()), int(reached or 1)
        for page in range(first, first + MOST_CONVERSATION_PAGES):
            await self._mailbox.note_written("desk", "reconciling", f"{began:.0f}:{page}")
            listed = await self._chatwoot.conversations(page)
            active = [each for each in listed if float(each.get("last_activity_at") or began) >= since]
            await self._page(active)
            if not listed or len(active) < len(listed):
                await self._mailbox.note_written("desk", "reconciled", f"{began:.0f}")
                await self._mailbox.note_written("desk", "reconciling", "")
                return
        log.warning("reconciliation.unfinished", page_count=first + MOST_CONVERSATION_PAGES)
        await self._mailbox.note_written("desk", "reconciling", f"{began:.0f}:{first + MOST_CONVERSATION_PAGES}")

    async def _page(self, listed: list[dict[str, Any]]) -> None:
        by_id = {int(each["id"]): each for each in listed}
        for cursor in await self._record.cursors(list(by_id)):
            try:
                await self._messages(cursor)
            except NotFound:
                continue  # deleted meanwhile
            self._gaps += await self._state(cursor, by_id[cursor.display_id])

    async def _messages(self, cursor: Cursor) -> None:
        after = max(cursor.cursor, 1)
        for _ in range(MOST_MESSAGE_PAGES):
            page = await self._chatwoot.messages(cursor.display_id, after=after)
            settled = [each for each in page if float(each.get("created_at") or 0) <= time.time() - SETTLED_SECONDS]
            await self._store(cursor, settled)
            if settled:
                after = int(settled[-1]["id"])
                await self._record.move_cursor(cursor.conversation_id, after)
            if len(settled) < len(page) or not page:
                break
        # What was taken back of the latest: it may not have gone out yet.
        latest = await self._chatwoot.messages(cursor.display_id)
        oldest = time.time() - DELETED_SECONDS
        gone = [each for each in latest if (each.get("content_attributes") or {}).get("deleted")]
        await self._store(cursor, [each for each in gone if float(each.get("created_at") or 0) > oldest])

    async def _store(self, cursor: Cursor, messages: list[dict[str, Any]]) -> None:
        items = self._items(cursor.address, cursor.display_id, messages)
        if items:
            self._gaps += (await self._intake.store(items)).fresh

    def _items(self, address: str, display_id: int, messages: list[dict[str, Any]]) -> list[Item]:
        return [
            (
                where,
                key,
                _encoder.encode(event).decode(),
                chatwoot_inbound.takes_over(event),
                chatwoot_inbound.desk_note(event),
            )
            for message in messages
            for where, key, event in chatwoot_inbound.of_api(
                message | {"conversation_id": display_id}, address, self._reading()
            )
        ]

    async def find_overtaken(self, address: str, said: list[RecruiterSaid]) -> bool:
        """Whether recruiters wrote something before these messages whose webhook is not here yet; it is stored now.

        One look, so that words go to the candidate in the order in which they were written. What this look cannot see
        in time comes in its own time. Raises RedisError.
        """
        newest = max(said, key=lambda event: event.message_id)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                page = await self._chatwoot.messages(newest.conversation_id, before=newest.message_id)
        except (SendError, TimeoutError) as error:
            log.info("overtaken.unknown", error_type=type(error).__name__)
            return False
        known = {event.message_id for event in said}
        oldest = min(event.at for event in said) - OVERTAKEN_SECONDS
        missing = [
            each
            for each in page
            if int(each["id"]) not in known
            and float(each.get("created_at") or 0) > oldest
            and not (each.get("content_attributes") or {}).get("deleted")
        ]
        items = self._items(address, newest.conversation_id, missing)
        return bool(items) and (await self._intake.store(items)).fresh > 0

    async def _state(self, cursor: Cursor, shown: dict[str, Any]) -> int:
        """Status and assignee as Chatwoot lists them; the mailbox drops what it knows."""
        meta = shown.get("meta") or {}
        assignee = meta.get("assignee") or {}
        at = float(shown.get("updated_at") or 0)
        if not at or at > time.time() - SETTLED_SECONDS:
            return 0
        labelled = self._reading().returns(shown.get("labels") or [])
        event = DeskChanged(
            conversation_id=cursor.display_id,
            at=at,
            event_id=f"cw:seen:{cursor.display_id}:{at}:{shown.get('status')}:{assignee.get('id')}:{labelled:d}",
            status=str(shown.get("status") or ""),
            assignee_id=int(assignee.get("id") or 0),
            assignee_type=str(meta.get("assignee_type") or ("User" if assignee else "")),
            changed=["status"],  # where nothing was known, the status is what counts
            labelled=labelled,
        )
        note = chatwoot_inbound.desk_note(event)
        item = (
            cursor.address,
            event.event_id,
            _encoder.encode(event).decode(),
            chatwoot_inbound.takes_over(event),
            note,
        )
        stored = await self._intake.store([item])
        return stored.fresh if cursor.owner is Owner.ASSISTANT else 0

    async def look_for_it(self) -> None:
        """After a write that failed: see whether Chatwoot is there, and after an outage let what waits go on at once.

        What fails although it is there keeps its own pauses. Raises RecordError, RedisError.
        """
        before = await self._mailbox.away()
        if not before:
            return
        if not await self._chatwoot.answers():
            await self._mailbox.note_away(GONE)
            return
        await self._mailbox.note_away("")
        if before == GONE:
            log.info("chatwoot.back", row_count=await self._outbox.hurry(Channel.CHATWOOT))

    async def return_silent(self) -> None:
        """Give conversations back in which the person who took them has been silent for too long."""
        if not self._silence:
            return
        for address in await self._record.silent(self._silence):
            if float(await self._mailbox.written(address, "pause") or 0) > time.time():
                continue  # asked for by name
            await self.hand_back(address, "silence", key=f"back:{int(time.time() / self._silence)}")

    async def hand_back(self, address: str, reason: str, *, key: str) -> None:
        """Into the mailbox, so that it is decided in order with everything else."""
        event = HandBack(at=time.time(), reason=reason)
        await self._intake.store([(address, key, _encoder.encode(event).decode(), False)])

    async def pause_over(self, address: str, until: float) -> None:
        """The pause that ends at `until`, unless a later one was asked for."""
        if await self._mailbox.written(address, "pause") == f"{until:.0f}":
            await self.hand_back(address, "pause_over", key=f"back:{until:.0f}")
