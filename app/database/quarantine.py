"""Input that could not be understood, kept raw for a person to look at."""

import msgspec

from app.database.supabase_pool import SupabasePool


class QuarantinedItem(msgspec.Struct, kw_only=True):
    """`body` is raw text (personal data); `received_at` in Unix seconds; `reason` names the fault, never the value."""

    source: str
    reason: str
    body: str
    received_at: float


class _Stored(msgspec.Struct):
    stored: int


class Quarantine:
    """The shelf of malformed items."""

    def __init__(self, pool: SupabasePool) -> None:
        self._pool = pool

    async def record(self, items: list[QuarantinedItem]) -> int:
        """Keep items; the same item twice is kept once."""
        return (await self._pool.call("record_quarantine", {"items": items}, _Stored)).stored
