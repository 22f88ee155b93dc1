"""What is to be sent: one row per vendor call, delivered in order per conversation and channel (a "lane")."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from app.database.supabase_pool import SupabasePool


class Channel(StrEnum):
    WHATSAPP = "whatsapp"
    CHATWOOT = "chatwoot"


class State(StrEnum):
    """States of a row. sent < failed < delivered < read < played is one-way: later knowledge only raises it."""

    PENDING = "pending"
    SENDING = "sending"
    UNCERTAIN = "uncertain"  # the vendor may have accepted it
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    CANCELLED = "cancelled"
    DEAD = "dead"  # given up after too many attempts; can be re-armed


class Outcome(StrEnum):
    """What a worker learnt from one vendor call."""

    SENT = "sent"
    FAILED = "failed"
    RETRY = "retry"
    RELEASED = "released"  # not attempted: back in its place, the attempt does not count
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
    DEAD = "dead"


class NewOutboxRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A row to send; `id` is a uuid of ours that travels to the vendor.

    `mirrors` names the WhatsApp row that a Chatwoot row shows: if that one is cancelled before it was sent,
    its mirror is cancelled with it.
    """

    id: str
    channel: Channel
    kind: str
    author: str
    body: dict[str, Any]
    mirrors: str | None = None


class ClaimedRow(msgspec.Struct, kw_only=True):
    """A row leased to a worker. With `reconcile` an earlier attempt may have succeeded: ask the vendor first."""

    id: str
    seq: int
    kind: str
    author: str
    body: dict[str, Any]
    fence: int
    attempts: int
    created_at: datetime
    reconcile: bool


class Lane(msgspec.Struct, kw_only=True):
    """A lane with work to do now."""

    conversation_id: str
    address: str
    channel: Channel


class Settlement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The outcome of one attempt; times in Unix seconds; `vendor` keeps what the vendor answered (no secrets)."""

    id: str
    status: Outcome
    vendor_id: str | None = None
    error_code: str | None = None
    error_title: str | None = None
    retry_at: float | None = None
    reconcile_after: float | None = None
    vendor: dict[str, Any] | None = None


class OutboxRow(msgspec.Struct, kw_only=True):
    """A row as it stands."""

    id: str
    conversation_id: str
    address: str
    channel: Channel
    seq: int
    kind: str
    author: str
    body: dict[str, Any]
    state: State
    fence: int
    attempts: int
    vendor_id: str | None
    error_code: str | None
    error_title: str | None
    created_at: datetime
    retry_at: datetime | None
    reconcile_after: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None


class _Claim(msgspec.Struct):
    rows: list[ClaimedRow]


class _Added(msgspec.Struct):
    added: int


class _Hurried(msgspec.Struct):
    hurried: int


class _Settled(msgspec.Struct):
    settled: int


class _Rearmed(msgspec.Struct):
    rearmed: bool


class Outbox:
    """The outbox in the record. Every call is one round trip and one transaction."""

    def __init__(self, pool: SupabasePool) -> None:
        self._pool = pool

    async def claim(
        self,
        *,
        conversation_id: str,
        channel: Channel,
        worker: str,
        lease_seconds: float,
        limit: int = 20,
        abandoned: bool = False,
    ) -> list[ClaimedRow]:
        """Lease the next rows of a lane in order; empty while an earlier row is under way, waiting or uncertain.

        `abandoned`: whoever holds the lane is known to be dead, its leases count for nothing.
        """
        p = {
            "conversation_id": conversation_id,
            "channel": channel,
            "worker": worker,
            "lease_seconds": lease_seconds,
            "limit": limit,
            "abandoned": abandoned,
        }
        return (await self._pool.call("claim_outbox", p, _Claim)).rows

    async def add(self, conversation_id: str, rows: list[NewOutboxRow]) -> int:
        """Append rows that no turn brings (a note about a failed send); a known id is ignored. Returns how many."""
        p = {"conversation_id": conversation_id, "outbox": rows}
        return (await self._pool.call("add_outbox", p, _Added)).added

    async def due(self, *, channel: Channel | None = None, limit: int = 100) -> list[Lane]:
        """Lanes that have claimable work now, oldest first."""
        return await self._pool.call("due_outbox", {"channel": channel, "limit": limit}, list[Lane])

    async def hurry(self, channel: Channel) -> int:
        """The vendor is there again: rows that wait for their next try are due now. Returns how many."""
        return (await self._pool.call("hurry_outbox", {"channel": channel}, _Hurried)).hurried

    async def settle(self, worker: str, results: list[Settlement]) -> int:
        """Record outcomes; returns how many rows changed or already said so."""
        return (await self._pool.call("settle_outbox", {"worker": worker, "results": results}, _Settled)).settled

    async def dead(self, limit: int = 100) -> list[OutboxRow]:
        """Rows that were given up or refused, newest first."""
        return await self._pool.call("dead_outbox", {"limit": limit}, list[OutboxRow])

    async def rearm(self, row_id: str) -> bool:
        """Send a dead or failed row again; False if it is in neither state."""
        return (await self._pool.call("rearm_outbox", {"id": row_id}, _Rearmed)).rearmed
