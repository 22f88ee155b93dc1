"""Interviews in the record: slots for operators, what a candidate's conversation has to do with them, reminders.

Invitations and bookings are written by turns (`TurnCommit.interviews`), in their one transaction.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.database.conversations import NewMessage
from app.database.outbox import NewOutboxRow
from app.database.supabase_pool import SupabasePool
from app.recruiting.interviews import Interviews, Slot

# More than a list holds: what was offered earlier may be further down by now.
_MOST_FREE = 60


class SlotFault(msgspec.Struct, kw_only=True):
    """`number` in the file, from 0; `reason`: unknown_vacancy, past, overlaps or booked."""

    number: int
    reason: str


class StoredSlots(msgspec.Struct, kw_only=True):
    """All were stored, of which `changed` are new or changed; or none, because of `faults`."""

    changed: int
    faults: list[SlotFault]


class DueReminder(msgspec.Struct, kw_only=True):
    """`kind`: day or hours (before); `address` of the conversation."""

    booking: str
    kind: str
    address: str
    slot: Slot


class _Closed(msgspec.Struct):
    slot: Slot | None


class _Reminded(msgspec.Struct):
    reminded: bool


class _Finished(msgspec.Struct):
    finished: int


class InterviewRecord:
    """Every call is one round trip and one transaction. Raises RecordError. Times are Unix seconds."""

    def __init__(self, pool: SupabasePool) -> None:
        self._pool = pool

    async def store_slots(self, slots: Sequence[dict[str, Any]]) -> StoredSlots:
        """All or none; a slot that is known (vacancy, start, place) keeps its state. For the shape see `slot_file`."""
        return await self._pool.call("store_interview_slots", {"slots": slots}, StoredSlots)

    async def slots(self, *, past: bool = False) -> list[Slot]:
        """All that are to come, open and closed, in order; `past`: the others, too."""
        return await self._pool.call("list_interview_slots", {"past": past}, list[Slot])

    async def close_slot(self, id_: str) -> Slot | None:
        """By the beginning of its id; None when that names none or several. Who is booked stays booked."""
        return (await self._pool.call("close_interview_slot", {"id": id_}, _Closed)).slot

    async def find(self, candidate_id: str, *, after: float, vacancy: str = "") -> Interviews:
        """A candidate's invitations and bookings; free slots after `after` of their vacancies and of `vacancy`."""
        p = {"candidate_id": candidate_id, "after": after, "vacancy": vacancy, "most": _MOST_FREE}
        return await self._pool.call("find_interviews", p, Interviews)

    async def due_reminders(self, now: float) -> list[DueReminder]:
        """What candidates are to be reminded of, soonest first."""
        return await self._pool.call("due_interview_reminders", {"now": now}, list[DueReminder])

    async def remind(
        self, due: DueReminder, conversation_id: str, messages: list[NewMessage], rows: list[NewOutboxRow]
    ) -> bool:
        """Store the reminder's rows once; False when it is done already or there is nothing to remind of any more."""
        p = {
            "booking": due.booking,
            "kind": due.kind,
            "conversation_id": conversation_id,
            "messages": messages,
            "outbox": rows,
        }
        return (await self._pool.call("remind_of_interview", p, _Reminded)).reminded

    async def finish(self, now: float) -> int:
        """Bookings whose time is over are done; returns how many."""
        return (await self._pool.call("finish_interviews", {"now": now}, _Finished)).finished
