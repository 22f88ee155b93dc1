"""Everything at once on the same people: nobody waits for each other for ever, and the record stays consistent."""

import asyncio
import random
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database.conversations import OpenTurn, Owner, OwnerChange
from app.database.migrate import migrate
from app.database.outbox import Channel, Outcome, Settlement
from app.database.record import Record, open_record
from app.local.gateway import create_gateway
from app.local.house_parts import served
from app.local.postgres import PostgresServer
from app.recruiting.events import Sender, StatusReported
from tests.fixtures.desk import committed, opened, row, said, somebody, unique

SECONDS = 4.0

# Calls are too quick to meet each other often: every write takes its time, so that locks are held for long.
SLOWNESS = """
create function public.dawdle() returns trigger language plpgsql as $$
begin perform pg_sleep(random() * 0.004); return new; end $$;
create trigger dawdle before insert or update on public.outbox for each row execute function public.dawdle();
create trigger dawdle before insert or update on public.conversations for each row execute function public.dawdle();
create trigger dawdle before insert or update on public.candidates for each row execute function public.dawdle();
create trigger dawdle before insert or update on public.identities for each row execute function public.dawdle();
create trigger dawdle before insert or update on public.addresses for each row execute function public.dawdle();
"""

INCONSISTENCIES = {
    "an identity of a candidate who was merged away": """
        select i.value from public.identities as i join public.candidates as c on c.id = i.candidate_id
        where c.merged_into is not null""",
    "a live conversation of a candidate who was merged away": """
        select v.id from public.conversations as v join public.candidates as c on c.id = v.candidate_id
        where v.merged_into is null and c.merged_into is not null""",
    "a row, message or address of a conversation that was merged away": """
        select o.id::text from public.outbox as o join public.conversations as v on v.id = o.conversation_id
          where v.merged_into is not null
        union all select m.message_id from public.messages as m
          join public.conversations as v on v.id = m.conversation_id where v.merged_into is not null
        union all select a.address from public.addresses as a
          join public.conversations as v on v.id = a.conversation_id where v.merged_into is not null""",
    "a fact or consent of a candidate who was merged away": """
        select f.candidate_id from public.profile_facts as f join public.candidates as c on c.id = f.candidate_id
          where c.merged_into is not null
        union all select r.candidate_id from public.consent_records as r
          join public.candidates as c on c.id = r.candidate_id where c.merged_into is not null""",
    "a merge that leads to another merge": """
        select v.id from public.conversations as v join public.conversations as k on k.id = v.merged_into
          where k.merged_into is not null
        union all select c.id from public.candidates as c join public.candidates as k on k.id = c.merged_into
          where k.merged_into is not null""",
    "a conversation whose counter lags behind its rows": """
        select v.id from public.conversations as v
        where v.outbox_seq < (select max(o.seq) from public.outbox as o where o.conversation_id = v.id)""",
    "a sent row that is still leased": """
        select id from public.outbox where lease_until is not null and state <> 'sending'""",
}


class Crowd:
    """Workers that do whatever a service may do, on few people, in random order."""

    def __init__(self, record: Record, seed: int) -> None:
        self.record = record
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.people = [somebody() for _ in range(4)]
        self.rows: list[str] = []
        self.done = 0

    def sender(self) -> Sender:
        """Any part of what somebody is known by; sometimes two people turn out to be one."""
        person = self.chance.choice(self.people)
        match self.chance.randrange(4):
            case 0:
                return Sender(wa_id=person.wa_id)
            case 1:
                return Sender(bsuid=person.bsuid)
            case _:
                return person

    async def work(self, name: str, until: float) -> None:
        steps = (self.turn, self.turn, self.deliver, self.report, self.report, self.changed, self.meet)
        while time.monotonic() < until:
            await self.chance.choice(steps)(name)
            self.done += 1

    async def open(self) -> OpenTurn:
        return await opened(self.record, self.sender(), number_id=self.chance.choice("12"))

    async def turn(self, name: str) -> None:
        turn = await self.open()
        rows = [row(), row(channel=Channel.CHATWOOT, author="system")]
        owner = self.chance.choice([None, None, None, Owner.HUMAN, Owner.ASSISTANT])
        result = await committed(
            self.record,
            turn,
            worker=name,
            messages=[said()],
            outbox=rows,
            opted_out=self.chance.choice([None, None, True, False]),
            owner=OwnerChange(owner=owner, reason="x") if owner else None,
        )
        self.rows += [claimed.id for claimed in result.claimed]
        if self.chance.random() < 0.5:
            await self.settle(name, [claimed.id for claimed in result.claimed])

    async def settle(self, name: str, ids: list[str]) -> None:
        outcomes = list(Outcome)
        await self.record.outbox.settle(
            name, [Settlement(id=i, status=self.chance.choice(outcomes), vendor_id=f"wamid.{i}") for i in ids]
        )

    async def deliver(self, name: str) -> None:
        turn = await self.open()
        for channel in Channel:
            claimed = await self.record.outbox.claim(
                conversation_id=turn.conversation_id, channel=channel, worker=name, lease_seconds=0.05
            )
            await self.settle(name, [r.id for r in claimed])

    async def report(self, name: str) -> None:  # noqa: ARG002 - the shape of a step
        chosen = self.chance.sample(self.rows[-30:], min(8, len(self.rows[-30:])))
        statuses = ("sent", "delivered", "read", "failed")
        await self.record.statuses.fold(
            [
                StatusReported(wamid=f"wamid.{i}", status=self.chance.choice(statuses), at=1.0, outbox_id=i)
                for i in chosen
            ]
        )

    async def changed(self, name: str) -> None:  # noqa: ARG002 - the shape of a step
        """Somebody's phone number changes."""
        index = self.chance.randrange(len(self.people))
        old, new = self.people[index], somebody()
        self.people[index] = new
        await opened(self.record, new, previous=old)

    async def meet(self, name: str) -> None:
        """Somebody new writes in two ways, then shows that both are one person, more than once at a time."""
        person = somebody()
        for part in (Sender(wa_id=person.wa_id), Sender(bsuid=person.bsuid)):
            turn = await opened(self.record, part)
            await committed(self.record, turn, worker=name, outbox=[row(), row(channel=Channel.CHATWOOT)])
        self.people[self.chance.randrange(len(self.people))] = person


@pytest.fixture
async def slow_dsn(postgres: PostgresServer) -> AsyncIterator[str]:
    """A database of this test's own in which writes dawdle."""
    owner = await asyncpg.connect(postgres.dsn)
    await owner.execute("create database slow template template0")
    dsn = postgres.dsn.replace("/postgres?", "/slow?")
    database = await asyncpg.connect(dsn)
    await database.execute("grant usage on schema public to service_role")
    await migrate(dsn)
    await database.execute(SLOWNESS)
    await database.close()
    yield dsn
    await owner.execute("drop database slow with (force)")
    await owner.close()


async def test_everything_at_once_neither_deadlocks_nor_contradicts_itself(slow_dsn: str) -> None:
    async with (
        served(create_gateway(slow_dsn, service_key="key", anon_key="anon"), "gateway") as url,
        open_record(url, "key") as record,
    ):
        crowd = Crowd(record, seed=random.SystemRandom().randrange(10**6))
        until = time.monotonic() + SECONDS
        await asyncio.gather(*(crowd.work(unique("w"), until) for _ in range(16)))
    assert crowd.done > 100

    owner = await asyncpg.connect(slow_dsn)
    assert await owner.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0
    assert await owner.fetchval("select count(*) from public.candidates where merged_into is not null") > 0
    for what, query in INCONSISTENCIES.items():
        assert [tuple(found) for found in await owner.fetch(query)] == [], what
    await owner.close()
