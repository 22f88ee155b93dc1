"""A recruiter's message against a running turn, a thousand times over: the assistant never speaks after it."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from docket import Docket
from redis.asyncio import Redis

from app.database.conversations import Owner
from app.database.outbox import Channel, ClaimedRow
from app.database.record import Record
from app.engine.composing import Worker
from app.engine.delivery import Delivery
from app.engine.desk_acts import NO_ACTS, Acts
from app.engine.interview_acts import NO_INTERVIEWS, InterviewActs
from app.engine.turn import Turns
from app.engine.understanding import Understood
from app.engine.wakeups import Wakeups
from app.mailbox.intake import Intake
from app.mailbox.mailbox import Mailbox
from app.recruiting.events import CandidateSaid, Event, RecruiterSaid, Sender
from app.recruiting.messages import InboundMessage, Kind

RACES = 1000
AT_ONCE = 25
dice = random.Random()  # noqa: S311 moments in time
encode = msgspec.json.Encoder().encode


class Thinking:
    """Takes a moment and says one thing."""

    async def propose(self, *_: object, **__: object) -> dict[str, Any]:
        await asyncio.sleep(dice.uniform(0, 0.01))
        return {"replies": [{"text": "hello"}, {"text": "what is your name?"}]}

    async def forget(self, conversation_id: str) -> None:
        """Nothing was kept."""


class Reading:
    async def read(self, said: list[CandidateSaid], *_: object, **__: object) -> Understood:
        return Understood(said, [])


class NoDesk:
    async def acts(self, *_: object) -> Acts:
        return NO_ACTS

    async def overtaken(self, *_: object) -> bool:
        return False


class NoInterviews:
    async def answer(self, *_: object, **__: object) -> InterviewActs:
        return NO_INTERVIEWS


class Phone:
    """Where rows to candidates end: who spoke, in order, by address."""

    settles_each = True

    def __init__(self) -> None:
        self.heard: dict[str, list[str]] = {}

    async def send(self, row: ClaimedRow, *, conversation_id: str, address: str) -> str:  # noqa: ARG002
        self.heard.setdefault(address, []).append(row.author)
        await asyncio.sleep(dice.uniform(0, 0.003))
        return f"wamid.{row.id}"

    async def find(self, *_: object, **__: object) -> None:
        return None


@pytest.fixture
async def wakeups(redis: Redis) -> AsyncIterator[Wakeups]:
    async with Docket(name=f"races-{uuid.uuid4().hex}", url="memory://") as docket:

        async def deliver(conversation_id: str, address: str, channel: str) -> None:
            """Chatwoot's lane is not part of the race."""

        docket.register(deliver)
        yield Wakeups(docket)


async def test_a_thousand_recruiters_who_write_into_a_running_turn_are_never_talked_over(
    redis: Redis, record: Record, wakeups: Wakeups
) -> None:
    mailbox, phone = Mailbox(redis, lease_seconds=20), Phone()
    intake = Intake(redis, lambda *_: None)
    delivery = Delivery(
        record.outbox,
        {Channel.WHATSAPP: phone},
        mailbox,
        wakeups,
        worker="races",
        lease_seconds=30,
        reconcile_seconds=30,
    )
    worker = Worker("races", 30)
    turns = Turns(mailbox, record.conversations, Reading(), Thinking(), delivery, worker, NoDesk(), NoInterviews())  # type: ignore[arg-type]
    limit = asyncio.Semaphore(AT_ONCE)

    async def store(address: str, key: str, event: Event, *, takes_over: bool) -> None:
        await intake.store([(address, key, encode(event).decode(), takes_over)])

    async def work(address: str) -> None:
        while (taken := await mailbox.take(address)).lease is not None:
            async with mailbox.held(taken.lease) as lease:
                await turns.handle(lease)

    async def race(number: int) -> str:
        async with limit:
            address, wa_id = f"wa:races:{uuid.uuid4().hex[:20]}", str(uuid.uuid4().int)[:14]
            now = time.time()
            message = InboundMessage(message_id=f"wamid.{uuid.uuid4().hex}", sent_at=now, kind=Kind.TEXT, text="hi")
            candidate = CandidateSaid(number_id="races", sender=Sender(wa_id=wa_id), message=message)
            await store(address, message.message_id, candidate, takes_over=False)
            turn = asyncio.create_task(work(address))
            await asyncio.sleep(dice.uniform(0, 0.5))
            said = RecruiterSaid(message_id=10**9 + number, conversation_id=1, at=time.time(), text="Rosa here")
            await store(address, f"cw:{said.message_id}:{address}", said, takes_over=True)
            await turn
            await work(address)
            return address

    addresses = await asyncio.gather(*[race(number) for number in range(RACES)])
    heard = [phone.heard[address] for address in addresses]
    assert all(authors[-1] == "human" and authors.count("human") == 1 for authors in heard)
    # The races met the turn at different places: before it spoke, between its messages, after both.
    assert {len(authors) for authors in heard} >= {1, 3}
    view = await record.conversations.view(address=addresses[0])
    assert view is not None
    assert view.owner is Owner.HUMAN
