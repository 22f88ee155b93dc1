"""The mailbox's promises on a real Redis: stored once, in order, one worker at a time, nothing lost by a crash."""

import asyncio
import time
import uuid
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from app.mailbox.intake import Intake, Item
from app.mailbox.keys import DUE, keys
from app.mailbox.mailbox import Lease, LeaseLost, Mailbox
from app.recruiting.events import CandidateSaid, RecruiterSaid, Sender
from app.recruiting.messages import InboundMessage, Kind


def said(address: str, message_id: str) -> Item:
    message = InboundMessage(message_id=message_id, sent_at=1.0, kind=Kind.TEXT, text=message_id)
    event = CandidateSaid(number_id="1", sender=Sender(wa_id="31"), message=message)
    return (address, message_id, msgspec.json.encode(event).decode(), False)


def recruiter(address: str, message_id: int) -> Item:
    event = RecruiterSaid(message_id=message_id, conversation_id=1, at=1.0, text="hello")
    return (address, f"cw:{message_id}", msgspec.json.encode(event).decode(), True)


def ids(lease: Lease) -> list[str]:
    return [event.message.message_id for event in lease.events if isinstance(event, CandidateSaid)]


@pytest.fixture
def address() -> str:
    return f"wa:1:{uuid.uuid4().hex}"


@pytest.fixture
def woken() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def intake(redis: Redis, woken: list[tuple[str, int]]) -> Intake:
    return Intake(redis, lambda address, epoch: woken.append((address, epoch)))


@pytest.fixture
def mailbox(redis: Redis) -> Mailbox:
    return Mailbox(redis, lease_seconds=1.0, max_tries=3)


async def take(mailbox: Mailbox, address: str) -> Lease:
    lease = (await mailbox.take(address)).lease
    assert lease is not None
    return lease


async def test_the_same_message_many_times_at_once_is_stored_once(
    intake: Intake, mailbox: Mailbox, address: str, woken: list[tuple[str, int]]
) -> None:
    outcomes = await asyncio.gather(*[intake.store([said(address, "m")]) for _ in range(50)])
    assert sum(outcome.fresh for outcome in outcomes) == 1
    assert set(woken) == {(address, 1)}
    assert ids(await take(mailbox, address)) == ["m"]


async def test_a_batch_keeps_its_order_and_wakes_each_mailbox_once(
    intake: Intake, mailbox: Mailbox, address: str, woken: list[tuple[str, int]]
) -> None:
    other = address + "x"
    items = [said(address, f"a{n}") for n in range(20)] + [said(other, "b")] + [said(address, "z")]
    assert (await intake.store(items)).fresh == 22
    assert sorted(woken) == sorted([(address, 1), (other, 1)])
    assert ids(await take(mailbox, address)) == [f"a{n}" for n in range(20)] + ["z"]


async def test_a_repeated_webhook_wakes_again_while_its_message_waits(
    intake: Intake, address: str, woken: list[tuple[str, int]]
) -> None:
    await intake.store([said(address, "m")])
    assert (await intake.store([said(address, "m")])).repeated == 1
    assert woken == [(address, 1), (address, 1)]


async def test_what_arrives_during_a_turn_gets_a_wake_up_of_its_own(
    intake: Intake, mailbox: Mailbox, address: str, woken: list[tuple[str, int]]
) -> None:
    await intake.store([said(address, "a")])
    lease = await take(mailbox, address)
    await intake.store([said(address, "b")])
    assert woken == [(address, 1), (address, 2)]
    assert [event.message.message_id for event in await mailbox.newer(lease) if isinstance(event, CandidateSaid)] == [
        "b"
    ]
    assert await mailbox.trim(lease, held=False) == 2
    assert ids(await take(mailbox, address)) == ["b"]


async def test_one_worker_at_a_time_and_fences_that_grow(intake: Intake, mailbox: Mailbox, address: str) -> None:
    await intake.store([said(address, "a")])
    taken = await asyncio.gather(*[mailbox.take(address) for _ in range(20)])
    leases = [each.lease for each in taken if each.lease]
    assert len(leases) == 1
    assert all(each.busy_seconds > 0 for each in taken if each.lease is None)
    await mailbox.release(leases[0], counts=False)
    again = await take(mailbox, address)
    assert again.fence > leases[0].fence


async def test_a_lease_lives_as_long_as_its_holder_and_no_longer(
    intake: Intake, mailbox: Mailbox, address: str, redis: Redis
) -> None:
    await intake.store([said(address, "a")])
    lease = await take(mailbox, address)
    lock = keys(address, "lock")[0]
    async with mailbox.held(lease):
        for _ in range(3):  # three times the length of a lease
            await asyncio.sleep(0.5)
            assert (await mailbox.take(address)).busy_seconds > 0

    async def work_while_it_is_stolen() -> None:
        async with mailbox.held(lease):
            await redis.set(lock, "somebody else")
            await asyncio.Event().wait()

    with pytest.raises(LeaseLost):
        await work_while_it_is_stolen()
    with pytest.raises(LeaseLost):
        await mailbox.trim(lease, held=False)
    with pytest.raises(LeaseLost):
        await mailbox.newer(lease)
    await redis.delete(lock)


async def test_a_holder_that_is_done_is_not_called_a_loser_by_its_own_heart(
    intake: Intake, mailbox: Mailbox, address: str
) -> None:
    await intake.store([said(address, "a")])
    lease = await take(mailbox, address)
    async with mailbox.held(lease):
        await mailbox.trim(lease, held=False)
        await asyncio.sleep(0.5)  # longer than a lease: its heart would have found the lock gone
    assert not lease.lost.is_set()


async def test_a_lease_lost_in_the_last_step_hits_nothing_behind_it(
    intake: Intake, mailbox: Mailbox, address: str, redis: Redis
) -> None:
    await intake.store([said(address, "a")])
    lease = await take(mailbox, address)

    async def lose_it() -> None:
        async with mailbox.held(lease):
            await redis.set(keys(address, "lock")[0], "somebody else")
            while not lease.lost.is_set():  # the body never gives way to its own cancellation but ends with it
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    break

    await lose_it()
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await redis.delete(keys(address, "lock")[0])


async def test_events_that_fail_every_try_are_parked_and_can_be_rearmed(
    intake: Intake, mailbox: Mailbox, redis: Redis, address: str
) -> None:
    await intake.store([said(address, "a"), said(address, "b")])
    delays = []
    for _ in range(3):
        delays.append((await mailbox.release(await take(mailbox, address), counts=True))[1])
    assert delays == sorted(delays)
    assert (await mailbox.take(address)).parked == 2
    assert await redis.zscore(DUE, address) is None  # nothing waits: no alarm, no place in the sweep
    assert await redis.ttl(keys(address, "h")[0]) > 0
    assert address in [letter.address for letter in await mailbox.letters.listed(100)]
    await intake.store([said(address, "c")])
    assert ids(await take(mailbox, address)) == ["c"]
    assert (await mailbox.letters.rearm(address))[0] == 2
    assert address not in [letter.address for letter in await mailbox.letters.listed(100)]


async def test_an_outage_never_parks_events(intake: Intake, mailbox: Mailbox, redis: Redis, address: str) -> None:
    await intake.store([said(address, "a")])
    for _ in range(10):
        lease = await take(mailbox, address)
        _, delay = await mailbox.release(lease, counts=False)
        assert delay <= 5.0
    assert (await take(mailbox, address)).tries > 1  # whoever comes next knows that somebody has begun
    await redis.delete(keys(address, "lock")[0])
    assert ids(await take(mailbox, address)) == ["a"]


async def test_a_recruiters_message_holds_the_assistant_from_the_moment_it_is_stored(
    intake: Intake, mailbox: Mailbox, address: str
) -> None:
    await intake.store([said(address, "a")])
    lease = await take(mailbox, address)
    assert (await mailbox.begin(address, "row1", assistant=True)).ok
    await intake.store([recruiter(address, 5)])
    assert (await mailbox.begin(address, "row2", assistant=True)).held
    assert (await mailbox.begin(address, "row3", assistant=False)).ok
    # The turn that did not know of the recruiter must not lift the hold.
    await mailbox.trim(lease, held=False)
    assert await mailbox.is_held(address)
    await mailbox.trim(await take(mailbox, address), held=True)
    assert await mailbox.is_held(address)


async def test_a_recruiters_message_counts_in_the_pace_once_and_for_a_minute(
    intake: Intake, mailbox: Mailbox, redis: Redis, address: str
) -> None:
    fast = time.time() + 3600  # Chatwoot's clock
    item = (address, "cw:message_created:1", "{}", False, f"written|{fast:.6f}")
    await intake.store([item])
    await intake.store([item])
    found: Any = await redis.zrange(f"{keys(address, 'desk')[0]}:pace", 0, -1, withscores=True)
    ((_, counted),) = found
    assert counted < fast - 60
    assert await mailbox.pace(address, most=2, seconds=60) == 0
    assert 55 < await mailbox.pace(address, most=2, seconds=60) <= 60


async def test_a_send_that_began_is_not_begun_again(mailbox: Mailbox, address: str) -> None:
    assert (await mailbox.begin(address, "row", assistant=True)).ok
    second = await mailbox.begin(address, "row", assistant=True)
    assert not second.ok
    assert not second.held
    assert second.sends == 1
    assert (await mailbox.begin(address, "row", assistant=True)).waited_seconds >= second.waited_seconds
    assert (await mailbox.begin(address, "row", assistant=True, again=True)).ok
    await mailbox.end(address, ["row"])
    assert (await mailbox.begin(address, "row", assistant=True)).ok


async def test_a_mailbox_whose_wake_up_was_lost_is_found(
    intake: Intake, mailbox: Mailbox, address: str, redis: Redis
) -> None:
    await intake.store([said(address, "a")])
    await redis.zincrby(DUE, -60, address)  # as if it had waited a minute
    assert (address, 1) in await mailbox.overdue(30, 1000)
    count, oldest = await mailbox.backlog()
    assert count >= 1
    assert oldest >= 60
    await mailbox.trim(await take(mailbox, address), held=False)
    assert address not in [found for found, _ in await mailbox.overdue(30, 1000)]


async def test_an_idle_mailbox_keeps_two_keys_and_both_expire(
    intake: Intake, mailbox: Mailbox, address: str, redis: Redis
) -> None:
    for number in range(50):
        await intake.store([said(address, f"m{number}")])
        await mailbox.trim(await take(mailbox, address), held=False)
    kept = [key async for key in redis.scan_iter(match=f"mb:*{address}*")]
    assert len(kept) == 2
    assert all([await redis.ttl(key) > 0 for key in kept])


async def test_an_alias_leads_to_the_mailbox_of_the_same_person(intake: Intake, mailbox: Mailbox, address: str) -> None:
    await mailbox.link(address + "old", address)
    await intake.store([said(address + "old", "a"), said(address, "b")])
    assert ids(await take(mailbox, address)) == ["a", "b"]


async def test_events_survive_their_json_round_trip(intake: Intake, mailbox: Mailbox, address: str) -> None:
    message = InboundMessage(message_id="m", sent_at=1.5, kind=Kind.TEXT, text="grüße 🙂 \ufffd مرحبا")
    event: Any = CandidateSaid(number_id="1", sender=Sender(bsuid="NL.a", profile_name="Ж"), message=message)
    await intake.store([(address, "m", msgspec.json.encode(event).decode(), False)])
    assert (await take(mailbox, address)).events == [event]
