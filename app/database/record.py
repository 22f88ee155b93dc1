"""The record as the service sees it: one object per process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.database.conversations import Conversations
from app.database.desk import DeskRecord
from app.database.interviews import InterviewRecord
from app.database.outbox import Outbox
from app.database.quarantine import Quarantine
from app.database.statuses import Statuses
from app.database.supabase_pool import SupabasePool, open_pool
from app.database.vacancies import Vacancies


@dataclass(frozen=True)
class Record:
    """The aggregates of the record over one shared connection pool."""

    pool: SupabasePool
    conversations: Conversations
    outbox: Outbox
    statuses: Statuses
    quarantine: Quarantine
    desk: DeskRecord
    vacancies: Vacancies
    interviews: InterviewRecord

    async def schema_version(self) -> str:
        """Version of the newest applied migration; proves that key, grants and functions work. For readiness."""
        return await self.pool.call("schema_version", {}, str)


@asynccontextmanager
async def open_record(
    url: str,
    key: str,
    *,
    pool_size: int = 20,
    timeout: float = 10.0,  # noqa: ASYNC109 - the client's own
    connect_timeout: float = 3.0,
) -> AsyncIterator[Record]:
    """Open the record for this process; `pool_size` caps connections, timeouts in seconds."""
    async with open_pool(url, key, pool_size=pool_size, timeout=timeout, connect_timeout=connect_timeout) as pool:
        yield Record(
            pool=pool,
            conversations=Conversations(pool),
            outbox=Outbox(pool),
            statuses=Statuses(pool),
            quarantine=Quarantine(pool),
            desk=DeskRecord(pool),
            vacancies=Vacancies(pool),
            interviews=InterviewRecord(pool),
        )
