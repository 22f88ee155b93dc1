"""What the recruiters' side needs of the record: outcomes to show, ids of quotes, how far Chatwoot was read."""

from typing import Any

import msgspec

from app.database.conversations import Owner
from app.database.outbox import State
from app.database.supabase_pool import SupabasePool


class Outcome(msgspec.Struct, kw_only=True):
    """A message to a candidate whose fate Chatwoot does not show yet; `message_id` 0 = it is not in Chatwoot.

    `mark`: what Chatwoot has to show for the whole message, of which this may be a part; empty = nothing yet.
    """

    id: str
    conversation_id: str
    address: str
    state: State
    shown: State | None
    author: str
    error_code: str
    error_title: str
    message_id: int
    display_id: int
    mark: str


class Cursor(msgspec.Struct, kw_only=True):
    """How far a Chatwoot conversation has been read."""

    conversation_id: str
    address: str
    display_id: int
    cursor: int
    owner: Owner


class Withdrawn(msgspec.Struct, kw_only=True):
    """Rows that a deletion stopped, and rows that had gone (or were going) to the candidate."""

    withdrawn: int
    gone: int


class _Found(msgspec.Struct):
    found: str


class DeskRecord:
    """Calls of the recruiters' side. Every call is one round trip and one transaction."""

    def __init__(self, pool: SupabasePool) -> None:
        self._pool = pool

    async def unshown(self, limit: int = 100) -> list[Outcome]:
        """Outcomes to show, failures first."""
        return await self._pool.call("unshown_outcomes", {"limit": limit}, list[Outcome])

    async def mark_shown(self, outcomes: list[Outcome]) -> None:
        """Chatwoot shows these now."""
        rows = [{"id": each.id, "state": each.state} for each in outcomes]
        await self._pool.call("mark_shown", {"rows": rows}, dict[str, Any])

    async def wamid_of(self, conversation_id: str, message_id: int) -> str:
        """WhatsApp's id of a message that Chatwoot knows as `message_id`; empty if it has none."""
        p = {"conversation_id": conversation_id, "message_id": str(message_id)}
        return (await self._pool.call("desk_links", p, _Found)).found

    async def message_of(self, conversation_id: str, wamid: str) -> int:
        """Chatwoot's id of a message; 0 if it is not there."""
        p = {"conversation_id": conversation_id, "wamid": wamid}
        answer: _Found = await self._pool.call("desk_links", p, _Found)
        return int(answer.found) if answer.found.isdigit() else 0

    async def withdraw(self, conversation_id: str, message_id: int) -> Withdrawn:
        """Stop what has not been sent of a recruiter's message."""
        p = {"conversation_id": conversation_id, "message_id": str(message_id)}
        return await self._pool.call("withdraw_message", p, Withdrawn)

    async def cursors(self, display_ids: list[int]) -> list[Cursor]:
        """How far these Chatwoot conversations have been read; those that are not ours are left out."""
        return await self._pool.call("desk_cursors", {"display_ids": display_ids}, list[Cursor])

    async def move_cursor(self, conversation_id: str, cursor: int) -> None:
        """Only forwards."""
        await self._pool.call(
            "move_desk_cursor", {"conversation_id": conversation_id, "cursor": cursor}, dict[str, Any]
        )

    async def silent(self, seconds: float, limit: int = 100) -> list[str]:
        """Addresses of conversations in which the person who took them has said nothing for so long."""
        return await self._pool.call("silent_conversations", {"seconds": seconds, "limit": limit}, list[str])

    async def erase(self, candidate_id: str) -> None:
        """Remove a person from every table."""
        await self._pool.call("erase_candidate", {"candidate_id": candidate_id}, dict[str, Any])
