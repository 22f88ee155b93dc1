"""What alarms need to know of the record."""

import msgspec

from app.database.supabase_pool import SupabasePool


class LaneFigures(msgspec.Struct, kw_only=True):
    """Rows of a channel that are not yet sent, and the age of the oldest in seconds."""

    waiting: int
    oldest_seconds: float


class Figures(msgspec.Struct, kw_only=True):
    """`given_up`: rows of the last 7 days that were not sent (at most 1,000 are counted); `unanswered`: candidates who
    wait for a person."""

    lanes: dict[str, LaneFigures]
    given_up: int
    unanswered: int


async def read_figures(pool: SupabasePool, *, unanswered_after_seconds: float) -> Figures:
    """One round trip. Raises RecordError."""
    return await pool.call("figures", {"unanswered_after": unanswered_after_seconds}, Figures)
