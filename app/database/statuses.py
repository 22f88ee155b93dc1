"""What became of sent messages, folded into the outbox in batches. Any order of reports ends in the same state."""

import msgspec

from app.database.outbox import State
from app.database.supabase_pool import SupabasePool
from app.recruiting.events import StatusReported


class ChangedRow(msgspec.Struct, kw_only=True):
    """A row whose state was raised by a report."""

    outbox_id: str
    conversation_id: str
    address: str
    status: State


class FailedRow(msgspec.Struct, kw_only=True):
    """A row that turned out to have failed."""

    outbox_id: str
    conversation_id: str
    address: str
    error_code: str


class Folded(msgspec.Struct, kw_only=True):
    """`folded` counts reports with a known row; `unknown` are the others (their row may not be committed yet)."""

    folded: int
    unknown: list[StatusReported]
    failed: list[FailedRow]
    changed: list[ChangedRow]


class Statuses:
    """Delivery reports of WhatsApp."""

    def __init__(self, pool: SupabasePool) -> None:
        self._pool = pool

    async def fold(self, reports: list[StatusReported]) -> Folded:
        """Fold reports into the outbox; a report with our own id also settles an ambiguous send."""
        return await self._pool.call("fold_statuses", {"statuses": reports}, Folded)
