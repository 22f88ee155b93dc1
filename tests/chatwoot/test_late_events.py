"""Chatwoot builds its events late and may lose them: what recruiters did decides, not what an event says of itself."""

import itertools
import time
import uuid
from dataclasses import dataclass, replace

import msgspec
import pytest
from redis.asyncio import Redis

from app.channels.chatwoot_inbound import desk_note, takes_over
from app.database.conversations import Owner
from app.engine.folding import fold
from app.engine.ownership import decide
from app.mailbox.intake import Intake
from app.mailbox.mailbox import Mailbox
from app.recruiting.events import DeskChanged

BOT = {"assignee_id": 1, "assignee_type": "AgentBot"}
PERSON = {"assignee_id": 2, "assignee_type": "User"}


@dataclass(frozen=True)
class Act:
    """What a recruiter does and how the conversation then stands; the event names what it changed."""

    status: str
    assignee: dict[str, object]
    changed: str


# From (pending, nobody) under the assistant; the last entry is who must speak in the end.
SEQUENCES: dict[str, tuple[list[Act], Owner]] = {
    "a person, opened, the bot": (
        [
            Act("pending", PERSON, "assignee_id"),
            Act("open", PERSON, "status"),
            Act("open", BOT, "assignee_agent_bot_id"),
        ],
        Owner.ASSISTANT,
    ),
    "pending again, then a person": (
        [Act("open", {}, "status"), Act("pending", {}, "status"), Act("pending", PERSON, "assignee_id")],
        Owner.HUMAN,
    ),
    "a person, opened, pending again": (
        [Act("pending", PERSON, "assignee_id"), Act("open", PERSON, "status"), Act("pending", PERSON, "status")],
        Owner.ASSISTANT,
    ),
    "opened by a person, resolved": (
        [Act("open", PERSON, "status"), Act("resolved", PERSON, "status")],
        Owner.NOBODY,
    ),
}


async def owner_after(redis: Redis, acts: list[Act], built: tuple[int, ...], lost: frozenset[int]) -> Owner:
    """Each event changes the owner before the next arrives; event i shows the state after act built[i]."""
    address = f"wa:1:{uuid.uuid4().hex}"
    mailbox = Mailbox(redis, lease_seconds=5.0, max_tries=3)
    await mailbox.note_status(address, "pending", assignee="")
    afterwards = time.time() + 1  # by Chatwoot's clock, behind what we have just written
    intake = Intake(redis, lambda _address, _epoch: None)
    owner = Owner.ASSISTANT
    for index, (act, shown) in enumerate(zip(acts, (acts[i] for i in built), strict=True)):
        if index in lost:
            continue
        event = DeskChanged(
            conversation_id=1,
            at=afterwards + built[index],
            event_id=f"e{index}",
            status=shown.status,
            changed=[act.changed],
            **shown.assignee,  # type: ignore[arg-type]
        )
        text = msgspec.json.encode(event).decode()
        await intake.store([(address, event.event_id, text, takes_over(event), desk_note(event))])
        lease = (await mailbox.take(address)).lease
        if lease is not None:
            owner = decide(owner, 0.0, fold(lease.events)).owner
            await mailbox.trim(lease, held=owner is Owner.HUMAN)
    return owner


@pytest.mark.parametrize("name", SEQUENCES)
async def test_events_built_as_late_as_any_later_act_tell_the_same_owner(redis: Redis, name: str) -> None:
    acts, expected = SEQUENCES[name]
    last = len(acts) - 1
    # The state before the last act was seen: merged into one, nobody could tell the order of the two.
    lateness = [range(index, len(acts)) for index in range(len(acts))]
    for built in itertools.product(*lateness):
        if last - 1 not in built[:last] or list(built) != sorted(built):
            continue
        assert await owner_after(redis, acts, built, frozenset()) is expected, built


@pytest.mark.parametrize("name", SEQUENCES)
async def test_events_that_are_lost_before_the_last_two_change_nothing(redis: Redis, name: str) -> None:
    acts, expected = SEQUENCES[name]
    in_time = tuple(range(len(acts)))
    for lost in range(len(acts) - 2):
        assert await owner_after(redis, acts, in_time, frozenset({lost})) is expected, lost


async def test_an_event_that_tells_of_the_status_but_shows_the_bot_gives_the_conversation_back(redis: Redis) -> None:
    acts = SEQUENCES["a person, opened, the bot"][0]
    # Opening was our own write and known; its event was built after the bot had been assigned.
    opened = replace(acts[1], changed="status")
    assert await owner_after(redis, [acts[0], opened, opened, acts[2]], (0, 1, 3, 3), frozenset()) is Owner.ASSISTANT


async def test_where_nothing_is_known_the_event_is_believed(redis: Redis) -> None:
    assigned = DeskChanged(
        conversation_id=1,
        at=1.0,
        event_id="e",
        status="open",
        changed=["assignee_agent_bot_id"],
        **BOT,  # type: ignore[arg-type]
    )
    assert decide(Owner.HUMAN, 0.0, fold([assigned])).owner is Owner.ASSISTANT
